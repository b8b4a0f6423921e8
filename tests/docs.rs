//! Generated documentation is what the tables say. `UPDATE_DOCS=1 cargo test -p lastsave-tests --test docs` writes it.

use std::fs;
use std::path::Path;

use lastsave_keyspace::{lookup, lookup_subcommand};
use lastsave_scenario::link::{self, Link};
use lastsave_scenario::{Lesson, Scenario};

fn check(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, generated).expect("docs/ can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == generated,
        "docs/{name} is not what the tables say: run with UPDATE_DOCS=1"
    );
}

#[test]
fn the_parameters_are_listed() {
    let table = lastsave_engine::config::parameters_markdown();
    check(
        "configuration.md",
        &format!(
            "# Parameters\n\nEvery parameter that `redis.conf`, the command line and CONFIG SET know. Generated from the table in \
             `crates/engine/src/config/`.\n\n{table}"
        ),
    );
}

#[test]
fn the_words_of_scenarios_are_listed() {
    check("scenarios.md", &lastsave_scenario::manual_markdown());
}

#[test]
fn the_lessons_are_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/lessons");
    let entries = fs::read_dir(&folder).expect("the folder is readable");
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut text = String::from(
        "# Lessons\n\nEach is a scenario with a story, questions before the crash, and assertions that the page and `cargo xtask test` check. \
         In the page they are under *Lessons*. What stands below each is its link: put it behind the address of the page and a `#`, or run it \
         with `lastsave open '…'`. How to write one is in [scenarios.md](scenarios.md#lessons). Generated from `tests/suite/lessons/`.\n",
    );
    for path in paths {
        let script = fs::read_to_string(&path).expect("a lesson is readable");
        let scenario = Scenario::parse(&script).expect("a lesson is a scenario");
        let lesson = Lesson::of(&scenario).expect("a lesson asks something");
        let link = link::encode(&Link::new(script)).expect("a lesson fits into a link");
        assert!(
            link.len() < link::SAFE_LINK_CHARS - 100,
            "{} makes a link of {} characters, which chats cut",
            path.display(),
            link.len()
        );
        text += &format!("\n## {}\n\n{}.\n", lesson.name, capitalised(&lesson.about));
        for question in lesson
            .steps
            .iter()
            .filter_map(|step| step.question.as_ref())
        {
            assert!(
                question.answers.iter().any(|answer| answer.right),
                "{}",
                question.text
            );
            text += &format!("\n- {}", question.text);
        }
        text += &format!("\n\n```text\n{link}\n```\n");
    }
    check("lessons.md", &text);
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().to_string() + letters.as_str()
    })
}

/// What a command does not do, or does otherwise than Redis 7.0.15, beside what docs/differences.md says of all.
const REMARKS: &[(&str, &str)] = &[
    ("client|kill", "`TYPE` knows no replicas, there being none."),
    ("command|docs", "Texts are our own; there is no history."),
    ("command|info", "Key specifications have no notes."),
    (
        "command|list",
        "`MODULE` finds nothing, there being no modules.",
    ),
    ("keys", "In another order."),
    ("randomkey", "Picks other keys."),
    ("scan", "In another order, with other cursors."),
    ("sort", "Leaves the encoding of a sorted set as it is."),
    ("wait", "Answers 0 at once, there being no replicas."),
];

/// What may be missing: whole commands with their subcommands, and single subcommands.
const MISSING: &[&str] = &[
    // Scripts, functions and modules.
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "fcall_ro",
    "function",
    "module",
    "script",
    // Users.
    "acl",
    // Client side caching.
    "client|caching",
    "client|getredir",
    "client|tracking",
    "client|trackinginfo",
    // Replication and the cluster.
    "asking",
    "cluster",
    "failover",
    "migrate",
    "psync",
    "readonly",
    "readwrite",
    "replconf",
    "replicaof",
    "restore-asking",
    "slaveof",
    "sync",
];

/// Every command and subcommand of Redis 7.0.15 with its group.
fn redis_commands() -> Vec<(&'static str, &'static str)> {
    let mut commands = Vec::new();
    let mut group = "";
    for line in include_str!("redis-commands.txt").lines() {
        if let Some(header) = line.strip_prefix('[') {
            group = header.trim_end_matches(']');
        } else if !line.is_empty() && !line.starts_with('#') {
            commands.push((group, line));
        }
    }
    commands
}

fn is_there(name: &str) -> bool {
    let mut words = name.split('|');
    let container = words.next().and_then(|word| lookup(word.as_bytes()));
    match (container, words.next()) {
        (Some(container), Some(word)) => lookup_subcommand(container, word.as_bytes()).is_some(),
        (container, _) => container.is_some(),
    }
}

#[test]
fn nothing_is_missing_but_what_may_be() {
    let may_miss = |name: &str| {
        let container = name.split('|').next().unwrap_or(name);
        MISSING.contains(&name) || MISSING.contains(&container)
    };
    for (_, name) in redis_commands() {
        assert!(is_there(name) || may_miss(name), "{name} is missing");
    }
    for name in MISSING {
        assert!(!is_there(name), "{name} is there: it need not be excused");
    }
}

#[test]
fn the_commands_are_listed() {
    let commands = redis_commands();
    let there = commands.iter().filter(|(_, name)| is_there(name)).count();
    let mut text = format!(
        "# Commands\n\nEvery command and subcommand of Redis 7.0.15, and whether it is here: {there} of {}. What differs everywhere is in \
         [differences.md](differences.md). Generated from the table in `crates/keyspace/src/table/`.\n",
        commands.len()
    );
    let mut last_group = "";
    for (group, name) in commands {
        if group != last_group {
            last_group = group;
            text += &format!("\n## {group}\n\n| command | here | remarks |\n|---|---|---|\n");
        }
        let shown = name.replace('|', " ").to_uppercase();
        let state = if is_there(name) { "yes" } else { "not yet" };
        let remark = REMARKS.iter().find(|(command, _)| *command == name);
        let remark = remark.map_or("", |(_, remark)| remark);
        text += &format!("| `{shown}` | {state} | {remark} |\n");
    }
    check("commands.md", &text);
}
