//! The table of commands: one row each; help, completion and suggestions derive from it.

use super::parse::Pipeline;
use super::{Io, Shell, Style};

/// What a word's arguments are, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    /// Nothing that could be listed.
    Free,
    /// Files.
    Files,
    /// A configuration file, then parameters.
    Server,
    /// A Redis command.
    Redis,
    /// These words, in any order.
    Choices(&'static [&'static str]),
    /// The words of a fault.
    Faults,
    /// Commands of this table.
    Words,
}

/// One row.
pub(super) struct Word {
    pub(super) name: &'static str,
    /// The arguments, as help shows them.
    pub(super) usage: &'static str,
    /// What it does, in a sentence or two.
    pub(super) help: &'static str,
    pub(super) group: Group,
    pub(super) arguments: Arguments,
    pub(super) run: fn(&mut Shell, &mut Io, &[String]) -> i32,
}

/// What help files it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Redis,
    Lab,
    Files,
    Shell,
}

impl Group {
    pub(super) const ALL: [(Self, &str); 4] = [
        (Self::Redis, "Redis"),
        (Self::Lab, "The laboratory"),
        (Self::Files, "Files"),
        (Self::Shell, "The shell"),
    ];
}

const fn word(
    group: Group,
    name: &'static str,
    usage: &'static str,
    arguments: Arguments,
    help: &'static str,
    run: fn(&mut Shell, &mut Io, &[String]) -> i32,
) -> Word {
    Word {
        name,
        usage,
        help,
        group,
        arguments,
        run,
    }
}

use Arguments::{Choices, Files, Free};
use Group::{Lab, Redis};

