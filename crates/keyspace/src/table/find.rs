//! Finding the row of a command, and the errors where there is none.

use lastsave_resp::Args;

use super::{COMMANDS, COUNT, Command, SORTED};

/// A power of two with room to spare, so that hardly any two names meet.
const SLOTS: usize = (COUNT * 4).next_power_of_two();

const EMPTY: u16 = u16::MAX;

/// Where each name's hash leads: indices into the table, probed in order.
static INDEX: [u16; SLOTS] = index();

const fn index() -> [u16; SLOTS] {
    let mut slots = [EMPTY; SLOTS];
    let mut row = 0;
    while row < COUNT {
        let mut slot = slot_of(SORTED[row].name.as_bytes());
        while slots[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot] = row as u16;
        row += 1;
    }
    slots
}

/// A hash of the length and the first, middle and last letters, which lower and upper case share.
const fn slot_of(name: &[u8]) -> usize {
    const fn letter(name: &[u8], at: usize) -> u32 {
        if at < name.len() {
            (name[at] | 0x20) as u32
        } else {
            0
        }
    }
    let len = name.len();
    let ends =
        letter(name, 0) | letter(name, 1) << 8 | letter(name, 2) << 16 | letter(name, 3) << 24;
    let tail =
        letter(name, len / 2) | letter(name, len.saturating_sub(1)) << 8 | (len as u32) << 16;
    let mixed = ends.wrapping_mul(0x9E37_79B1) ^ tail.wrapping_mul(0x85EB_CA77);
    (mixed.wrapping_mul(0xC2B2_AE3D) >> (32 - SLOTS.trailing_zeros())) as usize
}

