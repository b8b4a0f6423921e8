//! COMMAND and HELP: what the table of commands says of itself, in the forms that clients of Redis read.

use lastsave_keyspace::{
    ACL_CATEGORIES, COMMANDS, Command, Group, KeysBegin, KeysExtent, arity_error, glob, lookup,
    lookup_subcommand,
};
use lastsave_resp::{Args, Reply};

mod arguments;

use arguments::{Argument, Shape};

/// Carries out COMMAND, whatever stands behind it.
pub fn command(args: Args<'_>, reply: &mut Reply) {
    let container = lookup(b"command").expect("COMMAND is in the table");
    let Some(word) = args.get(1) else {
        return infos(COMMANDS.iter().map(Named::top), reply);
    };
    let Some(row) = lookup_subcommand(container, word) else {
        let word = &word[..word.len().min(128)];
        let mut error = b"ERR unknown subcommand '".to_vec();
        error.extend_from_slice(word);
        error.extend_from_slice(b"'. Try COMMAND HELP.");
        return reply.error_bytes(&error);
    };
    if !row.allows_words(args.len()) {
        return reply.error(&arity_error(&Named::sub(container, row).full_name()));
    }
    let names = args.skip(2);
    match row.name {
        "count" => reply.integer(COMMANDS.len() as i64),
        "docs" => docs(names, reply),
        "getkeys" => keys(names, false, reply),
        "getkeysandflags" => keys(names, true, reply),
        "help" => help(container, reply),
        "info" if names.is_empty() => infos(COMMANDS.iter().map(Named::top), reply),
        "info" => infos(names.iter().map(Named::find), reply),
        _ => list(names, reply),
    }
}

/// Answers `HELP` of a container: its subcommands, their arguments and summaries, from the table.
pub fn help(container: &'static Command, reply: &mut Reply) {
    let mut lines = vec![format!(
        "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        container.name.to_ascii_uppercase()
    )];
    for row in container
        .subcommands
        .iter()
        .filter(|row| row.name != "help")
    {
        let usage = format!("{} {}", row.name.to_ascii_uppercase(), row.arguments);
        lines.push(usage.trim_end().to_owned());
        lines.push(format!("    {}", row.summary));
    }
    lines.push("HELP".into());
    lines.push("    Prints this help.".into());
    reply.array(lines.len());
    for line in lines {
        reply.simple(&line);
    }
}

/// A row, and the row that it is a subcommand of.
#[derive(Clone, Copy)]
struct Named {
    container: Option<&'static Command>,
    row: &'static Command,
}

impl Named {
    fn sub(container: &'static Command, row: &'static Command) -> Self {
        Self {
            container: Some(container),
            row,
        }
    }

    /// A row of the table itself; an option, as [`Named::find`] gives one.
    fn top(row: &'static Command) -> Option<Self> {
        Some(Self {
            container: None,
            row,
        })
    }

    /// The row named `get` or `config|get`, in any case.
    fn find(name: &[u8]) -> Option<Self> {
        let mut words = name.split(|byte| *byte == b'|');
        let row = lookup(words.next()?)?;
        let found = match words.next() {
            Some(word) => Self::sub(row, lookup_subcommand(row, word)?),
            None => Self::top(row)?,
        };
        words.next().is_none().then_some(found)
    }

    /// The row that a complete command calls.
    fn called_by(words: Args<'_>) -> Option<Self> {
        let row = lookup(words.get(0)?)?;
        match words.get(1) {
            Some(word) if !row.subcommands.is_empty() => {
                Some(Self::sub(row, lookup_subcommand(row, word)?))
            }
            _ => Self::top(row),
        }
    }

    fn full_name(self) -> String {
        match self.container {
            Some(container) => format!("{}|{}", container.name, self.row.name),
            None => self.row.name.to_owned(),
        }
    }

    fn subcommands(self) -> impl ExactSizeIterator<Item = Self> {
        let container = self.row;
        let rows = container.subcommands.iter();
        rows.map(move |row| Self::sub(container, row))
    }
}

/// The reply to COMMAND INFO; what does not exist is null.
fn infos(rows: impl ExactSizeIterator<Item = Option<Named>>, reply: &mut Reply) {
    reply.array(rows.len());
    for row in rows {
        match row {
            Some(named) => info(named, reply),
            None => reply.null(),
        }
    }
}