/// The table, sorted within its groups.
#[rustfmt::skip]
pub(super) static WORDS: &[Word] = &[
    word(Redis, "redis-server", "[redis.conf] [--parameter value …]", Arguments::Server, "Starts the server on the data found on the disk. It runs in the background here; its log is printed.", Shell::redis_server),
    word(Redis, "redis-cli", "[-p port] [-n db] [--rdb file] [command [arg …]]", Arguments::Redis, "Sends one command, or opens a session without one (`exit` leaves it). Redis commands also work without it: `SET k v`.", Shell::redis_cli),
    word(Redis, "redis-check-aof", "[--fix] file", Files, "Checks an append-only file or its manifest; with --fix cuts what is broken off its end.", Shell::redis_check_aof),
    word(Redis, "redis-check-rdb", "file", Files, "Checks a snapshot.", Shell::redis_check_rdb),
    word(Redis, "inspect", "file|directory [--depth n] [--keys pattern] [--hex]", Files, "Shows what the bytes of a snapshot, a log or a manifest mean, and whether they are sound: `lastsave inspect` of the command line.", Shell::inspect),
    word(Redis, "repair", "file|directory -o output [--force]", Files, "Makes a sound file of what can be read of a broken snapshot or log, and says what was left out. The original is not changed.", Shell::repair),
    word(Redis, "diff", "a b [--ignore-ttl]", Files, "Says what two data sets differ in, key by key: snapshots, logs or directories, each loaded as the server loads it.", Shell::diff),
    word(Redis, "strip-comments", "redis.conf", Files, "Removes comments behind directives, which Redis does not accept, from a configuration file.", Shell::strip_comments),
    word(Redis, "log", "[lines]", Free, "Shows the last lines of the server's log.", Shell::show_last_log),

    word(Lab, "advance", "duration", Choices(&["1s", "10s", "1m", "5m", "47m", "1h"]), "Lets simulated time pass: 200ms, 10s, 47m, 1m30s. Time stands still otherwise, but for what commands cost.", Shell::advance),
    word(Lab, "step", "[command|write|fsync|save|rewrite]", Choices(&["command", "write", "fsync", "save", "rewrite"]), "Lets simulated time pass until the next command, write, fsync, or end of a save or rewrite, for an hour at most. `back` leads back again.", Shell::step),
    word(Lab, "back", "[duration | command|write|fsync|save|rewrite]", Choices(&["10s", "1m", "command", "write", "fsync", "save", "rewrite"]), "Shows the machine as it was before so much time, or right after the last command, write, fsync, save or rewrite before this moment. A line entered there takes it another way. Only in a terminal that keeps its history.", Shell::has_no_history),
    word(Lab, "goto", "time | +duration | start | end", Choices(&["start", "end"]), "Shows the machine as it was at a time: `goto 03:12:07.250`, `goto +42m7s` since the beginning.", Shell::has_no_history),
    word(Lab, "undo", "", Free, "Shows the machine as it was before the last line.", Shell::has_no_history),
    word(Lab, "present", "", Free, "Leads back from the past to the end of what has happened.", Shell::has_no_history),
    word(Lab, "fork", "", Free, "Goes on from the moment looked at; what came after it is put aside as a branch.", Shell::has_no_history),
    word(Lab, "branch", "[number]", Free, "Lists what has been put aside, or takes it up again.", Shell::has_no_history),
    word(Lab, "workload", "sessions|carts|counters|analytics|mixed [rate=200] [keys=50000] [size=20] [read=90%] [burst=10x/1m | shape=daily] | file PATH [rate=200] | off", Choices(&["sessions", "carts", "counters", "analytics", "mixed", "file", "off", "rate=", "keys=", "size=", "read=", "burst=10x/1m", "shape=daily"]), "Sends requests while time passes. sessions: SET … EX 3600; carts: APPEND, sometimes DEL; counters: INCR; analytics: HINCRBY, ZINCRBY, PFADD, LPUSH with LTRIM and EXPIRE on the day's keys; mixed: the first three, half reads. `file` sends the commands of an append-only file (or of all that a manifest or its directory names) and ends with them. read=90%: so many are reads. burst=10x/1m: ten times the rate in the first second of every minute. shape=daily: the rate is the day's mean, a quarter of it at 4 in the morning, nearly twice at 8 in the evening.", Shell::workload),
    word(Lab, "machine", "[laptop|cloud|disk|article] [memory=1gb] [capacity=10gb] [writeback=off]", Choices(&["laptop", "cloud", "disk", "article", "memory=", "capacity=", "writeback="]), "Says what the machine is, before a server starts on it. laptop: an SSD; cloud: a network volume whose syncs have a long tail; disk: a spinning disk; article: the speeds that follow from the article's figures. What takes more memory than there is, the kernel kills (`dmesg`). The last three charge what fork would cost, a model: 12 to 20 ms for each GiB. As Linux does, the kernel writes back by itself what has not been synced for 30 s, looking every 5 s; with writeback=off it never does, and a power loss takes all that was not synced.", Shell::machine),
    word(Lab, "crash", "power [none|all|seed N] | kill | oom [at N] | off", Choices(&["power", "kill", "oom", "none", "all", "seed", "at", "off"]), "`crash power` cuts the power: what was not synced is lost (none of it survives, all of it, or pages by a coin). `crash kill` kills the process only, and so does `crash oom`, for lack of memory. With `at N` it happens by itself, in place of that operation of the disk; `crash off` takes that back.", Shell::crash),
    word(Lab, "fault", "[CALL fail|slow|short|ok …] [fork|child|oom|bgsave …] [disk full|capacity 10mb|read-only|ok] [tearing|reordering] [ok]", Arguments::Faults, "Breaks something, or mends it with `ok`. Without arguments shows what is broken; `help fault` says all that can break.", Shell::fault),
    word(Lab, "flip-bit", "file offset [bit]", Files, "Turns a bit of a file over, silently, as an ageing disk may: bit 0 is the lowest.", Shell::flip_bit),
    word(Lab, "poke", "file offset hex", Files, "Types bytes over those of a file, silently, as a hex editor does: `poke dump.rdb 0x1f 2a`. What was durable stays durable. The next start sees it.", Shell::poke),
    word(Lab, "bad-sector", "file offset [length] | file ok", Files, "Makes the sectors of 512 bytes around an offset unreadable, until they are written again or mended with `ok`.", Shell::bad_sector),
    word(Lab, "mkfs", "", Free, "Formats the disk: the machine is as new, but for the clock.", Shell::mkfs),
    word(Lab, "expect", "name ==|!=|<|<=|>|>= number | reply \"text\" | error PREFIX | output \"text\"", Choices(&super::expect::NAMES), "Checks something and says so; a scenario fails with a failed expectation.", Shell::expect),
    word(Lab, "verdict", "", Free, "Says again what the last crash took.", Shell::verdict),
    word(Lab, "status", "", Free, "Where every write stands: memory, buffer, page cache, disk.", Shell::status_word),

    word(Group::Files, "ls", "[-l] [-h] [-a] [-R] [path …]", Files, "Lists files.", Shell::ls),
    word(Group::Files, "cat", "[file …]", Files, "Prints files; `cat > redis.conf <<EOF` writes one from the lines that follow, up to `EOF`.", Shell::cat),
    word(Group::Files, "head", "[-n lines | -c bytes] [file]", Files, "The beginning of a file or of its input.", Shell::head),
    word(Group::Files, "tail", "[-n lines | -c bytes] [-f] [file]", Files, "The end of a file or of its input.", Shell::tail),
    word(Group::Files, "xxd", "[-s offset] [-l length] [file]", Files, "Bytes in hexadecimal.", Shell::xxd),
    word(Group::Files, "cp", "[-r] source … target", Files, "Copies files, durably at once.", Shell::cp),
    word(Group::Files, "mv", "source … target", Files, "Renames files, durably at once.", Shell::mv),
    word(Group::Files, "rm", "[-r] [-f] file …", Files, "Removes files.", Shell::rm),
    word(Group::Files, "mkdir", "[-p] directory …", Files, "Makes directories.", Shell::mkdir),
    word(Group::Files, "touch", "file …", Files, "Makes empty files.", Shell::touch),
    word(Group::Files, "chmod", "mode file …", Files, "Changes what the server may do with a file or directory: 000, 444, u+w, a-r. It owns all files and is not root.", Shell::chmod),
    word(Group::Files, "upload", "file z:letters | file crc:sum length", Files, "Puts a file from outside on the disk: a small one travels in the line, compressed; a large one is named by its CRC-64 and length. The page writes such lines when a file is dropped on it.", Shell::upload),
    word(Group::Files, "truncate", "-s size file", Files, "Cuts a file to a size (`-s -10`: by ten bytes), as a torn write would.", Shell::truncate),
    word(Group::Files, "df", "[-h]", Free, "How full the disk is.", Shell::df),
    word(Group::Files, "du", "[-h] [path …]", Files, "How large files are.", Shell::du),
    word(Group::Files, "cd", "[directory]", Files, "Goes to a directory.", Shell::cd),
    word(Group::Files, "pwd", "", Free, "Says which directory this is.", Shell::pwd),
    word(Group::Files, "sync", "", Free, "Makes everything on the disk durable.", Shell::sync),

    word(Group::Shell, "kill", "[-9|-TERM|-INT] pid", Choices(&["-9", "-TERM", "-INT", "$(pgrep redis-server)"]), "Signals the server (-9 kills it, others ask it to shut down) or its child (any signal ends it).", Shell::kill),
    word(Group::Shell, "pkill", "[-9|-TERM|-INT] redis-server|redis-rdb-bgsave|redis-aof-rewrite", Choices(&["-9", "-TERM", "redis-server", "redis-rdb-bgsave", "redis-aof-rewrite"]), "As kill, by name: the server, or its child that saves or rewrites.", Shell::pkill),
    word(Group::Shell, "killall", "[-9|-TERM|-INT] redis-server", Choices(&["-9", "-TERM", "redis-server"]), "As kill, by name.", Shell::pkill),
    word(Group::Shell, "pgrep", "redis-server", Choices(&["redis-server"]), "The server's process ID.", Shell::pgrep),
    word(Group::Shell, "pidof", "redis-server", Choices(&["redis-server"]), "The server's process ID.", Shell::pgrep),
    word(Group::Shell, "ps", "", Free, "The processes.", Shell::ps),
    word(Group::Shell, "grep", "[-i] [-v] [-c] [-n] [-E] pattern [file …]", Free, "Lines that contain a text (`a\\|b`, with -E `a|b`; `^` and `$` work).", Shell::grep),
    word(Group::Shell, "wc", "[-l] [-c]", Free, "Counts lines, words and bytes.", Shell::wc),
    word(Group::Shell, "sort", "[-r] [-n]", Free, "Sorts lines.", Shell::sort),
    word(Group::Shell, "echo", "[-n] [text …]", Free, "Prints its arguments. `ECHO` in capitals is Redis's.", Shell::echo),
    word(Group::Shell, "yes", "", Free, "Says y: `yes | redis-check-aof --fix …`.", Shell::yes),
    word(Group::Shell, "sleep", "duration", Free, "Lets simulated time pass: `sleep 1` is a second.", Shell::sleep),
    word(Group::Shell, "watch", "command", Free, "Runs a command once: time stands still while you look. `WATCH` in capitals is Redis's.", Shell::watch),
    word(Group::Shell, "dmesg", "", Free, "What the kernel has logged: whom it killed for lack of memory.", Shell::dmesg),
    word(Group::Shell, "date", "", Free, "The simulated time.", Shell::date),
    word(Group::Shell, "clear", "", Free, "Clears the screen (in the page: Ctrl+L).", Shell::clear),
    word(Group::Shell, "sudo", "command", Arguments::Words, "Runs a command; everything is allowed here anyway.", Shell::sudo),
    word(Group::Shell, "true", "", Free, "Succeeds.", |_, _, _| 0),
    word(Group::Shell, "false", "", Free, "Fails.", |_, _, _| 1),
    word(Group::Shell, "help", "[word]", Arguments::Words, "Says what there is, or what a word does: `help crash`, `help BGSAVE`, `help appendfsync`.", Shell::help),
];

