//! The little of a client that redis-benchmark does not do: filling a server with known keys.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Commands sent at once.
const BATCH: u64 = 500;

/// Sets `keys` keys, named as redis-benchmark names them and padded to 19 bytes with `-r`'s 12 digits, to values of
/// `value_len` bytes.
pub(super) fn fill(port: u16, keys: u64, value_len: usize) -> Result<()> {
    let value = "x".repeat(value_len);
    send(port, keys, |number| {
        vec!["SET".into(), format!("key:{number:012}"), value.clone()]
    })
}

/// What [`fill_collection`] makes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Collection {
    SortedSet,
    Hash,
    Set,
    List,
}

/// Puts `len` elements under one key: members, fields or elements of 12 bytes, values of 8 bytes, and scores in an order that
/// is not the members'.
pub(super) fn fill_collection(port: u16, collection: Collection, len: u64) -> Result<()> {
    send(port, len, |number| {
        let element = format!("member{number:06}");
        let words: [&str; 4] = match collection {
            Collection::SortedSet => {
                let score = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                return vec!["ZADD".into(), "key".into(), score.to_string(), element];
            }
            Collection::Hash => ["HSET", "key", &element, "valueval"],
            Collection::Set => ["SADD", "key", &element, ""],
            Collection::List => ["RPUSH", "key", &element, ""],
        };
        let words = words.iter().filter(|word| !word.is_empty());
        words.map(ToString::to_string).collect()
    })
}

/// Sends `count` requests, some hundreds at a time, each of which is answered by one line.
fn send(port: u16, count: u64, request: impl Fn(u64) -> Vec<String>) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let (mut out, mut replies) = (Vec::new(), [0; 4096]);
    let mut next = 0;
    while next < count {
        let end = count.min(next + BATCH);
        out.clear();
        for number in next..end {
            let words = request(number);
            write!(out, "*{}\r\n", words.len())?;
            for word in words {
                write!(out, "${}\r\n{word}\r\n", word.len())?;
            }
        }
        stream.write_all(&out)?;
        let mut missing = end - next;
        while missing > 0 {
            let len = stream.read(&mut replies)?;
            let replies = &replies[..len];
            if len == 0 || replies.contains(&b'-') {
                let text = String::from_utf8_lossy(replies).into_owned();
                return Err(std::io::Error::other(text));
            }
            let lines = replies.iter().filter(|byte| **byte == b'\n').count() as u64;
            missing = missing.saturating_sub(lines);
        }
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
