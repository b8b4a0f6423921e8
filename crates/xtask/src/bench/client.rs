//! The little of a client that redis-benchmark does not do: filling a server with known keys.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Commands sent at once.
const BATCH: u64 = 500;

/// Sets `keys` keys, named as redis-benchmark names them and padded to 19 bytes with `-r`'s 12 digits, to values of
/// `value_len` bytes.
pub(super) fn fill(port: u16, keys: u64, value_len: usize) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let value = "x".repeat(value_len);
    let mut out = Vec::new();
    let mut next = 0;
    while next < keys {
        let end = keys.min(next + BATCH);
        out.clear();
        for number in next..end {
            let key = format!("key:{number:012}");
            out.extend_from_slice(
                format!(
                    "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${value_len}\r\n{value}\r\n",
                    key.len()
                )
                .as_bytes(),
            );
        }
        stream.write_all(&out)?;
        let mut replies = vec![0; (end - next) as usize * b"+OK\r\n".len()];
        stream.read_exact(&mut replies)?;
        next = end;
    }
    Ok(())
}

/// How long a command takes that is answered by `+…`, in seconds.
pub(super) fn time_call(port: u16, words: &[&str]) -> Result<f64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let started = Instant::now();
    stream.write_all(format!("{}\r\n", words.join(" ")).as_bytes())?;
    let mut reply = [0; 64];
    let len = stream.read(&mut reply)?;
    if reply[..len].starts_with(b"+") {
        Ok(started.elapsed().as_secs_f64())
    } else {
        let text = String::from_utf8_lossy(&reply[..len]).into_owned();
        Err(std::io::Error::other(text))
    }
}

/// Whether a server answers at this port.
pub(super) fn answers(port: u16) -> bool {
    time_call(port, &["PING"]).is_ok()
}
