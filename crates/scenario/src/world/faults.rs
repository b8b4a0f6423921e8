//! Faults in force, and the words that set them.

use lastsave_vfs::{Effect, Errno, Fault, Op, SimDisk};

use crate::units::{bytes, duration};

/// How the processes that save and rewrite are ordered to fail. What the disk does is ordered of the disk.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The child of a background save cannot open its file.
    pub save_fails: bool,
    /// How many background jobs to come find no memory for a child; `u64::MAX` is all.
    pub failing_forks: u64,
    /// Children that are killed while they write.
    pub kill: Option<ChildKill>,
    /// How much the disk holds when it is as it should be, if that is limited. No fault, but what mending goes back to.
    pub disk_bytes: Option<u64>,
}

/// Children of the server are killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildKill {
    /// The signal's number. 9 is also what the kernel uses when memory runs out.
    pub signal: i32,
    /// How many; `u64::MAX` is all.
    pub left: u64,
}

/// A kind of call that can be told to fail, by its word.
pub(crate) struct CallWord {
    pub(crate) word: &'static str,
    pub(crate) op: Op,
    /// What makes the server call it.
    pub(crate) what: &'static str,
}

const fn call(word: &'static str, op: Op, what: &'static str) -> CallWord {
    CallWord { word, op, what }
}

#[rustfmt::skip]
pub(crate) const CALLS: [CallWord; 11] = [
    call("open", Op::Open, "opening a file, for reading or writing, and making it"),
    call("read", Op::Read, "reading from a file: loading"),
    call("write", Op::Write, "writing to a file"),
    call("truncate", Op::Truncate, "cutting a file: a torn tail, the rest of a short write"),
    call("fsync", Op::Sync, "making a file's bytes durable"),
    call("size", Op::Len, "asking how long a file is"),
    call("rename", Op::Rename, "renaming a finished file into its place: dump.rdb, base, manifest"),
    call("unlink", Op::Unlink, "removing a file"),
    call("mkdir", Op::CreateDir, "making appendonlydir"),
    call("fsyncdir", Op::SyncDir, "making a directory's names durable"),
    call("list", Op::List, "listing a directory"),
];

/// The word for all kinds of calls.
pub(crate) const ANY_CALL: &str = "any";

/// Reasons by their names in errno(3).
pub(crate) const ERRNOS: [(&str, Errno); 8] = [
    ("EIO", Errno::Io),
    ("ENOSPC", Errno::NoSpace),
    ("EACCES", Errno::PermissionDenied),
    ("EROFS", Errno::ReadOnly),
    ("EMFILE", Errno::TooManyFiles),
    ("ENOENT", Errno::NotFound),
    ("ENOMEM", Errno::Other(12)),
    ("EDQUOT", Errno::Other(122)),
];

impl Faults {
    /// Nothing broken, on the same machine.
    pub(crate) fn mended(&self) -> Self {
        Self {
            disk_bytes: self.disk_bytes,
            ..Self::default()
        }
    }

    /// Uses up an order to kill a child: the signal, if there is one.
    pub(crate) fn take_kill(&mut self) -> Option<i32> {
        let kill = self.kill.as_mut()?;
        if kill.left < u64::MAX {
            kill.left -= 1;
        }
        let ChildKill { signal, left } = *kill;
        if left == 0 {
            self.kill = None;
        }
        Some(signal)
    }

    /// The faults in force, in the words that set them.
    pub(crate) fn words(&self, disk: &SimDisk) -> Vec<String> {
        let mut words = Vec::new();
        if self.save_fails {
            words.push("bgsave fail".into());
        }
        if self.failing_forks > 0 {
            words.push(format!("fork fail{}", times_words(self.failing_forks)));
        }
        if let Some(kill) = self.kill {
            let times = times_words(kill.left);
            words.push(format!("child kill {}{times}", kill.signal));
        }
        let rules = disk.faults();
        for (index, rule) in rules.iter().enumerate() {
            let is_same = |other: &&Fault| {
                Fault {
                    op: rule.op,
                    ..(*other).clone()
                } == *rule
            };
            // A rule for any call is one for each kind.
            if rules.iter().filter(is_same).count() < CALLS.len() {
                words.push(rule_words(word_of(rule.op), rule));
            } else if !rules[..index].iter().any(|other| is_same(&other)) {
                words.push(rule_words(ANY_CALL, rule));
            }
        }
        if let Some(capacity) = disk.capacity()
            && (disk.capacity() != self.disk_bytes || capacity <= disk.used_bytes())
        {
            words.push(if capacity <= disk.used_bytes() {
                "disk full".into()
            } else {
                format!("disk capacity {}", bytes(capacity))
            });
        }
        for (set, word) in [
            (disk.read_only(), "disk read-only"),
            (disk.tearing(), "tearing"),
            (disk.reordering(), "reordering"),
        ] {
            if set {
                words.push(word.into());
            }
        }
        words
    }
}

fn word_of(op: Op) -> &'static str {
    let call = CALLS.iter().find(|call| call.op == op);
    call.map_or("close", |call| call.word)
}

fn rule_words(call: &str, rule: &Fault) -> String {
    let mut words = match rule.effect {
        Effect::Fail(Errno::Io) => format!("{call} fail"),
        Effect::Fail(errno) => {
            let name = ERRNOS.iter().find(|(_, known)| *known == errno);
            format!("{call} fail {}", name.map_or("EIO", |(name, _)| name))
        }
        Effect::Short(most) => format!("{call} short {most}"),
        Effect::Slow(us) => format!("{call} slow {}", duration(us)),
    };
    if rule.accept > 0 {
        words.push_str(&format!(" taking {}", rule.accept));
    }
    words.push_str(&times_words(rule.times.unwrap_or(u64::MAX)));
    if rule.after > 0 {
        words.push_str(&format!(" after {}", rule.after));
    }
    if let Some(path) = &rule.path {
        words.push_str(&format!(" on {path}"));
    }
    words
}

fn times_words(times: u64) -> String {
    match times {
        u64::MAX => String::new(),
        1 => " once".into(),
        times => format!(" {times} times"),
    }
}