/// The row of a command, its name in any case.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let mut slot = slot_of(name);
    loop {
        let command = COMMANDS.get(usize::from(INDEX[slot]))?;
        if command.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(command);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// The row of a container's subcommand, its name in any case.
pub fn lookup_subcommand(container: &'static Command, name: &[u8]) -> Option<&'static Command> {
    container
        .subcommands
        .iter()
        .find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
}

/// A command that was found, with its container if it is a subcommand.
#[derive(Clone, Copy)]
pub struct Resolved {
    /// The row that applies.
    pub command: &'static Command,
    /// The row of the container, if `command` is a subcommand.
    pub container: Option<&'static Command>,
}

impl Resolved {
    /// The name in full: `config|get` for a subcommand.
    pub fn full_name(&self) -> String {
        match self.container {
            Some(container) => format!("{}|{}", container.name, self.command.name),
            None => self.command.name.to_owned(),
        }
    }
}

/// The row that a request asks for, its number of words checked. The error is Redis's, as raw bytes because
/// it quotes the request.
///
/// # Panics
/// If there are no words.
#[inline]
pub fn resolve(args: Args<'_>) -> Result<Resolved, Vec<u8>> {
    let Some(command) = lookup(&args[0]) else {
        return Err(unknown_command(args));
    };
    let mut resolved = Resolved {
        command,
        container: None,
    };
    if !command.subcommands.is_empty() && args.len() > 1 {
        let Some(subcommand) = lookup_subcommand(command, &args[1]) else {
            return Err(unknown_subcommand(args));
        };
        resolved = Resolved {
            command: subcommand,
            container: Some(command),
        };
    }
    if resolved.command.allows_words(args.len()) {
        Ok(resolved)
    } else {
        Err(arity_error(&resolved.full_name()).into_bytes())
    }
}

/// Redis's error for a wrong number of words: `ERR wrong number of arguments for 'get' command`, and with the
/// container's name for a subcommand: `'config|get'`.
pub fn arity_error(full_name: &str) -> String {
    format!("ERR wrong number of arguments for '{full_name}' command")
}

/// Redis's error for a name that is not in the table, with the beginnings of the arguments. Bytes that are not
/// UTF-8 are replaced; [`resolve`] keeps them.
pub fn unknown_command_error(args: Args<'_>) -> String {
    String::from_utf8_lossy(&unknown_command(args)).into_owned()
}

/// How much of a word, and of all arguments together, an error quotes.
const QUOTED_LEN: usize = 128;

fn unknown_command(args: Args<'_>) -> Vec<u8> {
    let mut quoted = Vec::new();
    for word in args.skip(1).iter() {
        if quoted.len() >= QUOTED_LEN {
            break;
        }
        let word = beginning(word, QUOTED_LEN - quoted.len());
        quoted.push(b'\'');
        quoted.extend_from_slice(word);
        quoted.extend_from_slice(b"' ");
    }
    let name = beginning(&args[0], QUOTED_LEN);
    let error = [
        b"ERR unknown command '".as_slice(),
        name,
        b"', with args beginning with: ",
        &quoted,
    ];
    without_line_ends(error.concat())
}

fn unknown_subcommand(args: Args<'_>) -> Vec<u8> {
    let error = [
        b"ERR unknown subcommand '".as_slice(),
        beginning(&args[1], QUOTED_LEN),
        b"'. Try ",
        &args[0].to_ascii_uppercase(),
        b" HELP.",
    ];
    without_line_ends(error.concat())
}

/// At most `len` bytes of a word, and nothing from a NUL byte on, where Redis's text functions stop.
fn beginning(word: &[u8], len: usize) -> &[u8] {
    let word = &word[..word.len().min(len)];
    &word[..word
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(word.len())]
}

fn without_line_ends(mut text: Vec<u8>) -> Vec<u8> {
    for byte in &mut text {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use lastsave_resp::ArgsBuf;

    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
        for command in COMMANDS {
            for name in [command.name.to_owned(), command.name.to_ascii_uppercase()] {
                assert!(
                    std::ptr::eq(lookup(name.as_bytes()).unwrap(), command),
                    "{name}"
                );
            }
            for subcommand in command.subcommands {
                let found =
                    lookup_subcommand(command, subcommand.name.to_ascii_uppercase().as_bytes());
                assert!(std::ptr::eq(found.unwrap(), subcommand));
            }
            let longer = format!("{}x", command.name);
            assert!(lookup(longer.as_bytes()).is_none_or(|found| found.name == longer));
        }
        for name in [
            "",
            "g",
            "gex",
            "g\u{5}t",
            "get ",
            "unknown",
            &"x".repeat(1000),
        ] {
            assert!(lookup(name.as_bytes()).is_none(), "{name:?}");
        }
    }

    #[test]
    fn most_names_are_found_at_once() {
        let direct = |row: usize| usize::from(INDEX[slot_of(COMMANDS[row].name.as_bytes())]) == row;
        let count = (0..COUNT).filter(|row| direct(*row)).count();
        assert!(count * 10 >= COUNT * 8, "{count} of {COUNT}");
        for name in ["get", "set", "incr", "del", "expire", "mget", "exists"] {
            let row = COMMANDS
                .iter()
                .position(|command| command.name == name)
                .unwrap();
            assert!(direct(row), "{name}");
        }
    }

    #[test]
    fn a_request_finds_its_row_or_an_error() {
        for (request, expected) in [
            (&["GET", "k"][..], Ok("get")),
            (&["config", "GET", "x"], Ok("config|get")),
            (&["object", "encoding", "k"], Ok("object|encoding")),
            (
                &["get"],
                Err("ERR wrong number of arguments for 'get' command"),
            ),
            (
                &["object"],
                Err("ERR wrong number of arguments for 'object' command"),
            ),
            (
                &["config", "get"],
                Err("ERR wrong number of arguments for 'config|get' command"),
            ),
            (
                &["config", "foo"],
                Err("ERR unknown subcommand 'foo'. Try CONFIG HELP."),
            ),
            (
                &["foo", "a\n", "b\0c"],
                Err("ERR unknown command 'foo', with args beginning with: 'a ' 'b' "),
            ),
        ] {
            let words: ArgsBuf = request.iter().collect();
            let found = resolve(words.as_args());
            let found = found
                .map(|found| found.full_name())
                .map_err(|error| String::from_utf8(error).unwrap());
            assert_eq!(found.as_deref().map_err(String::as_str), expected);
        }
    }
}
