//! The values that are more than one number, name or text: save points, addresses, limits. Each function turns the
//! words behind a parameter's name into the text that CONFIG GET prints, or says in Redis's words why not.

use super::kind::parse_memory;

/// `save`: pairs of seconds and changes. A single empty word means none.
pub(super) fn save_points(words: &[&str]) -> Result<String, String> {
    if *words == [""] {
        return Ok(String::new());
    }
    let invalid = || "Invalid save parameters".to_owned();
    if !words.len().is_multiple_of(2) {
        return Err(invalid());
    }
    let mut numbers = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        let least = if index.is_multiple_of(2) { 1 } else { 0 };
        let number = parse_c_integer(word).filter(|number| *number >= least);
        numbers.push(number.ok_or_else(invalid)?.to_string());
    }
    Ok(numbers.join(" "))
}

/// `bind`: up to 16 addresses. A single empty word means none.
pub(super) fn bind(words: &[&str]) -> Result<String, String> {
    const MOST: usize = 16;
    if words.len() > MOST {
        return Err("Too many bind addresses specified.".into());
    }
    // No such address can be listened on, and none can be written to a file so that it reads the same.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte);
    if !words.iter().all(|word| word.bytes().all(is_plain)) {
        return Err("Failed to bind to specified addresses.".into());
    }
    Ok(words.join(" "))
}

/// `replicaof`: host and port, or `no one`.
pub(super) fn replicaof(words: &[&str]) -> Result<String, String> {
    let [host, port] = *words else {
        return Err("wrong number of arguments".into());
    };
    if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") {
        return Ok(String::new());
    }
    match parse_c_integer(port) {
        Some(port @ 0..=65535) => Ok(format!("{host} {port}")),
        _ => Err("Invalid master port".into()),
    }
}

/// The classes of clients that have output buffer limits, in the order that they are printed in.
const CLIENT_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

/// `client-output-buffer-limit`: `class hard soft seconds`, repeated; classes that are not named keep their limits.
pub(super) fn output_buffer_limits(current: &str, words: &[&str]) -> Result<String, String> {
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    let mut limits: Vec<String> = current
        .split(' ')
        .collect::<Vec<_>>()
        .chunks(4)
        .map(|class| class.join(" "))
        .collect();
    for limit in words.chunks_exact(4) {
        let class = match limit[0].to_ascii_lowercase().as_str() {
            "normal" => 0,
            "slave" | "replica" => 1,
            "pubsub" => 2,
            _ => {
                return Err("Invalid client class specified in buffer limit configuration.".into());
            }
        };
        let hard = parse_memory(limit[1]);
        let soft = parse_memory(limit[2]);
        let seconds = parse_c_integer(limit[3]).filter(|seconds| *seconds >= 0);
        let (Some(hard), Some(soft), Some(seconds)) = (hard, soft, seconds) else {
            return Err(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.".into(),
            );
        };
        limits[class] = format!("{} {hard} {soft} {seconds}", CLIENT_CLASSES[class]);
    }
    Ok(limits.join(" "))
}

/// `oom-score-adj-values`: three numbers between -2000 and 2000.
pub(super) fn oom_score_adj_values(words: &[&str]) -> Result<String, String> {
    if words.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    let mut numbers = Vec::new();
    for word in words {
        match parse_c_integer(word) {
            Some(number @ -2000..=2000) => numbers.push(number.to_string()),
            _ => {
                return Err(
                    "Invalid oom-score-adj-values, elements must be between -2000 and 2000.".into(),
                );
            }
        }
    }
    Ok(numbers.join(" "))
}

/// `notify-keyspace-events`: letters, each a class of events.
pub(super) fn notify_keyspace_events(word: &str) -> Result<String, String> {
    const ALL: &str = "g$lshzxetd";
    if !word
        .chars()
        .all(|letter| ALL.contains(letter) || "AKEmn".contains(letter))
    {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into());
    }
    let given = |letter: &char| word.contains(*letter);
    let mut text = String::new();
    if given(&'A') || ALL.chars().all(|letter| given(&letter)) {
        text.push('A');
    } else {
        text.extend(ALL.chars().filter(given));
    }
    text.extend(['n'].into_iter().filter(given));
    text.extend(['K', 'E', 'm'].into_iter().filter(given));
    Ok(text)
}

/// `latency-tracking-info-percentiles`: numbers between 0 and 100. A single empty word means none.
pub(super) fn percentiles(words: &[&str]) -> Result<String, String> {
    if *words == [""] {
        return Ok(String::new());
    }
    let mut numbers = Vec::new();
    for word in words {
        let Some(percentile) = word.parse::<f64>().ok().filter(|number| !number.is_nan()) else {
            return Err("Invalid latency-tracking-info-percentiles parameters".into());
        };
        if !(0.0..=100.0).contains(&percentile) {
            return Err(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                    .into(),
            );
        }
        let text = format!("{percentile:.6}");
        numbers.push(text.trim_end_matches('0').trim_end_matches('.').to_owned());
    }
    Ok(numbers.join(" "))
}

/// `dir`: the folder that `word` names from the folder `current`, without `.`, `..` and doubled slashes where that
/// can be said without asking a file system. A server that has its absolute folder as `current` gets an absolute one.
pub(super) fn directory(current: &str, word: &str) -> String {
    let from = if word.starts_with('/') { "" } else { current };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(word.split('/')) {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            ("..", None) if word.starts_with('/') || current.starts_with('/') => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if word.starts_with('/') || current.starts_with('/') {
        format!("/{joined}")
    } else if joined.is_empty() {
        ".".into()
    } else {
        joined
    }
}

/// An integer as C's `strtoll` in base 10 reads a whole text: white space and a sign may stand before the digits,
/// too many digits saturate, and an empty text is 0.
pub(super) fn parse_c_integer(word: &str) -> Option<i64> {
    let text = word.trim_start_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return word.is_empty().then_some(0);
    }
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value = digits.bytes().fold(0i64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    Some(if negative { -value } else { value })
}
