//! A glance at the requests to come, so that the memory that they will need can be asked for early.

/// The second word (for most commands the key) of the multibulk request at the front of `input`, if it has one, and
/// how many bytes the request takes. `None` if it is not whole, not multibulk, or in any way odd.
///
/// Only a hint: what a request means is [`crate::RequestParser`]'s to say.
#[inline]
pub fn look_ahead(input: &[u8]) -> Option<(Option<&[u8]>, usize)> {
    let (count, mut position) = header(input, 0, b'*')?;
    let mut key = None;
    for index in 0..count {
        let (len, start) = header(input, position, b'$')?;
        position = start + len + 2;
        if position > input.len() {
            return None;
        }
        if index == 1 {
            key = Some(&input[start..start + len]);
        }
    }
    Some((key, position))
}

/// The number of a line of one to seven digits behind `opening`, and the offset behind it.
#[inline]
fn header(input: &[u8], position: usize, opening: u8) -> Option<(usize, usize)> {
    const MOST_DIGITS: usize = 7;
    let line = input.get(position..)?;
    if *line.first()? != opening {
        return None;
    }
    let mut number = 0;
    for (index, byte) in line[1..].iter().take(MOST_DIGITS + 1).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            number = number * 10 + usize::from(digit);
        } else {
            return (*byte == b'\r' && index > 0).then_some((number, position + index + 3));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";

    #[test]
    fn the_key_is_the_second_word() {
        let two = [GET, b"*1\r\n$4\r\nPING\r\n"].concat();
        assert_eq!(look_ahead(&two), Some((Some(&b"key"[..]), GET.len())));
        assert_eq!(look_ahead(&two[GET.len()..]), Some((None, 14)));
    }

    #[test]
    fn what_is_not_whole_or_odd_is_left_alone() {
        for len in 0..GET.len() {
            assert_eq!(look_ahead(&GET[..len]), None, "{len} bytes");
        }
        for odd in [
            &b"GET key\r\n"[..],
            b"*-1\r\n",
            b"*\r\n",
            b"*99999999\r\n$1\r\n",
            b"*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n",
            b"*2\r\n+OK\r\n",
        ] {
            assert_eq!(look_ahead(odd), None);
        }
    }
}
