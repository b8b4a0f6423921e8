//! What a request is about, without parsing all of it.

use lastsave_keyspace::lookup;

/// The command of a whole request, and its first key if it has one.
#[inline]
pub(super) fn command_and_key(request: &[u8]) -> (&'static str, &[u8]) {
    let Some(command) = word_of(request, 0).and_then(lookup) else {
        return ("?", b"");
    };
    let key = match command.keys.first {
        first @ 1.. => word_of(request, first as usize),
        _ => None,
    };
    (command.name, key.unwrap_or_default())
}

/// A word of a whole request.
#[inline]
fn word_of(request: &[u8], index: usize) -> Option<&[u8]> {
    let mut rest = behind_line(request)?.1;
    for _ in 0..index {
        let (len, behind) = behind_line(rest)?;
        rest = behind.get(len + 2..)?;
    }
    let (len, behind) = behind_line(rest)?;
    behind.get(..len)
}

/// The number in the line at the front, behind its first byte, and what comes behind the line.
#[inline]
fn behind_line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0usize;
    for (place, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            b'0'..=b'9' => {
                number = number
                    .wrapping_mul(10)
                    .wrapping_add(usize::from(byte - b'0'));
            }
            _ => return Some((number, bytes.get(place + 2..)?)),
        }
    }
    None
}
