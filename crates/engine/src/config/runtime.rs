//! CONFIG GET and CONFIG SET, and the list of parameters for the documentation.

use lastsave_keyspace::glob;

use super::table::set;
use super::{Config, Flags, PARAMETERS, Parameter, get, parameter};
use crate::dispatch::LOADING;

/// What CONFIG GET answers: the names and values that match any of the patterns, each once. A word without `*`, `?`
/// and `[` is a name, which finds hidden parameters too and is answered as it was written.
pub fn config_get(config: &Config, patterns: &[&[u8]]) -> Vec<(Vec<u8>, String)> {
    let mut found: Vec<(Vec<u8>, String)> = Vec::new();
    let mut add = |name: &[u8], row: &Parameter| {
        if !found
            .iter()
            .any(|(earlier, _)| earlier.eq_ignore_ascii_case(name))
        {
            found.push((name.to_vec(), get(config, row)));
        }
    };
    for pattern in patterns {
        if !pattern.iter().any(|byte| b"[*?".contains(byte)) {
            if let Some(row) = parameter(pattern) {
                add(pattern, row);
            }
            continue;
        }
        for row in PARAMETERS
            .iter()
            .filter(|row| !row.flags.has(Flags::HIDDEN))
        {
            for name in [Some(row.name), row.alias].into_iter().flatten() {
                if glob::matches(pattern, name.as_bytes(), true) {
                    add(name.as_bytes(), row);
                }
            }
        }
    }
    found
}

/// The circumstances of a CONFIG SET that decide what it may change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetBy {
    /// Whether the client is on the same machine.
    pub local_client: bool,
    /// Whether a data set is being loaded.
    pub loading: bool,
}

/// What CONFIG SET has changed.
#[derive(Debug)]
pub struct ConfigChange {
    /// The parameters whose values differ now, in the order they were named.
    pub changed: Vec<&'static Parameter>,
    /// The configuration before, to put back if a change cannot be carried out.
    pub previous: Config,
}

/// Carries out CONFIG SET: all pairs or none. What follows from the changes is the caller's to do.
///
/// # Errors
/// The error reply, its code included; `config` is then unchanged.
pub fn config_set(
    config: &mut Config,
    pairs: &[(&[u8], &[u8])],
    by: SetBy,
) -> Result<ConfigChange, Vec<u8>> {
    let rows = check_names(config, pairs, by)?;
    let previous = config.clone();
    for ((row, name), (_, value)) in rows.iter().zip(pairs) {
        if let Err(error) = set(config, row, &[value]) {
            *config = previous;
            return Err(config_set_error(name, &error.0));
        }
    }
    let changed = rows
        .iter()
        .map(|(row, _)| *row)
        .filter(|row| get(config, row) != get(&previous, row))
        .collect();
    Ok(ConfigChange { changed, previous })
}

/// The error reply to a CONFIG SET that fails at one parameter, also when carrying the change out fails.
pub fn config_set_error(name: &str, reason: &str) -> Vec<u8> {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}").into_bytes()
}

/// The rows that the pairs name, and under which of their names. As in Redis, a name and its alias may stand together.
fn check_names(
    config: &Config,
    pairs: &[(&[u8], &[u8])],
    by: SetBy,
) -> Result<Vec<(&'static Parameter, &'static str)>, Vec<u8>> {
    let mut rows: Vec<(&'static Parameter, &'static str)> = Vec::new();
    let mut refusal = None;
    for (name, _) in pairs {
        let Some(row) = parameter(name) else {
            // Names that do not exist take precedence over the first other complaint only if they stand before it.
            return Err(refusal.unwrap_or_else(|| {
                let mut error =
                    b"ERR Unknown option or number of arguments for CONFIG SET - '".to_vec();
                error.extend_from_slice(name);
                error.push(b'\'');
                error
            }));
        };
        let own_name = if row.name.as_bytes().eq_ignore_ascii_case(name) {
            row.name
        } else {
            row.alias.unwrap_or(row.name)
        };
        let reason = if row.flags.has(Flags::IMMUTABLE) {
            Some("can't set immutable config")
        } else if row.flags.has(Flags::PROTECTED) && !allows(&config.enable_protected_configs, by) {
            Some("can't set protected config")
        } else if row.flags.has(Flags::DENY_LOADING) && by.loading {
            refusal.get_or_insert_with(|| LOADING.into());
            None
        } else if rows.iter().any(|(_, earlier)| *earlier == own_name) {
            Some("duplicate parameter")
        } else {
            None
        };
        if let Some(reason) = reason {
            refusal.get_or_insert_with(|| {
                let name = String::from_utf8_lossy(name);
                config_set_error(&name, reason)
            });
        }
        rows.push((row, own_name));
    }
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(rows),
    }
}

/// Whether `enable-protected-configs` or its like (`no`, `yes`, `local`) lets a client act.
fn allows(action: &str, by: SetBy) -> bool {
    action == "yes" || (action == "local" && by.local_client)
}

/// The table of parameters for docs/configuration.md.
pub fn parameters_markdown() -> String {
    let mut text = String::new();
    let mut section = "";
    for row in PARAMETERS {
        if row.section != section {
            section = row.section;
            text.push_str(&format!(
                "\n## {section}\n\n| parameter | default | at run time | effect | what it does |\n|---|---|---|---|---|\n"
            ));
        }
        let alias = row
            .alias
            .map_or_else(String::new, |alias| format!(" (also `{alias}`)"));
        let default = match row.default_value() {
            empty if empty.is_empty() => "empty".into(),
            value => format!("`{value}`"),
        };
        let at_run_time = match row.flags {
            flags if flags.has(Flags::IMMUTABLE) => "no",
            flags if flags.has(Flags::PROTECTED) => "if `enable-protected-configs` allows",
            _ => "yes",
        };
        let effect = match row.has_effect() {
            _ if row.flags.has(Flags::DEFAULT_ONLY) => "none; other values are refused",
            true => "yes",
            false => "accepted, without effect yet",
        };
        text.push_str(&format!(
            "| `{}`{alias} | {default} | {at_run_time} | {effect} | {} |\n",
            row.name, row.help
        ));
    }
    text.trim_start().to_owned()
}
