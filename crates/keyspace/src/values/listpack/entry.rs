//! One entry of a listpack: what it stands for, how it is written and how its ends are found.

use crate::number;

/// The longest text that can be an integer.
const INTEGER_TEXT_LEN: usize = 20;

/// The most bytes of a backlen.
const BACKLEN_LEN: usize = 5;

/// An entry, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An integer, which stands for its decimal text.
    Integer(i64),
    /// A string.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// `text` as an entry keeps it.
    pub fn of(text: &'a [u8]) -> Self {
        match integer_of(text) {
            Some(number) => Self::Integer(number),
            None => Self::Bytes(text),
        }
    }

    /// The length of its text in bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "an entry is no collection; nobody asks"
    )]
    pub fn len(self) -> usize {
        match self {
            Self::Integer(number) => itoa::Buffer::new().format(number).len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// The integer, if it is kept as one.
    pub fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number),
            Self::Bytes(_) => None,
        }
    }

    /// Whether its text is `text`.
    pub fn eq_text(self, text: &[u8]) -> bool {
        match self {
            Self::Integer(number) => integer_of(text) == Some(number),
            Self::Bytes(bytes) => bytes == text,
        }
    }

    /// Its text, printed into `buffer` if it is an integer.
    pub fn text<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Integer(number) => buffer.format(number).as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Its text.
    pub fn to_vec(self) -> Vec<u8> {
        self.text(&mut itoa::Buffer::new()).to_vec()
    }

    /// Adds its text to `output`.
    pub fn append_to(self, output: &mut Vec<u8>) {
        output.extend_from_slice(self.text(&mut itoa::Buffer::new()));
    }
}

/// The integer that `text` is kept as.
pub(super) fn integer_of(text: &[u8]) -> Option<i64> {
    if text.len() > INTEGER_TEXT_LEN {
        return None;
    }
    number::parse_i64(text)
}

/// An entry about to be written: encoding and integer data, then string data.
pub(super) struct Encoded<'a> {
    head: [u8; 9],
    head_len: usize,
    body: &'a [u8],
}

impl<'a> Encoded<'a> {
    pub(super) fn of(item: Item<'a>) -> Self {
        match item {
            Item::Integer(number) => Self::of_integer(number),
            Item::Bytes(bytes) => Self::of_bytes(bytes),
        }
    }

    pub(super) fn of_text(text: &'a [u8]) -> Self {
        Self::of(Item::of(text))
    }

    fn of_bytes(bytes: &'a [u8]) -> Self {
        let len = bytes.len();
        let [low, high, ..] = len.to_le_bytes();
        match len {
            ..64 => Self::new(&[0x80 | low], bytes),
            64..4096 => Self::new(&[0xe0 | high, low], bytes),
            _ => {
                let len = u32::try_from(len).expect("a listpack is far below 4 GiB");
                let [a, b, c, d] = len.to_le_bytes();
                Self::new(&[0xf0, a, b, c, d], bytes)
            }
        }
    }

    pub(super) fn of_integer(number: i64) -> Self {
        let [a, b, c, d, rest @ ..] = number.to_le_bytes();
        match number {
            0..=127 => Self::new(&[a], &[]),
            -4096..=4095 => Self::new(&[0xc0 | (b & 0x1f), a], &[]),
            -0x8000..=0x7fff => Self::new(&[0xf1, a, b], &[]),
            -0x80_0000..=0x7f_ffff => Self::new(&[0xf2, a, b, c], &[]),
            -0x8000_0000..=0x7fff_ffff => Self::new(&[0xf3, a, b, c, d], &[]),
            _ => {
                let [e, f, g, h] = rest;
                Self::new(&[0xf4, a, b, c, d, e, f, g, h], &[])
            }
        }
    }

    fn new(parts: &[u8], body: &'a [u8]) -> Self {
        let mut head = [0; 9];
        head[..parts.len()].copy_from_slice(parts);
        Self {
            head,
            head_len: parts.len(),
            body,
        }
    }

    pub(super) fn len(&self) -> usize {
        let len = self.head_len + self.body.len();
        len + backlen_len(len)
    }

