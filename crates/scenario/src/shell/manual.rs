//! The manual of the scenario language, made from the tables that help and completion are made from.

use super::fault;
use super::words::{Group, WORDS};
use crate::world::{CALLS, ERRNOS};

const INTRODUCTION: &str = r#"# Scenarios

A scenario is a text file of the lines that one would type into a terminal of the simulated machine, with expectations
among them. The page opens it, `lastsave run FILE` runs it, and the tests run every one in [tests/suite](../tests/suite).
Everything is simulated but the engine: the same file gives the same bytes, replies and trace hash everywhere.

```text
# lastsave scenario 1
# What a power loss takes: the last second, with everysec
seed 7

redis-server --appendonly yes --appendfsync everysec
SET greeting hello
crash power
redis-server --appendonly yes
expect lost == 1
---
(what the terminal showed; a test compares it)
```

- The first line names the version. The next comment is the title: a name and, behind a colon, what it shows. `seed` decides
  everything random.
- A line is a Redis command (`SET greeting hello`), a command line of a shell, or a word of the laboratory. Quotes, pipes,
  `&&`, `||`, `;`, `>`, `>>`, `<`, `<<EOF`, `$(…)`, patterns like `*.aof` and comments work.
- Time stands still but for what commands cost, until `advance` lets it pass.
- Behind a line `---` that no here-document holds is the transcript; as a command it is written `\---`.
  `UPDATE_GOLDEN=1 cargo test -p lastsave-tests --test suite` writes the transcript.

`help WORD` says in the terminal what is said here, and the Tab key completes. This page is generated from the tables in
`crates/scenario/src/shell/`.
"#;

const LESSONS: &str = r#"
## Lessons

A scenario that asks something is a lesson. The page tells it in steps, above the terminal: what the comments say, the question with its
answers, the lines, and then which expectations were met. To everything else it is a scenario like any other.

```text
# lastsave scenario 1
# Power: what a power loss takes
seed 7

# What stands in comments is told. Lines that follow each other are one paragraph, an
# empty comment begins the next one, and `code` stands between backquotes.
redis-server --appendonly yes
SET greeting hello

# ? Is the write there after a power loss?
# - Yes: it was acknowledged, but nobody has synced it.
# + No: it was in the page cache,
#   which is memory.
crash power
redis-server --appendonly yes
expect lost == 1
```

- Comments begin a step; the lines behind them, up to the next comments, are what it runs. Comments inside a here-document are text.
- `# ?` asks, once in a step. `# -` is a wrong answer and `# +` a right one; behind the first colon and space stands what is said about it.
  Further comments continue the answer, until an empty one.
- Expectations are not shown before they are checked. Write them so that they prove what the step says.

[tests/suite/lessons](../tests/suite/lessons) has the lessons of the page; [lessons.md](lessons.md) lists them with their links.
"#;

/// What `expect` can compare, and what each is.
#[rustfmt::skip]
const CLAIMS: [(&str, &str); 26] = [
    ("acknowledged", "writes acknowledged before the last crash; before any, so far"),
    ("recovered", "of those, the ones that came back at the next start"),
    ("lost", "and those that did not"),
    ("oldest_lost_ms", "how long before the crash the oldest of them was acknowledged, in milliseconds"),
    ("recovery_ms", "how long the start took, in milliseconds"),
    ("unacknowledged", "writes executed whose replies never came"),
    ("keys", "keys in the running server"),
    ("keys_before", "keys before the crash"),
    ("keys_after", "keys after the next start"),
    ("keys_gone", "keys missing then"),
    ("keys_changed", "keys that have another value then"),
    ("exposed_power", "acknowledged writes that a power loss now would take"),
    ("exposed_kill", "acknowledged writes that a kill of the process now would take"),
    ("commands", "commands executed"),
    ("errors", "requests of the workload answered with an error"),
    ("refused", "requests of the workload that found no server"),
    ("p99_us", "the 99th percentile of the time from a request's arrival to its reply, in microseconds, of the workload"),
    ("fsyncs", "syncs of files so far"),
    ("bytes_written", "bytes written to files so far"),
    ("bytes_synced", "bytes that syncs have made durable so far"),
    ("peak_memory", "the most memory the data have taken, in bytes"),
    ("peak_extra", "the most that a save or rewrite by fork would have copied, in bytes: a model"),
    ("server", "`expect server up` or `expect server down`"),
    ("reply", "the last reply of a Redis command, as redis-cli prints it or as plain text: `expect reply OK`, `expect reply (nil)`"),
    ("error", "the last reply is an error that begins so: `expect error MISCONF`"),
    ("output", "what the last command printed contains this: `expect output \"Truncating the AOF\"`"),
];

/// The manual of the scenario language, in Markdown.
pub fn manual_markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (group, title) in Group::ALL {
        text.push_str(&format!(
            "\n## {title}\n\n| word | what it does |\n|---|---|\n"
        ));
        for word in WORDS.iter().filter(|word| word.group == group) {
            let usage = format!("{} {}", word.name, word.usage);
            row(&mut text, usage.trim_end(), word.help);
        }
        if group == Group::Lab {
            faults(&mut text);
            expectations(&mut text);
        }
    }
    text.push_str(LESSONS);
    text
}

fn faults(text: &mut String) {
    text.push_str("\n### Faults\n\n| fault | what breaks |\n|---|---|\n");
    for form in &fault::FORMS {
        row(text, form.usage, form.help);
    }
    text.push_str(&format!(
        "\n{}\n\n| CALL | which |\n|---|---|\n",
        fault::WHEN_HELP
    ));
    for call in &CALLS {
        row(text, call.word, call.what);
    }
    row(text, crate::world::ANY_CALL, "each of them");
    let errnos: Vec<String> = ERRNOS.iter().map(|(name, _)| format!("`{name}`")).collect();
    let signals: Vec<String> = fault::SIGNALS
        .iter()
        .map(|(name, number)| format!("`{name}` {number}"))
        .collect();
    text.push_str(&format!(
        "\nReasons: {}. Signals: {}, or any number.\n\n\
         What a power loss may leave, and what exactly each fault does, is in the fault model of `crates/vfs/src/sim.rs`. \
         [tests/suite/faults](../tests/suite/faults) has a scenario for each kind of fault, \
         [tests/suite/defects](../tests/suite/defects) one for each way in which Redis 7.0 loses data, with `redis-faithful yes` and without.\n",
        errnos.join(", "),
        signals.join(", ")
    ));
}

fn expectations(text: &mut String) {
    text.push_str("\n### Expectations\n\n| `expect …` | what is compared |\n|---|---|\n");
    for (name, meaning) in CLAIMS {
        row(text, name, meaning);
    }
}

/// A row of a table; a bar in a cell would end it.
fn row(text: &mut String, term: &str, meaning: &str) {
    let cell = |text: &str| text.replace('|', "\\|");
    text.push_str(&format!("| `{}` | {} |\n", cell(term), cell(meaning)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::expect;

    #[test]
    fn every_claim_is_explained() {
        assert_eq!(CLAIMS.map(|(name, _)| name), expect::NAMES);
        for signal in fault::SIGNALS {
            assert_eq!(fault::signal_number(signal.0), Some(signal.1));
        }
    }
}
