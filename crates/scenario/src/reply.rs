//! Replies: where one ends, and how redis-cli prints it.

/// The length of the first whole reply in `bytes`; `None` if it is incomplete, or no reply at all.
#[inline]
pub(crate) fn reply_len(bytes: &[u8]) -> Option<usize> {
    // What the workload meets millions of times.
    if bytes.first() == Some(&b'+') && bytes.starts_with(b"+OK\r\n") {
        return Some(5);
    }
    let mut left = 1usize;
    let mut position = 0;
    while left > 0 {
        let (line, behind) = line_at(bytes, position)?;
        left -= 1;
        position = behind;
        match line.first()? {
            b'$' | b'=' | b'!' => {
                let len = number(&line[1..])?;
                if len >= 0 {
                    position = position.checked_add(len as usize)?.checked_add(2)?;
                    if position > bytes.len() {
                        return None;
                    }
                }
            }
            b'*' | b'~' | b'>' => left = left.checked_add(number(&line[1..])?.max(0) as usize)?,
            b'%' => {
                let pairs = number(&line[1..])?.max(0) as usize;
                left = left.checked_add(pairs.checked_mul(2)?)?;
            }
            _ => {}
        }
    }
    Some(position)
}

/// The line at `position` without its end, and where the next one begins.
fn line_at(bytes: &[u8], position: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(position..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&rest[..end], position + end + 2))
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A reply as redis-cli prints it to a terminal, its last line end included.
pub(crate) fn format_for_terminal(reply: &[u8]) -> String {
    let mut printer = Printer {
        bytes: reply,
        position: 0,
    };
    let mut out = String::new();
    printer.print(&mut out, "");
    out
}

/// A reply as redis-cli prints it to a pipe: bare values, one a line.
pub(crate) fn format_raw(reply: &[u8]) -> Vec<u8> {
    let mut printer = Printer {
        bytes: reply,
        position: 0,
    };
    let mut out = Vec::new();
    printer.print_raw(&mut out);
    out.push(b'\n');
    out
}

/// The bytes of a bulk or verbatim string.
pub(crate) fn bulk_text(reply: &[u8]) -> Option<&[u8]> {
    let (line, behind) = line_at(reply, 0)?;
    match line.first()? {
        b'$' => reply.get(behind..behind + usize::try_from(number(&line[1..])?).ok()?),
        // A verbatim string opens with its format and a colon: `txt:`.
        b'=' => reply.get(behind + 4..behind + usize::try_from(number(&line[1..])?).ok()?),
        _ => None,
    }
}

/// The text of an error reply.
pub(crate) fn error_text(reply: &[u8]) -> Option<&[u8]> {
    reply.strip_prefix(b"-")?.strip_suffix(b"\r\n")
}

/// Bytes in quotes, as redis-cli shows strings.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", escaped(bytes))
}

/// Bytes with everything unprintable escaped, as redis-cli does within its quotes.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'"' => out.push_str("\\\""),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            b' '..=b'~' => out.push(byte as char),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

/// Undoes [`escaped`]; `None` for what it does not make.
pub(crate) fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            out.push(letter);
            continue;
        }
        out.push(match letters.next()? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'x' => {
                let digits = [letters.next()?, letters.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            same @ (b'\\' | b'"') => same,
            _ => return None,
        });
    }
    Some(out)
}

