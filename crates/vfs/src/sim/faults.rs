//! Faults to order: which call fails, falls short or takes long, why, when, and how often.

use crate::{Errno, Op};

/// A rule that makes calls fail, fall short or take long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call.
    pub op: Op,
    /// The paths meant, `*` standing for any characters and `?` for one; `None` for all. A call on an open file has
    /// the path that the file was opened by; a rename the old and the new path, either of which may match.
    pub path: Option<String>,
    /// What becomes of the call.
    pub effect: Effect,
    /// How many matching calls go well first.
    pub after: u64,
    /// How often it happens; `None` for good.
    pub times: Option<u64>,
    /// For a failing [`Op::Write`]: how many bytes are still taken before the error, by one or several writes. A
    /// write that they do not suffice for is short; the next one fails.
    pub accept: usize,
}

/// What becomes of a call that a rule is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails with this.
    Fail(Errno),
    /// A read gives, or a write takes, at most so many bytes (at least 1), and succeeds. Other calls do not care.
    Short(usize),
    /// It takes so many microseconds longer: see [`SimDisk::take_delay_us`](crate::SimDisk::take_delay_us).
    Slow(u64),
}

impl Fault {
    /// A rule for every call of this kind, on any path, until the faults are cleared.
    pub fn new(op: Op, effect: Effect) -> Self {
        Self {
            op,
            path: None,
            effect,
            after: 0,
            times: None,
            accept: 0,
        }
    }

    /// Makes the next call of this kind fail, on any path, once.
    pub fn once(op: Op, errno: Errno) -> Self {
        Self::always(op, errno).times(1)
    }

    /// Makes every call of this kind fail, on any path, until the faults are cleared.
    pub fn always(op: Op, errno: Errno) -> Self {
        Self::new(op, Effect::Fail(errno))
    }

    /// Makes every read give, or every write take, at most `bytes` bytes, until the faults are cleared.
    pub fn short(op: Op, bytes: usize) -> Self {
        Self::new(op, Effect::Short(bytes))
    }

    /// Makes every call of this kind take `delay_us` longer, until the faults are cleared.
    pub fn slow(op: Op, delay_us: u64) -> Self {
        Self::new(op, Effect::Slow(delay_us))
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

    /// Only so many times.
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
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

    fn is_for(&self, op: Op, path: &str, other: Option<&str>) -> bool {
        let on = |path: &str| {
            let pattern = self.path.as_deref();
            pattern.is_none_or(|pattern| matches_pattern(pattern, path))
        };
        self.op == op && (on(path) || other.is_some_and(on))
    }

    /// Counts a call that the rule is for: whether it happens to this one.
    fn strikes(&mut self) -> bool {
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if let Some(left) = &mut self.times {
            *left -= 1;
        }
        true
    }

    fn spent(&self) -> bool {
        self.times == Some(0)
    }
}

/// The rules in force, in the order they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Fault>,
    /// The delays of calls made and not asked about.
    delay_us: u64,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        if !fault.spent() {
            self.rules.push(fault);
        }
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn remove(&mut self, mut unwanted: impl FnMut(&Fault) -> bool) {
        self.rules.retain(|rule| !unwanted(rule));
    }

    pub(super) fn rules(&self) -> &[Fault] {
        &self.rules
    }

    pub(super) fn take_delay_us(&mut self) -> u64 {
        std::mem::take(&mut self.delay_us)
    }

    /// How long the next such call would be delayed.
    pub(super) fn delay_us(&self, op: Op, path: &str) -> u64 {
        let rules = self.rules.iter();
        rules
            .filter(|rule| rule.after == 0 && rule.is_for(op, path, None))
            .map(|rule| match rule.effect {
                Effect::Slow(delay_us) => delay_us,
                _ => 0,
            })
            .sum()
    }

    /// What the rules make of a call about `len` bytes: how many of them it may read or write, or why it fails. Of the
    /// rules that fail or shorten, the first that is for this call decides; delays add up.
    pub(super) fn strike(
        &mut self,
        op: Op,
        path: &str,
        other: Option<&str>,
        len: usize,
    ) -> Result<usize, Errno> {
        if self.rules.is_empty() {
            return Ok(len);
        }
        let mut outcome = None;
        for rule in &mut self.rules {
            if !rule.is_for(op, path, other) {
                continue;
            }
            match rule.effect {
                Effect::Slow(delay_us) => {
                    if rule.strikes() {
                        self.delay_us = self.delay_us.saturating_add(delay_us);
                    }
                }
                _ if outcome.is_some() => {}
                Effect::Short(most) => {
                    let granted = if rule.strikes() {
                        len.min(most.max(1))
                    } else {
                        len
                    };
                    outcome = Some(Ok(granted));
                }
                Effect::Fail(_) if rule.after == 0 && op == Op::Write && rule.accept > 0 => {
                    let taken = len.min(rule.accept);
                    rule.accept -= taken;
                    outcome = Some(Ok(taken));
                }
                Effect::Fail(errno) => {
                    outcome = Some(if rule.strikes() { Err(errno) } else { Ok(len) });
                }
            }
        }
        self.rules.retain(|rule| !rule.spent());
        outcome.unwrap_or(Ok(len))
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
