//! Faults to order: which call fails, why, when, and how often.

use crate::{Errno, Op};

/// A rule that makes calls fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call.
    pub op: Op,
    /// The paths meant, `*` standing for any characters and `?` for one; `None` for all. For a rename, the old
    /// or the new path.
    pub path: Option<String>,
    /// What the call fails with.
    pub errno: Errno,
    /// How many matching calls go well first.
    pub after: u64,
    /// Whether it happens once, or for good.
    pub once: bool,
    /// For [`Op::Write`]: how many bytes are still taken before the error, by one or several writes. A write
    /// that they do not suffice for is short; the next one fails.
    pub accept: usize,
}

impl Fault {
    /// Makes the next call of this kind fail, on any path, once.
    pub fn once(op: Op, errno: Errno) -> Self {
        Self {
            op,
            path: None,
            errno,
            after: 0,
            once: true,
            accept: 0,
        }
    }

    /// Makes every call of this kind fail, on any path, until the faults are cleared.
    pub fn always(op: Op, errno: Errno) -> Self {
        Self {
            once: false,
            ..Self::once(op, errno)
        }
    }

    /// Only on paths that match this pattern.
    pub fn on(self, path: &str) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..self
        }
    }

    /// Only after `calls` matching calls.
    pub fn after(self, calls: u64) -> Self {
        Self {
            after: calls,
            ..self
        }
    }

    /// Takes `bytes` more bytes before writes fail.
    pub fn accepting(self, bytes: usize) -> Self {
        Self {
            accept: bytes,
            ..self
        }
    }
}

/// The rules in force, in the order they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn rules(&self) -> &[Fault] {
        &self.0
    }

    /// What the call fails with, if a rule says so. The first rule that matches decides.
    pub(super) fn strike(&mut self, op: Op, path: &str, other: Option<&str>) -> Result<(), Errno> {
        self.strike_write(op, path, other, 0).map(|_| ())
    }

    /// The same for a write of `len` bytes: how many of them may be taken.
    pub(super) fn strike_write(
        &mut self,
        op: Op,
        path: &str,
        other: Option<&str>,
        len: usize,
    ) -> Result<usize, Errno> {
        let matches = |rule: &Fault| {
            let pattern = rule.path.as_deref();
            rule.op == op
                && pattern.is_none_or(|pattern| {
                    matches_pattern(pattern, path)
                        || other.is_some_and(|other| matches_pattern(pattern, other))
                })
        };
        let Some(position) = self.0.iter().position(matches) else {
            return Ok(len);
        };
        let rule = &mut self.0[position];
        if rule.after > 0 {
            rule.after -= 1;
            return Ok(len);
        }
        if op == Op::Write && rule.accept > 0 {
            let taken = len.min(rule.accept);
            rule.accept -= taken;
            return Ok(taken);
        }
        let errno = rule.errno;
        if rule.once {
            self.0.remove(position);
        }
        Err(errno)
    }
}

/// Whether `path` matches a pattern of `*`, `?` and plain characters.
fn matches_pattern(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut p, mut s) = (0, 0);
    let mut star = None;
    while s < path.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, s));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == path[s] => {
                p += 1;
                s += 1;
            }
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    p = *at + 1;
                    s = *from;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}
