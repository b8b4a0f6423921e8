//! The Tab key, and the hint behind the cursor.

use lastsave_engine::config;
use lastsave_keyspace::{COMMANDS, Command, lookup, lookup_subcommand};

use super::words::{Arguments, WORDS, find};
use super::{Completion, Mode, Shell, redis};

/// Candidates at most.
const MAX_CANDIDATES: usize = 64;

/// See [`Shell::complete`].
pub(super) fn complete(shell: &Shell, line: &str) -> Completion {
    // Only what stands behind the last pipe or separator counts.
    let segment_start = line.rfind(['|', ';', '&']).map_or(0, |index| index + 1);
    let segment = &line[segment_start..];
    let word_start = segment.rfind(char::is_whitespace).map_or(0, |index| {
        index + segment[index..].chars().next().map_or(1, char::len_utf8)
    });
    let partial = &segment[word_start..];
    let before: Vec<&str> = segment[..word_start].split_whitespace().collect();
    let mut candidates = match &shell.mode {
        Mode::Redis(_) => redis_candidates(&before, partial),
        Mode::Shell => shell_candidates(shell, &before, partial),
        _ => Vec::new(),
    };
    candidates.dedup();
    candidates.truncate(MAX_CANDIDATES);
    let hint = match &shell.mode {
        Mode::Redis(_) => redis_hint(&before, partial),
        Mode::Shell => shell_hint(&before, partial),
        _ => String::new(),
    };
    Completion {
        start: segment_start + word_start,
        candidates,
        hint,
    }
}

fn shell_candidates(shell: &Shell, before: &[&str], partial: &str) -> Vec<String> {
    let Some((first, rest)) = before.split_first() else {
        let mut names = beginning(WORDS.iter().map(|word| word.name), partial);
        if !partial.is_empty() {
            names.extend(redis_candidates(&[], partial));
        }
        return names;
    };
    let Some(word) = find(first) else {
        return if lookup(first.as_bytes()).is_some() {
            redis_candidates(before, partial)
        } else {
            Vec::new()
        };
    };
    match word.arguments {
        Arguments::Free => Vec::new(),
        Arguments::Files => shell.paths_beginning(partial),
        Arguments::Faults => beginning(super::fault::following(rest), partial),
        Arguments::Choices(_) if word.name == "workload" && rest.last() == Some(&"file") => {
            shell.paths_beginning(partial)
        }
        Arguments::Choices(choices) => beginning(choices.iter().copied(), partial),
        Arguments::Words => {
            let mut names = beginning(WORDS.iter().map(|word| word.name), partial);
            names.extend(redis_candidates(&[], partial));
            names
        }
        Arguments::Redis => {
            if partial.starts_with('-') {
                return beginning(["-p", "-n", "-r", "-x", "--raw", "--rdb"], partial);
            }
            if rest.last() == Some(&"--rdb") {
                return shell.paths_beginning(partial);
            }
            redis_candidates(without_options(rest), partial)
        }
        Arguments::Server => match partial.strip_prefix("--") {
            Some(name) => {
                let names = config::PARAMETERS.iter().map(|parameter| parameter.name);
                let names = beginning(names, name).into_iter();
                names.map(|name| format!("--{name}")).collect()
            }
            None => match rest.last().and_then(|option| option.strip_prefix("--")) {
                Some(name) => values(name, partial),
                None => shell.paths_beginning(partial),
            },
        },
    }
}

/// The words behind redis-cli's own options.
fn without_options<'a, 'b>(mut words: &'a [&'b str]) -> &'a [&'b str] {
    while let [option, rest @ ..] = words
        && option.starts_with('-')
    {
        let takes_value = matches!(*option, "-p" | "-n" | "-h" | "-r" | "-a" | "-i" | "--rdb");
        words = if takes_value && !rest.is_empty() {
            &rest[1..]
        } else {
            rest
        };
    }
    words
}

