//! What a row of the table of parameters is, and how values are read, printed and changed through it.
//!
//! Between a word of `redis.conf` and a field of [`Config`] stands one form: the text that CONFIG GET prints. A
//! [`Kind`] turns words into that text or refuses them; a [`Place`] keeps it.

use super::kind::Kind;
use super::{Config, PARAMETERS};

/// What a parameter allows. Combine with [`Flags::and`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// Only at start: CONFIG SET refuses it.
    pub const IMMUTABLE: Self = Self(1);
    /// Not shown by CONFIG GET *.
    pub const HIDDEN: Self = Self(2);
    /// CONFIG SET refuses it without `enable-protected-configs`.
    pub const PROTECTED: Self = Self(4);
    /// CONFIG SET refuses it while a data set is loading.
    pub const DENY_LOADING: Self = Self(8);
    /// A secret: not to be logged or shown to MONITOR.
    pub const SENSITIVE: Self = Self(16);
    /// Any value but the default is refused: what it asks for does not exist here, and to carry on without it would
    /// be worse than not to start.
    pub const DEFAULT_ONLY: Self = Self(32);

    /// Has a field of [`Config`] that nothing obeys yet.
    pub const NO_EFFECT: Self = Self(64);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Where a parameter's value lives.
#[derive(Clone, Copy)]
pub enum Place {
    /// A field of [`Config`], which the engine or its driver obeys.
    Field {
        /// The value as CONFIG GET prints it.
        get: fn(&Config) -> String,
        /// Takes a value that [`Kind`] has accepted, in the form that CONFIG GET prints.
        set: fn(&mut Config, &str),
    },
    /// [`Config::others`]: kept and printed, without effect yet. The text is the default.
    Stored(&'static str),
}

/// One row.
#[derive(Clone, Copy)]
pub struct Parameter {
    /// The name in `redis.conf`.
    pub name: &'static str,
    /// Another name for it, deprecated.
    pub alias: Option<&'static str>,
    /// How it is written.
    pub kind: Kind,
    /// Where its value lives.
    pub place: Place,
    /// What it allows.
    pub flags: Flags,
    /// What documentation files it under: `network`, `general`, `snapshotting`, `append only mode`, …
    pub section: &'static str,
    /// What it does, in a sentence or two of our own, with its unit.
    pub help: &'static str,
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Parameter").field(&self.name).finish()
    }
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Parameter {
    /// Whether something obeys it; the others are accepted and shown, without effect yet.
    pub fn has_effect(&self) -> bool {
        matches!(self.place, Place::Field { .. }) && !self.flags.has(Flags::NO_EFFECT)
    }

    /// Its default, as CONFIG GET prints it.
    pub fn default_value(&self) -> String {
        match self.place {
            Place::Field { get, .. } => get(&Config::default()),
            Place::Stored(default) => default.to_owned(),
        }
    }

    /// Whether CONFIG SET may change it, protected parameters aside.
    pub fn is_mutable(&self) -> bool {
        !self.flags.has(Flags::IMMUTABLE)
    }
}

/// The row of a parameter, by name or alias, in any case.
pub fn parameter(name: &[u8]) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|row| {
        row.name.as_bytes().eq_ignore_ascii_case(name)
            || row
                .alias
                .is_some_and(|alias| alias.as_bytes().eq_ignore_ascii_case(name))
    })
}

/// The value of a parameter as CONFIG GET prints it.
pub fn get(config: &Config, parameter: &Parameter) -> String {
    match parameter.place {
        Place::Field { get, .. } => get(config),
        Place::Stored(default) => config
            .others
            .get(parameter.name)
            .map_or_else(|| default.to_owned(), Clone::clone),
    }
}

/// Why a value is refused, in Redis's words: `argument must be 'yes' or 'no'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetError(pub String);

impl std::fmt::Display for SetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SetError {}

/// Sets a parameter from the words behind its name, as in a configuration file (CONFIG SET passes one word, which
/// multi-word parameters split). Does not look at whether it may change at run time: the caller knows whether the
/// server has started.
///
/// # Errors
/// If the words are no value of it; `config` is then unchanged.
pub fn set(config: &mut Config, parameter: &Parameter, words: &[&[u8]]) -> Result<(), SetError> {
    let text_words = words
        .iter()
        .map(|word| std::str::from_utf8(word))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| SetError("argument must be UTF-8 text".into()))?;
    let text_words: Vec<&str> = match text_words[..] {
        [word] if parameter.kind.takes_words() => word.split(' ').collect(),
        _ => text_words,
    };
    let current = get(config, parameter);
    let text = parameter
        .kind
        .parse(&current, &text_words)
        .map_err(SetError)?;
    if parameter.flags.has(Flags::DEFAULT_ONLY) && text != parameter.default_value() {
        return Err(SetError(format!(
            "Lastsave does not support '{}' yet: only its default is accepted",
            parameter.name
        )));
    }
    match parameter.place {
        Place::Field { set, .. } => set(config, &text),
        Place::Stored(default) if default == text => {
            config.others.remove(parameter.name);
        }
        Place::Stored(_) => {
            config.others.insert(parameter.name, text);
        }
    }
    Ok(())
}
