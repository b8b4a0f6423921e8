//! Words on a line, with Redis's quotes.

use std::ops::Range;

/// Splits a line into words as Redis does for inline requests, its configuration file and its manifest:
/// `"…"` with escapes (`\n \r \t \b \a \xHH \\ \"`), `'…'` with `\'`. `None` if a quote is open at the end or
/// text follows a closing quote. A NUL byte ends the line.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut bytes, mut ranges) = (Vec::new(), Vec::new());
    split_into(line, &mut bytes, &mut ranges).then(|| {
        ranges
            .iter()
            .map(|range| bytes[range.start as usize..range.end as usize].to_vec())
            .collect()
    })
}

/// As [`split_words`], appending the words to `bytes` and their places to `ranges`. Returns whether the quotes
/// are balanced.
///
/// # Panics
/// If `bytes` would reach 4 GiB.
pub(crate) fn split_into(line: &[u8], bytes: &mut Vec<u8>, ranges: &mut Vec<Range<u32>>) -> bool {
    let line = &line[..line
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(line.len())];
    let mut rest = line;
    loop {
        while let [first, behind @ ..] = rest
            && is_space(*first)
        {
            rest = behind;
        }
        if rest.is_empty() {
            return true;
        }
        let start = bytes.len();
        let Some(behind) = take_word(rest, bytes) else {
            return false;
        };
        rest = behind;
        let end = u32::try_from(bytes.len()).expect("a line of words is shorter than 4 GiB");
        ranges.push(start as u32..end);
    }
}

/// Appends the first word of `rest` to `bytes` and returns what follows it; `None` if a quote goes wrong.
fn take_word<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t', ..] => return Some(rest),
            [b'"', quoted @ ..] => return after_quote(take_double_quoted(quoted, bytes)?),
            [b'\'', quoted @ ..] => return after_quote(take_single_quoted(quoted, bytes)?),
            [byte, behind @ ..] => {
                bytes.push(*byte);
                behind
            }
        };
    }
}

fn after_quote(rest: &[u8]) -> Option<&[u8]> {
    rest.first()
        .is_none_or(|byte| is_space(*byte))
        .then_some(rest)
}

fn take_double_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b'x', high, low, behind @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(hex_value(*high) << 4 | hex_value(*low));
                behind
            }
            [b'\\', escaped, behind @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                behind
            }
            [byte, behind @ ..] => {
                bytes.push(*byte);
                behind
            }
        };
    }
}

fn take_single_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'\'', behind @ ..] => return Some(behind),
            [b'\\', b'\'', behind @ ..] => {
                bytes.push(b'\'');
                behind
            }
            [byte, behind @ ..] => {
                bytes.push(*byte);
                behind
            }
        };
    }
}

/// C's `isspace`, which knows the vertical tab, unlike [`u8::is_ascii_whitespace`].
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        Some(
            split_words(line.as_bytes())?
                .iter()
                .map(|word| word.escape_ascii().to_string())
                .collect(),
        )
    }

    #[test]
    fn quotes_and_escapes_are_resolved() {
        for (line, expected) in [
            ("", &[][..]),
            (" \t ", &[]),
            ("set k v", &["set", "k", "v"]),
            ("  set\t k  v ", &["set", "k", "v"]),
            (
                r#"set k "a b\n\x41\xzz\q\"""#,
                &["set", "k", r#"a b\nAxzzq\""#],
            ),
            (r"set k 'a \n\' b'", &["set", "k", r"a \\n\' b"]),
            (r#"foo"bar" x"#, &["foobar", "x"]),
            (r#""" ''"#, &["", ""]),
            ("a\x0bb \x0c c", &[r"a\x0bb", "c"]),
            ("a b\0c", &["a", "b"]),
        ] {
            assert_eq!(
                words(line).as_deref(),
                Some(expected)
                    .map(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>())
                    .as_deref(),
                "{line:?}"
            );
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in [
            r#"""#,
            r#"set "k"#,
            r#"set "k"v"#,
            "set 'k'v",
            "'",
            r#""a\"#,
            r"'\'",
            "\"a\0\"",
        ] {
            assert_eq!(words(line), None, "{line:?}");
        }
    }
}
