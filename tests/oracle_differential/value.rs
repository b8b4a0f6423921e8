//! Answers in either protocol, as they come over a connection.

use std::fmt;
use std::io::BufRead;

/// An answer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    /// `+`, and what RESP3 has for single values: kind and text.
    Line(u8, Vec<u8>),
    Integer(i64),
    Bulk(Vec<u8>),
    /// `$-1`, `*-1` or `_`, told apart by their first byte.
    Null(u8),
    /// `*`, `~`, `>` and `%` (its pairs one behind the other), told apart by their first byte.
    Array(u8, Vec<Value>),
}

impl Value {
    pub(crate) fn read(from: &mut impl BufRead) -> std::io::Result<Self> {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\r\n") {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.len() - 2);
        let wrong = || std::io::Error::other(format!("no answer: {}", line.escape_ascii()));
        let (kind, rest) = line.split_first().ok_or_else(wrong)?;
        let number = || -> std::io::Result<i64> {
            let text = std::str::from_utf8(rest).map_err(|_| wrong())?;
            text.parse().map_err(|_| wrong())
        };
        Ok(match kind {
            b':' => Self::Integer(number()?),
            b'$' | b'=' => match number()? {
                -1 => Self::Null(*kind),
                len => {
                    let mut bytes = vec![0; len as usize + 2];
                    from.read_exact(&mut bytes)?;
                    bytes.truncate(len as usize);
                    Self::Bulk(bytes)
                }
            },
            b'*' | b'~' | b'>' | b'%' => match number()? {
                -1 => Self::Null(*kind),
                len => {
                    let values = if *kind == b'%' { 2 * len } else { len };
                    let items: std::io::Result<_> = (0..values).map(|_| Self::read(from)).collect();
                    Self::Array(*kind, items?)
                }
            },
            b'_' => Self::Null(b'_'),
            b'+' | b'-' | b',' | b'#' | b'(' => Self::Line(*kind, rest.to_vec()),
            _ => return Err(wrong()),
        })
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self, Self::Line(b'-', _))
    }

    /// The items of an array; none of anything else.
    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Self::Array(_, items) => items,
            _ => &[],
        }
    }

    /// The text of a string or a line.
    pub(crate) fn text(&self) -> &[u8] {
        match self {
            Self::Bulk(text) | Self::Line(_, text) => text,
            _ => b"",
        }
    }
}

/// As a reader likes to compare two of them.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(kind, text) => write!(f, "{}{}", *kind as char, text.escape_ascii()),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Bulk(text) => write!(f, "\"{}\"", text.escape_ascii()),
            Self::Null(kind) => write!(f, "null({})", *kind as char),
            Self::Array(kind, items) => {
                write!(f, "{}", *kind as char)?;
                f.debug_list().entries(items).finish()
            }
        }
    }
}