    /// Writes the entry over `target`, which has its length.
    pub(super) fn write(&self, target: &mut [u8]) {
        let (head, rest) = target.split_at_mut(self.head_len);
        head.copy_from_slice(&self.head[..self.head_len]);
        let (body, backlen) = rest.split_at_mut(self.body.len());
        body.copy_from_slice(self.body);
        backlen.copy_from_slice(backlen_of(self.head_len + self.body.len()).as_slice());
    }
}

/// How many bytes the backlen of `len` takes. Each limit is one lower than seven bits more would need.
fn backlen_len(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => BACKLEN_LEN,
    }
}

struct Backlen {
    bytes: [u8; BACKLEN_LEN],
    from: usize,
}

impl Backlen {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

fn backlen_of(len: usize) -> Backlen {
    let from = BACKLEN_LEN - backlen_len(len);
    let mut bytes = [0; BACKLEN_LEN];
    let mut rest = len;
    for byte in bytes[from..].iter_mut().rev() {
        *byte = 0x80 | (rest & 0x7f) as u8;
        rest >>= 7;
    }
    // The first byte in writing order is where reading backwards ends.
    bytes[from] &= 0x7f;
    Backlen { bytes, from }
}

/// The length of the encoding, and of the data behind it, of the entry that begins with `entry`. `None` if that is
/// not long enough to tell, or no entry.
fn entry_parts(entry: &[u8]) -> Option<(usize, usize)> {
    Some(match *entry {
        [0..=0x7f, ..] => (1, 0),
        [first @ 0x80..=0xbf, ..] => (1, usize::from(first & 0x3f)),
        [0xc0..=0xdf, ..] => (1, 1),
        [first @ 0xe0..=0xef, low, ..] => (2, usize::from(first & 0x0f) << 8 | usize::from(low)),
        [0xf0, a, b, c, d, ..] => (5, u32::from_le_bytes([a, b, c, d]) as usize),
        [0xf1, ..] => (1, 2),
        [0xf2, ..] => (1, 3),
        [0xf3, ..] => (1, 4),
        [0xf4, ..] => (1, 8),
        _ => return None,
    })
}

/// The end of the entry at `at` of a well-formed listpack, backlen included.
pub(super) fn entry_end(bytes: &[u8], at: usize) -> usize {
    let (head, body) = entry_parts(&bytes[at..]).expect("a listpack is well-formed");
    let len = head + body;
    at + len + backlen_len(len)
}

/// The end of the entry at `at`, if it is a whole and sound entry of `bytes`.
pub(super) fn checked_entry_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let (head, body) = entry_parts(rest)?;
    let len = head.checked_add(body)?;
    let end = len.checked_add(backlen_len(len))?;
    let backlen = rest.get(len..end)?;
    (backlen == backlen_of(len).as_slice()).then_some(at + end)
}

/// The beginning of the entry that ends at `end`, backlen included.
pub(super) fn entry_start(bytes: &[u8], end: usize) -> usize {
    let mut len = 0;
    let mut shift = 0;
    let mut at = end - 1;
    loop {
        let byte = bytes[at];
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return at - len;
        }
        shift += 7;
        at -= 1;
    }
}

pub(super) fn item_at(bytes: &[u8], at: usize) -> Item<'_> {
    let entry = &bytes[at..];
    match *entry {
        [small @ 0..=0x7f, ..] => Item::Integer(i64::from(small)),
        [first @ 0x80..=0xbf, ref rest @ ..] => Item::Bytes(&rest[..usize::from(first & 0x3f)]),
        [first @ 0xc0..=0xdf, low, ..] => {
            let number = i16::from_le_bytes([low, first & 0x1f]) << 3 >> 3;
            Item::Integer(i64::from(number))
        }
        [0xf1, a, b, ..] => Item::Integer(i64::from(i16::from_le_bytes([a, b]))),
        [0xf2, a, b, c, ..] => Item::Integer(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)),
        [0xf3, a, b, c, d, ..] => Item::Integer(i64::from(i32::from_le_bytes([a, b, c, d]))),
        [0xf4, a, b, c, d, e, f, g, h, ..] => {
            Item::Integer(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
        }
        _ => {
            let (head, body) = entry_parts(entry).expect("a listpack is well-formed");
            Item::Bytes(&entry[head..head + body])
        }
    }
}