/// The row of a word.
pub(super) fn find(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

/// Whether a pipeline only checks.
pub(super) fn is_expectation(pipeline: &Pipeline) -> bool {
    let first = pipeline
        .stages
        .first()
        .and_then(|stage| stage.words.first());
    first.is_some_and(|word| word.text == "expect")
}

/// Whether a word reads patterns like `*.aof` itself.
pub(super) fn reads_patterns(name: &str) -> bool {
    name == "fault"
}

/// The word that `name` most likely was meant to be.
pub(super) fn nearest(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let shell = WORDS.iter().map(|word| word.name.to_owned());
    let redis = lastsave_keyspace::COMMANDS
        .iter()
        .map(|command| command.name.to_ascii_uppercase());
    shell
        .chain(redis)
        .map(|word| (distance(&lower, &word.to_ascii_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters must be added, removed, changed or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    rows[0] = (0..=right.len()).collect();
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let changed = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

impl Shell {
    fn help(&mut self, io: &mut Io, args: &[String]) -> i32 {
        let Some(topic) = args.get(1) else {
            self.print(io, Style::Plain, overview());
            return 0;
        };
        match describe(topic) {
            Some(text) => {
                self.print(io, Style::Plain, text);
                0
            }
            None => {
                self.complain(&format!("help: nothing is known of `{topic}`"));
                1
            }
        }
    }
}

fn overview() -> String {
    let mut text = String::from(
        "A machine with a disk, and Redis to run on it. Everything is simulated but the engine.\n\n",
    );
    for (group, title) in Group::ALL {
        text.push_str(&format!("{title}\n"));
        for word in WORDS.iter().filter(|word| word.group == group) {
            // The first sentence is enough for a list.
            let first = word.help.split_inclusive(['.', ';']).next().unwrap_or("");
            text.push_str(&format!(
                "  {:<16} {}\n",
                word.name,
                first.trim_end_matches(['.', ';'])
            ));
        }
        text.push('\n');
    }
    text.push_str(
        "Redis commands work as they are: `SET greeting hello`. `help WORD` says more of each, of a Redis command, of a parameter.\n",
    );
    text
}

/// What is known of a word: of this table, a Redis command, or a parameter.
fn describe(topic: &str) -> Option<String> {
    if topic == "fault" {
        return Some(super::fault::help());
    }
    if let Some(word) = find(topic) {
        return Some(format!("{} {}\n{}\n", word.name, word.usage, word.help));
    }
    if let Some(command) = lastsave_keyspace::lookup(topic.as_bytes()) {
        let mut text = format!(
            "{} {}\n{}\nsince Redis {}\n",
            command.name.to_ascii_uppercase(),
            command.arguments,
            command.summary,
            command.since
        );
        for sub in command.subcommands {
            text.push_str(&format!(
                "  {} {}: {}\n",
                sub.name.to_ascii_uppercase(),
                sub.arguments,
                sub.summary
            ));
        }
        return Some(text);
    }
    let parameter = lastsave_engine::config::parameter(topic.as_bytes())?;
    Some(format!(
        "{} (default: {})\n{}\n",
        parameter.name,
        parameter.default_value(),
        parameter.help
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_says_something() {
        for (index, word) in WORDS.iter().enumerate() {
            assert!(
                WORDS[index + 1..]
                    .iter()
                    .all(|other| other.name != word.name),
                "{}",
                word.name
            );
            assert!(word.help.ends_with('.'), "{}", word.name);
        }
    }

    #[test]
    fn misspellings_find_their_word() {
        for (typed, meant) in [
            ("advanec", "advance"),
            ("redis-serve", "redis-server"),
            ("rediscli", "redis-cli"),
            ("BGSAV", "BGSAVE"),
            ("wrokload", "workload"),
        ] {
            assert_eq!(nearest(typed).as_deref(), Some(meant));
        }
        assert_eq!(nearest("frobnicate"), None);
    }
}