/// What could stand at `partial` in a Redis command that begins with `before`.
fn redis_candidates(before: &[&str], partial: &str) -> Vec<String> {
    let upper = partial.chars().all(|c| !c.is_ascii_lowercase());
    let cased = |name: &str| {
        if upper {
            name.to_ascii_uppercase()
        } else {
            name.to_owned()
        }
    };
    let lower = partial.to_ascii_lowercase();
    match *before {
        [] => beginning(COMMANDS.iter().map(|command| command.name), &lower)
            .iter()
            .map(|name| cased(name))
            .collect(),
        [container] => lookup(container.as_bytes())
            .map(|command| {
                let names = command.subcommands.iter().map(|sub| sub.name);
                beginning(names, &lower)
                    .iter()
                    .map(|name| cased(name))
                    .collect()
            })
            .unwrap_or_default(),
        [container, sub, ref rest @ ..] if container.eq_ignore_ascii_case("config") => {
            let is_set = sub.eq_ignore_ascii_case("set");
            match rest {
                [.., name] if is_set && rest.len() % 2 == 1 => values(name, &lower),
                _ if is_set || sub.eq_ignore_ascii_case("get") => beginning(
                    config::PARAMETERS
                        .iter()
                        .filter(|parameter| !is_set || parameter.is_mutable())
                        .map(|parameter| parameter.name),
                    &lower,
                ),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

/// The values of a parameter that begin with `partial`.
fn values(name: &str, partial: &str) -> Vec<String> {
    let Some(parameter) = config::parameter(name.as_bytes()) else {
        return Vec::new();
    };
    let mut values = crate::world::choices(parameter);
    values.retain(|value| value.starts_with(partial));
    values
}

fn beginning<'a>(names: impl IntoIterator<Item = &'a str>, partial: &str) -> Vec<String> {
    let names = names.into_iter().filter(|name| name.starts_with(partial));
    names.map(str::to_owned).collect()
}

// Hints.

fn shell_hint(before: &[&str], partial: &str) -> String {
    let words: Vec<&str> = before
        .iter()
        .copied()
        .chain((!partial.is_empty()).then_some(partial))
        .collect();
    let Some((first, rest)) = words.split_first() else {
        return String::new();
    };
    if let Some(word) = find(first) {
        if *first == "redis-cli" {
            let rest = without_options(rest);
            if !rest.is_empty() {
                return command_hint(rest);
            }
        }
        return if rest.is_empty() {
            word.usage.into()
        } else {
            String::new()
        };
    }
    if redis::is_command(first) {
        command_hint(&words)
    } else {
        String::new()
    }
}

fn redis_hint(before: &[&str], partial: &str) -> String {
    let words: Vec<&str> = before
        .iter()
        .copied()
        .chain((!partial.is_empty()).then_some(partial))
        .collect();
    command_hint(&words)
}

/// The arguments of a Redis command still to come.
fn command_hint(words: &[&str]) -> String {
    let Some((first, rest)) = words.split_first() else {
        return String::new();
    };
    let Some(command) = lookup(first.as_bytes()) else {
        return String::new();
    };
    let (command, given): (&Command, &[&str]) = match rest.split_first() {
        Some((sub, behind)) => match lookup_subcommand(command, sub.as_bytes()) {
            Some(sub) => (sub, behind),
            None => (command, rest),
        },
        None => (command, rest),
    };
    as_redis_cli(&remaining(command.arguments, given))
}

/// Arguments as redis-cli hints at them: `NX|XX` rather than `<NX | XX>`.
fn as_redis_cli(arguments: &str) -> String {
    arguments.replace(" | ", "|").replace(['<', '>'], "")
}

/// What of `arguments` is left when `given` words stand already. Options in brackets are taken in any order.
fn remaining(arguments: &str, given: &[&str]) -> String {
    let mut parts = split_arguments(arguments);
    for word in given {
        if let Some(index) = parts
            .iter()
            .position(|part| part.starts_with('[') && first_word_is(part, word))
        {
            parts.remove(index);
            continue;
        }
        let Some(part) = parts.first() else { break };
        // `[key …]` may come any number of times.
        if !(part.starts_with('[') && (part.contains("...") || part.contains('…'))) {
            parts.remove(0);
        }
    }
    parts.join(" ")
}

/// Whether an optional part begins with this word, or with one of its alternatives.
fn first_word_is(part: &str, word: &str) -> bool {
    part.trim_matches(['[', ']'])
        .split('|')
        .filter_map(|alternative| alternative.split_whitespace().next())
        .any(|first| {
            first.eq_ignore_ascii_case(word) && first.chars().all(|c| c.is_ascii_uppercase())
        })
}

/// Splits at spaces outside brackets.
fn split_arguments(arguments: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut depth = 0;
    for c in arguments.chars() {
        match c {
            '[' | '<' | '(' => depth += 1,
            ']' | '>' | ')' => depth -= 1,
            ' ' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_shrink_as_arguments_come() {
        let arguments = "key value [NX | XX] [GET] [EX seconds | PX milliseconds]";
        assert_eq!(remaining(arguments, &[]), arguments);
        assert_eq!(
            remaining(arguments, &["k"]),
            "value [NX | XX] [GET] [EX seconds | PX milliseconds]"
        );
        assert_eq!(
            remaining(arguments, &["k", "v", "get"]),
            "[NX | XX] [EX seconds | PX milliseconds]"
        );
    }

    #[test]
    fn words_commands_parameters_and_values_complete() {
        let shell = Shell::new(1);
        let candidates = |line: &str| shell.complete(line).candidates;
        assert_eq!(candidates("adv"), ["advance"]);
        assert!(candidates("redis-").contains(&"redis-server".to_owned()));
        assert!(candidates("BGS").contains(&"BGSAVE".to_owned()));
        assert!(candidates("redis-cli CONFIG SET appendf").contains(&"appendfsync".to_owned()));
        assert_eq!(candidates("CONFIG SET appendfsync e"), ["everysec"]);
        assert_eq!(shell.complete("CONFIG SET appendfsync e").start, 23);
        assert!(candidates("redis-server --appendo").contains(&"--appendonly".to_owned()));
        assert!(shell.complete("GET ").hint.contains("key"));
        let hint = |line: &str| shell.complete(line).hint;
        assert_eq!(hint("LMOVE a b "), "LEFT|RIGHT LEFT|RIGHT");
        assert_eq!(hint("EXPIRE k "), "seconds [NX|XX|GT|LT]");
        assert_eq!(hint("redis-cli client no-evict "), "ON|OFF");
    }
}
