//! What strace says a server did to its files and told its clients, as a list of calls.
//!
//! Of each line of `strace -f -y -xx` this takes the thread, the call, its arguments and its result. A call that others
//! interrupt stands on two lines, `<unfinished ...>` and `<... resumed>`: its first line is where it began, its second where
//! it ended.

use std::collections::BTreeMap;

/// A system call that succeeded.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The lines of the trace on which it began and ended.
    pub(crate) began: usize,
    pub(crate) ended: usize,
    pub(crate) action: Action,
}

/// What a call did. Paths are relative to the data directory, `""` being that directory.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A file was opened for writing, made if it was missing; emptied or not.
    Open {
        path: String,
        truncate: bool,
    },
    Write {
        path: String,
        bytes: Vec<u8>,
    },
    Truncate {
        path: String,
        len: u64,
    },
    Sync {
        path: String,
        data_only: bool,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink(String),
    CreateDir(String),
    /// Bytes went to this socket.
    Reply {
        socket: String,
        bytes: Vec<u8>,
    },
}

/// The calls strace is asked for.
pub(crate) const CALLS: &str = "trace=write,pwrite64,writev,open,openat,creat,rename,renameat,renameat2,unlink,unlinkat,ftruncate,fsync,fdatasync,mkdir,mkdirat";

/// Reads a trace of a server whose data directory is `dir`.
///
/// # Panics
/// If a line about the data directory is not understood: a trace half understood would prove nothing.
pub(crate) fn read(text: &str, dir: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, (number, head.trim_end().to_owned()));
            continue;
        }
        let (began, whole) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let (_, tail) = resumed.split_once(" resumed>").expect("so a call goes on");
                let Some((began, head)) = unfinished.remove(thread) else {
                    continue;
                };
                (began, head + tail)
            }
            None => (number, rest.to_owned()),
        };
        if let Some(action) = action(&whole, dir) {
            calls.push(Call {
                began,
                ended: number,
                action,
            });
        }
    }
    calls
}

/// What a line without its thread says; `None` if it is not about the data directory or a client, or the call failed.
fn action(line: &str, dir: &str) -> Option<Action> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let arguments = arguments.trim_end().strip_suffix(')')?;
    let words: Vec<&str> = arguments.split(", ").collect();
    let result_len = || {
        let digits: String = result.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().expect("a call returns a number")
    };
    match name {
        "write" => {
            let target = descriptor_path(words[0]);
            let mut bytes = text(words[1])?;
            bytes.truncate(result_len());
            match relative(&target, dir) {
                Some(path) => Some(Action::Write { path, bytes }),
                None if target.starts_with("socket:") || target.starts_with("TCP") => {
                    Some(Action::Reply {
                        socket: target,
                        bytes,
                    })
                }
                None => None,
            }
        }
        "fsync" | "fdatasync" => Some(Action::Sync {
            path: relative(&descriptor_path(words[0]), dir)?,
            data_only: name == "fdatasync",
        }),
        "ftruncate" => Some(Action::Truncate {
            path: relative(&descriptor_path(words[0]), dir)?,
            len: words[1].parse().expect("a length is a number"),
        }),
        "openat" | "open" | "creat" => {
            let flags = words.iter().find(|word| word.starts_with("O_"))?;
            let writes = flags.contains("O_WRONLY") || flags.contains("O_RDWR");
            // The result names the file: `7</data/appendonly.aof>`.
            let path = relative(&descriptor_path(result), dir)?;
            writes.then(|| Action::Open {
                path,
                truncate: flags.contains("O_TRUNC"),
            })
        }
        "rename" | "renameat" | "renameat2" => {
            let mut paths = words.iter().filter_map(|word| text(word)).map(utf8);
            let (from, to) = (paths.next()?, paths.next()?);
            Some(Action::Rename {
                from: named(&from, dir)?,
                to: named(&to, dir)?,
            })
        }
        "unlink" | "unlinkat" => {
            let path = words.iter().find_map(|word| text(word)).map(utf8)?;
            Some(Action::Unlink(named(&path, dir)?))
        }
        "mkdir" | "mkdirat" => {
            let path = words.iter().find_map(|word| text(word)).map(utf8)?;
            Some(Action::CreateDir(named(&path, dir)?))
        }
        "writev" | "pwrite64" => {
            let target = descriptor_path(words[0]);
            assert!(
                relative(&target, dir).is_none(),
                "a kind of write that is not replayed: {line}"
            );
            None
        }
        _ => None,
    }
}

/// The path in `7<\x2f\x64…>`; empty if there is none, or the file has no name any more.
fn descriptor_path(word: &str) -> String {
    let Some((_, rest)) = word.split_once('<') else {
        return String::new();
    };
    match rest.rsplit_once('>') {
        Some((path, "")) => utf8(unescape(path)),
        // `7</data/file>(deleted)`.
        _ => String::new(),
    }
}

/// The bytes of a string argument, `"\x2a\x31"`.
fn text(word: &str) -> Option<Vec<u8>> {
    let inner = word.strip_prefix('"')?.strip_suffix('"')?;
    Some(unescape(inner))
}

/// All that `-xx` prints is `\xHH`; plain characters stand for themselves.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len() / 4);
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'\\' {
            let digits = std::str::from_utf8(&bytes[at + 2..at + 4]).expect("they are digits");
            out.push(u8::from_str_radix(digits, 16).expect("they are hexadecimal"));
            at += 4;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("paths are text here")
}

/// An absolute path, relative to the data directory if it lies in it.
fn relative(path: &str, dir: &str) -> Option<String> {
    let rest = path.strip_prefix(dir)?;
    match rest.strip_prefix('/') {
        Some(rest) => Some(rest.to_owned()),
        None => rest.is_empty().then(String::new),
    }
}

/// A path as a program names it, from the data directory, in which it works.
fn named(path: &str, dir: &str) -> Option<String> {
    match path.strip_prefix('/') {
        Some(_) => relative(path, dir),
        None => Some(path.trim_start_matches("./").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupted_calls_are_put_together() {
        let text = "1 fdatasync(8<\\x2f\\x64\\x2f\\x66> <unfinished ...>\n\
                    2 write(9<\\x73\\x6f\\x63\\x6b\\x65\\x74\\x3a\\x5b\\x31\\x5d>, \"\\x2b\\x4f\\x4b\", 3) = 3\n\
                    1 <... fdatasync resumed>)          = 0\n";
        let calls = read(text, "/d");
        assert_eq!(calls.len(), 2);
        assert!(matches!(&calls[0].action, Action::Reply { bytes, .. } if bytes == b"+OK"));
        assert!(
            matches!(&calls[1], Call { began: 0, ended: 2, action: Action::Sync { path, data_only: true } } if path == "f")
        );
    }
}
