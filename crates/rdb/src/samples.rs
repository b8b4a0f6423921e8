//! Strings for tests, and what the real server wrote for them.

/// A file of the real server. See `testdata/README.md`.
pub(crate) const STRINGS_RDB: &[u8] = include_bytes!("../testdata/strings.rdb");

/// The server's answer to DUMP.
pub(crate) enum Dump {
    Whole(Vec<u8>),
    LengthAndChecksum(usize, Vec<u8>),
}

/// Strings, with the server's answer to DUMP of each.
pub(crate) fn dumps() -> Vec<(Vec<u8>, Dump)> {
    include_str!("../testdata/dump.golden")
        .lines()
        .map(|line| {
            let (string, answer) = line.split_once(' ').expect("two columns");
            match (string.split_once(':'), answer.split_once(':')) {
                (Some((recipe, length)), Some((answer_length, checksum))) => (
                    sample(recipe, length.parse().expect("a length")),
                    Dump::LengthAndChecksum(
                        answer_length.parse().expect("a length"),
                        unhex(checksum),
                    ),
                ),
                _ => (unhex(string), Dump::Whole(unhex(answer))),
            }
        })
        .collect()
}

/// Values of every type and encoding: their names, and the server's answer to DUMP.
pub(crate) fn values() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    include_str!("../testdata/values.golden")
        .lines()
        .map(|line| {
            let (name, payload) = line.split_once(' ').expect("two columns");
            (name, unhex(payload))
        })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim_start_matches('-').as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).expect("a hexadecimal digit") as u8;
    digits
        .chunks(2)
        .map(|pair| value(pair[0]) << 4 | value(pair[1]))
        .collect()
}

/// A long string of a given texture, always the same.
pub(crate) fn sample(recipe: &str, length: usize) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "redis", "append", "only", "file", "snapshot", "crash", "key", "value", "the", "a",
        "expire", "sync", "page", "disk", "write", "log",
    ];
    let mut state = length as u64;
    let mut bytes = Vec::new();
    while bytes.len() < length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match recipe {
            "words" => bytes.extend(format!("{} ", WORDS[(state >> 60) as usize]).bytes()),
            "bytes" => bytes.push((state >> 56) as u8),
            "letters" => bytes.push(b'a' + (state >> 60) as u8),
            "bits" => bytes.push(b'a' + (state >> 63) as u8),
            "json" => {
                let id = state >> 44;
                bytes
                    .extend(format!("{{\"id\":{id},\"ok\":true,\"tags\":[\"a\",\"b\"]}},").bytes());
            }
            "runs" => {
                let letter = b'a' + (state >> 62) as u8;
                bytes.extend(std::iter::repeat_n(letter, 1 + (state >> 32) as usize % 40));
            }
            other => panic!("no recipe {other}"),
        }
    }
    bytes.truncate(length);
    bytes
}