/// Walks over a whole reply.
struct Printer<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Printer<'a> {
    fn line(&mut self) -> &'a [u8] {
        let (line, behind) = line_at(self.bytes, self.position).unwrap_or((b"", self.bytes.len()));
        self.position = behind;
        line
    }

    fn bulk(&mut self, len: usize) -> &'a [u8] {
        let bytes = self.bytes;
        let end = (self.position + len).min(bytes.len());
        let text = &bytes[self.position.min(end)..end];
        self.position = (end + 2).min(bytes.len());
        text
    }

    fn print(&mut self, out: &mut String, prefix: &str) {
        let line = self.line();
        let (kind, rest) = line.split_first().unwrap_or((&b'_', b""));
        let text = String::from_utf8_lossy(rest);
        match kind {
            b'-' => out.push_str(&format!("(error) {text}\n")),
            b'+' => out.push_str(&format!("{text}\n")),
            b':' => out.push_str(&format!("(integer) {text}\n")),
            b',' => out.push_str(&format!("(double) {text}\n")),
            b'#' => out.push_str(if rest == b"t" {
                "(true)\n"
            } else {
                "(false)\n"
            }),
            b'$' => match number(rest) {
                Some(len) if len >= 0 => {
                    out.push_str(&quoted(self.bulk(len as usize)));
                    out.push('\n');
                }
                _ => out.push_str("(nil)\n"),
            },
            b'=' => {
                let bulk = self.bulk(number(rest).unwrap_or(0).max(0) as usize);
                out.push_str(&String::from_utf8_lossy(bulk.get(4..).unwrap_or(b"")));
                out.push('\n');
            }
            b'*' | b'~' | b'>' | b'%' => match number(rest) {
                Some(len) if len >= 0 => self.print_aggregate(out, prefix, *kind, len as usize),
                _ => out.push_str("(nil)\n"),
            },
            _ => out.push_str("(nil)\n"),
        }
    }

    fn print_aggregate(&mut self, out: &mut String, prefix: &str, kind: u8, len: usize) {
        let (name, separator) = match kind {
            b'~' => ("set", '~'),
            b'%' => ("hash", '#'),
            b'>' => ("push", ')'),
            _ => ("array", ')'),
        };
        if len == 0 {
            return out.push_str(&format!("(empty {name})\n"));
        }
        let width = len.to_string().len();
        let inner = format!("{prefix}{}", " ".repeat(width + 2));
        for index in 1..=len {
            if index > 1 {
                out.push_str(prefix);
            }
            out.push_str(&format!("{index:>width$}{separator} "));
            self.print(out, &inner);
            if kind == b'%' {
                out.pop();
                out.push_str(" => ");
                self.print(out, &inner);
            }
        }
    }

    fn print_raw(&mut self, out: &mut Vec<u8>) {
        let line = self.line();
        let (kind, rest) = line.split_first().unwrap_or((&b'_', b""));
        match kind {
            b'-' => {
                out.extend_from_slice(rest);
                out.push(b'\n');
            }
            b'$' => {
                if let Some(len) = number(rest).filter(|len| *len >= 0) {
                    out.extend_from_slice(self.bulk(len as usize));
                }
            }
            b'=' => {
                let bulk = self.bulk(number(rest).unwrap_or(0).max(0) as usize);
                out.extend_from_slice(bulk.get(4..).unwrap_or(b""));
            }
            b'#' => out.extend_from_slice(if rest == b"t" { b"true" } else { b"false" }),
            b'_' => {}
            b'*' | b'~' | b'>' | b'%' => {
                let pairs = usize::from(*kind == b'%') + 1;
                let len = number(rest).unwrap_or(0).max(0) as usize;
                for index in 0..len * pairs {
                    if index > 0 {
                        out.push(if pairs == 2 && index % 2 == 1 {
                            b' '
                        } else {
                            b'\n'
                        });
                    }
                    self.print_raw(out);
                }
            }
            _ => out.extend_from_slice(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_where_its_last_value_ends() {
        for whole in [
            "+OK\r\n",
            "$5\r\nhello\r\n",
            "$-1\r\n",
            "*2\r\n:1\r\n*1\r\n$0\r\n\r\n",
            "%1\r\n+a\r\n~1\r\n_\r\n",
            "*-1\r\n",
            "*0\r\n",
            "=7\r\ntxt:a\r\n\r\n",
        ] {
            let mut bytes = whole.as_bytes().to_vec();
            for cut in 0..bytes.len() {
                assert_eq!(reply_len(&bytes[..cut]), None, "{whole:?} cut at {cut}");
            }
            bytes.extend_from_slice(b"+next\r\n");
            assert_eq!(reply_len(&bytes), Some(whole.len()), "{whole:?}");
        }
        assert_eq!(reply_len(b"*9223372036854775807\r\n"), None);
    }

    #[test]
    fn replies_print_bare_to_a_pipe() {
        for (reply, text) in [
            ("+OK\r\n", "OK\n"),
            ("$-1\r\n", "\n"),
            ("$2\r\na\n\r\n", "a\n\n"),
            ("*0\r\n", "\n"),
            ("*2\r\n$1\r\nv\r\n$-1\r\n", "v\n\n"),
            // redis-cli really ends an error twice.
            ("-ERR no\r\n", "ERR no\n\n"),
        ] {
            assert_eq!(format_raw(reply.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn replies_print_as_redis_cli_prints_them() {
        for (reply, text) in [
            ("+OK\r\n", "OK\n"),
            ("-ERR no\r\n", "(error) ERR no\n"),
            (":-3\r\n", "(integer) -3\n"),
            ("$-1\r\n", "(nil)\n"),
            ("$4\r\na\"\n\x01\r\n", "\"a\\\"\\n\\x01\"\n"),
            ("*0\r\n", "(empty array)\n"),
            (
                "*2\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n",
                "1) \"a\"\n2) 1) (integer) 1\n   2) (integer) 2\n",
            ),
            ("%1\r\n$1\r\na\r\n:1\r\n", "1# \"a\" => (integer) 1\n"),
        ] {
            assert_eq!(format_for_terminal(reply.as_bytes()), text);
        }
        let ten = format!("*10\r\n{}", ":7\r\n".repeat(10));
        let text = format_for_terminal(ten.as_bytes());
        assert!(text.starts_with(" 1) (integer) 7\n 2) "), "{text}");
        assert!(text.ends_with("\n10) (integer) 7\n"));
    }
}
