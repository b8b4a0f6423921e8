//! Redis's glob patterns: `*`, `?`, `[a-c]`, `[^a]`, `\x`.

/// Whether `text` matches `pattern`, with letters of either case equal if `ignore_case`.
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let _ = (pattern, text, ignore_case);
    todo!("helper")
}
