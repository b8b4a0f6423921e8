//! The parameters, one row each.

use super::Config;

/// What a parameter allows.
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
}

/// How a parameter is written, and where its value lives.
pub enum Kind {
    /// `yes` or `no`.
    Bool(fn(&mut Config) -> &mut bool),
    /// (The helper completes the kinds: integers with limits and unit, memory sizes, enumerations, text, save points, …)
    Special,
}

/// One row.
pub struct Parameter {
    /// The name in `redis.conf`.
    pub name: &'static str,
    /// Another name for it, deprecated.
    pub alias: Option<&'static str>,
    /// How it is written, and where its value lives.
    pub kind: Kind,
    /// What it allows.
    pub flags: Flags,
    /// What documentation files it under: `network`, `general`, `snapshotting`, `append only mode`, …
    pub section: &'static str,
    /// What it does, in a sentence or two of our own, with its unit.
    pub help: &'static str,
}

/// The table.
pub static PARAMETERS: &[Parameter] = &[];

/// The row of a parameter, by name or alias, in any case.
pub fn parameter(name: &[u8]) -> Option<&'static Parameter> {
    let _ = name;
    todo!("helper")
}

/// The value of a parameter as CONFIG GET prints it.
pub fn get(config: &Config, parameter: &Parameter) -> String {
    let _ = (config, parameter);
    todo!("helper")
}

/// Why a value is refused, in Redis's words: `argument must be 'yes' or 'no'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetError(pub String);

/// Sets a parameter from the words behind its name, as in a configuration file (CONFIG SET passes one word, which
/// multi-word parameters split). Does not look at [`Flags`]: the caller knows whether the server has started.
pub fn set(config: &mut Config, parameter: &Parameter, words: &[&[u8]]) -> Result<(), SetError> {
    let _ = (config, parameter, words);
    todo!("helper")
}
