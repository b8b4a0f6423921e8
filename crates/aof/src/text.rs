//! Text as the C library reads it.

/// The length of the first line, its line end included, or `max` if it is longer, or what there is.
pub(crate) fn line_len(text: &[u8], max: usize) -> usize {
    let window = &text[..text.len().min(max)];
    window
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(window.len(), |end| end + 1)
}

/// The word as C sees it: up to its first NUL.
pub(crate) fn until_nul(word: &[u8]) -> &[u8] {
    word.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The number at the front of a word, as atoll(3) finds it: 0 if there is none.
pub(crate) fn leading_number(word: &[u8]) -> i64 {
    c_number(word).0
}

/// The number at the front of a word and how many bytes it takes, blanks and sign included, as strtol(3) finds
/// it; `(0, 0)` if there is none.
pub(crate) fn c_number(word: &[u8]) -> (i64, usize) {
    let blanks = word
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r'))
        .count();
    let sign = word.get(blanks).filter(|byte| b"+-".contains(byte));
    let digits = &word[blanks + usize::from(sign.is_some())..];
    let len = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let number = digits[..len].iter().fold(0i64, |number, byte| {
        let digit = i64::from(byte - b'0');
        let number = number.saturating_mul(10);
        if sign == Some(&b'-') {
            number.saturating_sub(digit)
        } else {
            number.saturating_add(digit)
        }
    });
    if len == 0 {
        (0, 0)
    } else {
        (number, word.len() - digits.len() + len)
    }
}