fn info(named: Named, reply: &mut Reply) {
    let row = named.row;
    reply.array(10);
    reply.bulk(named.full_name().as_bytes());
    reply.integer(row.arity.into());
    simple_set(row.flags.names(), reply);
    reply.integer(row.keys.first.into());
    reply.integer(row.keys.last.into());
    reply.integer(row.keys.step.into());
    let categories: Vec<String> = row
        .acl_categories()
        .map(|name| format!("@{name}"))
        .collect();
    simple_set(categories.iter().map(String::as_str), reply);
    let tips: Vec<&str> = row.tips.split_whitespace().collect();
    reply.set(tips.len());
    for tip in tips {
        reply.bulk(tip.as_bytes());
    }
    key_specs(row, reply);
    // Redis answers an empty set where there are no subcommands, an array where there are some.
    let subcommands = named.subcommands();
    match subcommands.len() {
        0 => reply.set(0),
        len => reply.array(len),
    }
    for subcommand in subcommands {
        info(subcommand, reply);
    }
}

fn key_specs(row: &Command, reply: &mut Reply) {
    reply.set(row.key_specs.len());
    for spec in row.key_specs {
        reply.map(3);
        reply.bulk(b"flags");
        simple_set(spec.flags.split(' '), reply);
        reply.bulk(b"begin_search");
        match spec.begin {
            KeysBegin::Index(index) => typed("index", &[("index", index.into())], reply),
            KeysBegin::Keyword { word, start_from } => {
                typed_header("keyword", 2, reply);
                pair("keyword", word, reply);
                number("startfrom", start_from.into(), reply);
            }
            KeysBegin::Unknown => typed("unknown", &[], reply),
        }
        reply.bulk(b"find_keys");
        match spec.extent {
            KeysExtent::Range { last, step, limit } => typed(
                "range",
                &[
                    ("lastkey", last.into()),
                    ("keystep", step.into()),
                    ("limit", limit.into()),
                ],
                reply,
            ),
            KeysExtent::Counted => typed(
                "keynum",
                &[("keynumidx", 0), ("firstkey", 1), ("keystep", 1)],
                reply,
            ),
            KeysExtent::Unknown => typed("unknown", &[], reply),
        }
    }
}

/// One half of a key specification: its type and the numbers that belong to it.
fn typed(name: &str, numbers: &[(&str, i64)], reply: &mut Reply) {
    typed_header(name, numbers.len(), reply);
    for (name, value) in numbers {
        number(name, *value, reply);
    }
}

fn typed_header(name: &str, fields: usize, reply: &mut Reply) {
    reply.map(2);
    pair("type", name, reply);
    reply.bulk(b"spec");
    reply.map(fields);
}

fn number(name: &str, value: i64, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

/// The reply to COMMAND DOCS; what does not exist is left out.
fn docs(names: Args<'_>, reply: &mut Reply) {
    let rows: Vec<Named> = if names.is_empty() {
        COMMANDS.iter().filter_map(Named::top).collect()
    } else {
        names.iter().filter_map(Named::find).collect()
    };
    reply.map(rows.len());
    for row in rows {
        reply.bulk(row.full_name().as_bytes());
        doc(row, reply);
    }
}

fn doc(named: Named, reply: &mut Reply) {
    let row = named.row;
    let (shown, has_subcommands) = (
        arguments::parse(&named.full_name(), row),
        !row.subcommands.is_empty(),
    );
    let mut texts = vec![("summary", row.summary), ("since", row.since)];
    texts.push(("group", group_name(row.group)));
    if !row.complexity.is_empty() {
        texts.push(("complexity", row.complexity));
    }
    let mut doc_flags = Vec::new();
    if let Some((since, replaced_by)) = row.deprecated {
        doc_flags.push("deprecated");
        texts.extend([("deprecated_since", since), ("replaced_by", replaced_by)]);
    }
    if row.internal {
        doc_flags.push("syscmd");
    }
    let parts = [!doc_flags.is_empty(), !shown.is_empty(), has_subcommands];
    reply.map(texts.len() + parts.iter().filter(|part| **part).count());
    for (name, text) in texts {
        pair(name, text, reply);
    }
    if !doc_flags.is_empty() {
        reply.bulk(b"doc_flags");
        simple_set(doc_flags.into_iter(), reply);
    }
    if !shown.is_empty() {
        reply.bulk(b"arguments");
        argument_list(&shown, reply);
    }
    if has_subcommands {
        reply.bulk(b"subcommands");
        reply.map(row.subcommands.len());
        for subcommand in named.subcommands() {
            reply.bulk(subcommand.full_name().as_bytes());
            doc(subcommand, reply);
        }
    }
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Generic => "generic",
        Group::String => "string",
        Group::List => "list",
        Group::Set => "set",
        Group::SortedSet => "sorted-set",
        Group::Hash => "hash",
        Group::PubSub => "pubsub",
        Group::Transactions => "transactions",
        Group::Connection => "connection",
        Group::Server => "server",
        Group::Scripting => "scripting",
        Group::HyperLogLog => "hyperloglog",
        Group::Cluster => "cluster",
        Group::Geo => "geo",
        Group::Stream => "stream",
        Group::Bitmap => "bitmap",
    }
}

