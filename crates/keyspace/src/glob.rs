//! Redis's glob patterns: `*`, `?`, `[a-c]`, `[^a]`, `\x`.

/// Whether `text` matches `pattern`, with ASCII letters of either case equal if `ignore_case`.
///
/// Every element but `*` takes exactly one byte, so it is enough to try again from the last `*`: time is at
/// most the product of the lengths, and no pattern can exhaust the stack. As in Redis, an empty text matches
/// the empty pattern only, and a class that is not closed ends with the pattern.
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut position) = (0, 0);
    // Where the pattern goes on behind the last `*`, and the first byte that this `*` does not take yet.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if position == text.len() {
            return pattern[at..].iter().all(|byte| *byte == b'*');
        }
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            if at == pattern.len() {
                return true;
            }
            retry = Some((at, position));
            continue;
        }
        if let Some(len) = element_len_if_matching(&pattern[at..], text[position], ignore_case) {
            at += len;
            position += 1;
            continue;
        }
        match &mut retry {
            None => return false,
            Some((behind_star, untaken)) => {
                *untaken += 1;
                (at, position) = (*behind_star, *untaken);
            }
        }
    }
}

/// The length of the first element of `pattern`, which is not `*`, if it matches `byte`.
fn element_len_if_matching(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    let (matched, len) = match pattern {
        [] => (false, 0),
        [b'?', ..] => (true, 1),
        [b'[', class @ ..] => {
            let (matched, len) = match_class(class, byte, ignore_case);
            (matched, 1 + len)
        }
        [b'\\', escaped, ..] => (same(*escaped, byte, ignore_case), 2),
        [literal, ..] => (same(*literal, byte, ignore_case), 1),
    };
    matched.then_some(len)
}

/// Whether the class behind a `[` matches `byte`, and its length with the `]`.
fn match_class(class: &[u8], byte: u8, ignore_case: bool) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut rest = if negated { &class[1..] } else { class };
    let mut matched = false;
    loop {
        rest = match rest {
            [] => break,
            [b'\\', escaped, behind @ ..] => {
                matched |= *escaped == byte;
                behind
            }
            [b']', behind @ ..] => {
                rest = behind;
                break;
            }
            [first, b'-', last, behind @ ..] => {
                matched |= in_range(*first, *last, byte, ignore_case);
                behind
            }
            [literal, behind @ ..] => {
                matched |= same(*literal, byte, ignore_case);
                behind
            }
        };
    }
    (matched != negated, class.len() - rest.len())
}

/// Bytes compare as signed here, as `char` does where Redis usually runs.
fn in_range(first: u8, last: u8, byte: u8, ignore_case: bool) -> bool {
    let (low, high) = if first as i8 > last as i8 {
        (last, first)
    } else {
        (first, last)
    };
    let fold = |byte: u8| {
        if ignore_case {
            byte.to_ascii_lowercase() as i8
        } else {
            byte as i8
        }
    };
    (fold(low)..=fold(high)).contains(&fold(byte))
}

fn same(a: u8, b: u8, ignore_case: bool) -> bool {
    if ignore_case {
        a.eq_ignore_ascii_case(&b)
    } else {
        a == b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", false),
            ("", "", true),
            ("", "a", false),
            ("*", "abc", true),
            ("**", "abc", true),
            ("a*", "a", true),
            ("a**", "a", true),
            ("*c", "abc", true),
            ("*b", "abc", false),
            ("a*c*e", "abcde", true),
            ("*aab", "aaaab", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("h[c-a]llo", "hbllo", true),
            ("h[a-c]llo", "hdllo", false),
            ("[a-", "-", true),
            ("[a", "a", true),
            ("[^", "a", true),
            ("[", "[", false),
            ("[]", "]", false),
            ("[\\]]", "]", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\", "a\\", true),
            ("abc", "ab", false),
            ("ab", "abc", false),
            ("a?", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), false),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn case_is_ignored_on_request() {
        assert!(matches(b"HeL*[X-Z]?", b"hello yO", true));
        assert!(!matches(b"HeL*", b"hello", false));
        // An escaped byte of a class is compared as it is, as in Redis.
        assert!(!matches(b"[\\A]", b"a", true));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = b"a*".repeat(2_000);
        let text = [b"a".repeat(3_000).as_slice(), b"b"].concat();
        assert!(matches(&pattern, &text, false));
        assert!(!matches(&[pattern.as_slice(), b"c"].concat(), &text, false));
    }
}
