//! Numbers as text, exactly as Redis reads and prints them.

mod big;
mod double;
mod long_double;
pub(crate) mod trigonometry;

pub use double::{
    double_to_integer, parse_double, parse_score_bound, print_double, print_double_plainly,
};
pub use lastsave_resp::parse_i64;
pub use long_double::LongDouble;

/// Reads a cursor as C's `strtoul` does, which Redis calls for it: an optional sign, then digits. `None` for
/// anything else, and for a number that 64 bits cannot hold. Nothing at all is 0.
pub fn parse_cursor(text: &[u8]) -> Option<u64> {
    let text = &text[..text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0);
    }
    parse_wrapping_u64(text)
}

/// Reads an optional sign and digits as C's `strtoul` does: a negative number counts from 2^64 downwards. `None` for
/// anything else, and for a number that 64 bits cannot hold.
pub(crate) fn parse_wrapping_u64(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(if negative {
        number.wrapping_neg()
    } else {
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors() {
        for (text, expected) in [
            ("0", Some(0)),
            ("", Some(0)),
            ("007", Some(7)),
            ("+7", Some(7)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("a", None),
            ("-", None),
            (" 1", None),
            ("1 ", None),
            ("1\0x", Some(1)),
        ] {
            assert_eq!(parse_cursor(text.as_bytes()), expected, "{text}");
        }
    }
}