fn argument_list(arguments: &[Argument], reply: &mut Reply) {
    reply.array(arguments.len());
    for argument in arguments {
        let flags = argument.flags();
        let parts = match &argument.shape {
            Shape::OneOf(parts) | Shape::Block(parts) => Some(parts),
            Shape::Value(_) | Shape::PureToken => None,
        };
        reply.map(
            2 + usize::from(argument.key_spec_index.is_some())
                + usize::from(argument.token.is_some())
                + usize::from(!flags.is_empty())
                + usize::from(parts.is_some()),
        );
        pair("name", &argument.name, reply);
        pair("type", argument.type_name(), reply);
        if let Some(index) = argument.key_spec_index {
            reply.bulk(b"key_spec_index");
            reply.integer(index as i64);
        }
        if let Some(token) = &argument.token {
            pair("token", token, reply);
        }
        if !flags.is_empty() {
            reply.bulk(b"flags");
            simple_set(flags.into_iter(), reply);
        }
        if let Some(parts) = parts {
            reply.bulk(b"arguments");
            argument_list(parts, reply);
        }
    }
}

/// COMMAND LIST, with FILTERBY or without.
fn list(words: Args<'_>, reply: &mut Reply) {
    let filter: Box<dyn Fn(&Named) -> bool> = match words.iter().collect::<Vec<_>>()[..] {
        [] => Box::new(|_| true),
        [filterby, kind, value] if filterby.eq_ignore_ascii_case(b"filterby") => {
            match kind.to_ascii_lowercase().as_slice() {
                // There are no modules.
                b"module" => Box::new(|_| false),
                b"aclcat" => {
                    let known = ACL_CATEGORIES
                        .iter()
                        .find(|name| name.as_bytes().eq_ignore_ascii_case(value));
                    Box::new(move |named| {
                        known.is_some_and(|category| named.row.is_in_category(category))
                    })
                }
                b"pattern" => {
                    let pattern = value.to_vec();
                    Box::new(move |named| {
                        glob::matches(&pattern, named.full_name().as_bytes(), true)
                    })
                }
                _ => return reply.error("ERR syntax error"),
            }
        }
        _ => return reply.error("ERR syntax error"),
    };
    let all = COMMANDS.iter().filter_map(Named::top);
    let all = all.flat_map(|named| std::iter::once(named).chain(named.subcommands()));
    let found: Vec<Named> = all.filter(|named| filter(named)).collect();
    reply.array(found.len());
    for named in found {
        reply.bulk(named.full_name().as_bytes());
    }
}

/// COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a complete command.
fn keys(words: Args<'_>, with_flags: bool, reply: &mut Reply) {
    let Some(Named { row, .. }) = Named::called_by(words) else {
        return reply.error("ERR Invalid command specified");
    };
    if !row.has_keys() {
        return reply.error("ERR The command has no key arguments");
    }
    if !row.allows_words(words.len()) {
        return reply.error("ERR Invalid number of arguments specified for command");
    }
    let found = row.keys_in(words).unwrap_or_default();
    if found.is_empty() {
        return reply.error("ERR Invalid arguments specified for command");
    }
    reply.array(found.len());
    for (at, flags) in found {
        if with_flags {
            reply.array(2);
        }
        reply.bulk(&words[at]);
        if with_flags {
            simple_set(flags.split(' '), reply);
        }
    }
}

fn pair(name: &str, value: &str, reply: &mut Reply) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

fn simple_set<'a>(words: impl Iterator<Item = &'a str>, reply: &mut Reply) {
    let words: Vec<&str> = words.collect();
    reply.set(words.len());
    for word in words {
        reply.simple(word);
    }
}

#[cfg(test)]
mod tests;
