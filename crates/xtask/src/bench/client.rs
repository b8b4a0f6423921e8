//! The little of a client that redis-benchmark does not do: filling a server with known keys.

use std::io::{Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

/// Commands sent at once.
const BATCH: u64 = 500;

/// Bytes of a [`key`].
pub(super) const KEY_LEN: usize = 16;

/// A key, named as redis-benchmark names them with `-r`.
pub(super) fn key(number: u64) -> String {
    format!("key:{number:012}")
}

/// SET of a key to a value of so many bytes.
pub(super) fn set(key: &str, value_len: usize) -> Vec<u8> {
    request(&["SET", key, &"x".repeat(value_len)])
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len());
    for word in words {
        out += &format!("${}\r\n{word}\r\n", word.len());
    }
    out.into_bytes()
}

/// Sets `keys` keys to values of `value_len` bytes.
pub(super) fn fill(port: u16, keys: u64, value_len: usize) -> Result<()> {
    send(port, keys, BATCH, |number| set(&key(number), value_len))
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
    send(port, len, BATCH, |number| {
        let element = format!("member{number:06}");
        let words: [&str; 4] = match collection {
            Collection::SortedSet => {
                let score = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                return request(&["ZADD", "key", &score.to_string(), &element]);
            }
            Collection::Hash => ["HSET", "key", &element, "valueval"],
            Collection::Set => ["SADD", "key", &element, ""],
            Collection::List => ["RPUSH", "key", &element, ""],
        };
        let words = words.split(|word| word.is_empty()).next();
        request(words.expect("split yields something"))
    })
}

/// Sends `count` requests, `batch` at a time, each of which is answered by one line.
pub(super) fn send(
    port: u16,
    count: u64,
    batch: u64,
    mut request: impl FnMut(u64) -> Vec<u8>,
) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let (mut out, mut replies) = (Vec::new(), [0; 4096]);
    let mut next = 0;
    while next < count {
        let end = count.min(next + batch);
        out.clear();
        for number in next..end {
            out.extend(request(number));
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

/// A connection for one command after the other, each with a short reply.
pub(super) struct Client(TcpStream);

impl Client {
    /// A new one.
    pub(super) fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// The reply to a command, as it comes; an error if that is what it is. Replies of more than one line are read up to a
    /// line of `end`.
    pub(super) fn call(&mut self, request: &[u8], end: &[u8]) -> Result<Vec<u8>> {
        self.0.write_all(request)?;
        let (mut reply, mut buffer) = (Vec::new(), [0; 4096]);
        while !reply.ends_with(end) {
            let len = self.0.read(&mut buffer)?;
            reply.extend_from_slice(&buffer[..len]);
            if len == 0 || reply.starts_with(b"-") {
                let text = String::from_utf8_lossy(&reply).into_owned();
                return Err(std::io::Error::other(text));
            }
        }
        Ok(reply)
    }

    /// The number that INFO persistence has under this name.
    pub(super) fn persistence(&mut self, name: &str) -> Result<u64> {
        let reply = self.call(b"INFO persistence\r\n", b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&reply);
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| std::io::Error::other(format!("INFO does not say {name}: {text}")))
    }
}

/// How long a command takes that is answered by one line, in seconds.
pub(super) fn time_call(port: u16, command: &str) -> Result<f64> {
    let mut client = Client::connect(port)?;
    let started = Instant::now();
    client.call(format!("{command}\r\n").as_bytes(), b"\r\n")?;
    Ok(started.elapsed().as_secs_f64())
}

/// Whether a server answers at this port, and has loaded what it had to.
pub(super) fn answers(port: u16) -> bool {
    time_call(port, "PING").is_ok()
}
