//! The table of commands: one row each, everything else derived.

use crate::Call;

mod bitmaps;
mod connection;
mod find;
mod geo;
mod hashes;
mod hyperloglog;
mod key_specs;
mod keys;
mod lists;
mod observe;
mod pubsub;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;

pub use find::{Resolved, arity_error, lookup, lookup_subcommand, resolve, unknown_command_error};
pub use key_specs::{KeySpec, KeysBegin, KeysExtent};
use key_specs::{counted_keys, key_spec, keys_behind, unknown_keys};

/// What implements a command.
#[derive(Clone, Copy)]
pub enum Handler {
    /// A function of the keyspace alone.
    Data(fn(&mut Call<'_>)),
    /// A command about the server, its clients or its files: `engine` implements it.
    Server(ServerCommand),
}

/// The commands that `engine` implements. Subcommands (`CONFIG GET`) are told apart there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the command of the same name")]
pub enum ServerCommand {
    Auth,
    BgRewriteAof,
    BgSave,
    Client,
    Command,
    Config,
    Debug,
    Discard,
    Dump,
    Exec,
    Hello,
    Info,
    LastSave,
    Latency,
    LolWut,
    Memory,
    Monitor,
    Multi,
    Ping,
    Psubscribe,
    Publish,
    Pubsub,
    Punsubscribe,
    Quit,
    Reset,
    Restore,
    Role,
    Save,
    Select,
    Shutdown,
    SlowLog,
    Spublish,
    Ssubscribe,
    Subscribe,
    Sunsubscribe,
    Unsubscribe,
    Unwatch,
    Watch,
}

/// What the server must know of a command before it runs it. Combine with `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandFlags(pub u32);

impl CommandFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// May change data: refused under MISCONF, written to the append-only file.
    pub const WRITE: Self = Self(1);
    /// Reads data only.
    pub const READONLY: Self = Self(1 << 1);
    /// May grow memory: refused above `maxmemory`.
    pub const DENYOOM: Self = Self(1 << 2);
    /// About the server itself.
    pub const ADMIN: Self = Self(1 << 3);
    /// Publishes or subscribes.
    pub const PUBSUB: Self = Self(1 << 4);
    /// Not inside a script.
    pub const NOSCRIPT: Self = Self(1 << 5);
    /// May block the client.
    pub const BLOCKING: Self = Self(1 << 6);
    /// Allowed while a data set is loading.
    pub const LOADING: Self = Self(1 << 7);
    /// Allowed on a replica with stale data.
    pub const STALE: Self = Self(1 << 8);
    /// Not shown to MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 9);
    /// Not recorded in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 10);
    /// Constant or logarithmic time.
    pub const FAST: Self = Self(1 << 11);
    /// Allowed before AUTH.
    pub const NO_AUTH: Self = Self(1 << 12);
    /// Not queued by MULTI.
    pub const NO_MULTI: Self = Self(1 << 13);
    /// Its keys are found by a function, not by position.
    pub const MOVABLE_KEYS: Self = Self(1 << 14);
    /// May write to the append-only file though it is not [`CommandFlags::WRITE`].
    pub const MAY_REPLICATE: Self = Self(1 << 15);
    /// Meets keys by chance, so that the removals of expired ones among them need not be written together.
    pub const TOUCHES_ARBITRARY_KEYS: Self = Self(1 << 18);
    /// Refused while a replica loads a data set beside the old one.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 16);
    /// Allowed while a script runs for too long.
    pub const ALLOW_BUSY: Self = Self(1 << 17);

    /// The flags with the names that COMMAND shows them by, in its order.
    pub const NAMES: &[(Self, &str)] = &[
        (Self::WRITE, "write"),
        (Self::READONLY, "readonly"),
        (Self::DENYOOM, "denyoom"),
        (Self::ADMIN, "admin"),
        (Self::PUBSUB, "pubsub"),
        (Self::NOSCRIPT, "noscript"),
        (Self::BLOCKING, "blocking"),
        (Self::LOADING, "loading"),
        (Self::STALE, "stale"),
        (Self::SKIP_MONITOR, "skip_monitor"),
        (Self::SKIP_SLOWLOG, "skip_slowlog"),
        (Self::FAST, "fast"),
        (Self::NO_AUTH, "no_auth"),
        (Self::NO_ASYNC_LOADING, "no_async_loading"),
        (Self::NO_MULTI, "no_multi"),
        (Self::MOVABLE_KEYS, "movablekeys"),
        (Self::ALLOW_BUSY, "allow_busy"),
    ];

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags and those of `other`: `|` for constants.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names of the flags that are set, in COMMAND's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(flag, _)| self.has(*flag))
            .map(|(_, name)| *name)
    }
}

impl std::ops::BitOr for CommandFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// Where the keys stand among the words: `first`, then every `step`th up to `last` (negative: from the end).
/// All 0: the command has no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The index of the first key, 0 for none.
    pub first: i8,
    /// The index of the last key; -1 is the last word.
    pub last: i8,
    /// The distance from one key to the next.
    pub step: i8,
}

impl KeyRange {
    /// No keys.
    pub const NONE: Self = Self {
        first: 0,
        last: 0,
        step: 0,
    };

    /// The indices of the keys among `words` words, the name included.
    pub fn positions(self, words: usize) -> impl Iterator<Item = usize> {
        let last = if self.last < 0 {
            words as i64 + i64::from(self.last)
        } else {
            i64::from(self.last)
        };
        let last = last.min(words as i64 - 1);
        let range = if self.first > 0 {
            i64::from(self.first)..last + 1
        } else {
            0..0
        };
        range
            .step_by(self.step.max(1) as usize)
            .map(|index| index as usize)
    }
}

/// What documentation files a command under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is Redis's group of the same name")]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    PubSub,
    Transactions,
    Connection,
    Server,
    Scripting,
    HyperLogLog,
    Cluster,
    Geo,
    Stream,
    Bitmap,
}

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Command {
    /// The name, in lower case; of a subcommand, its own word only.
    pub name: &'static str,
    /// The number of words, the name included (a subcommand's container too); `-n` means at least `n`.
    pub arity: i8,
    /// What the server must know before running it.
    pub flags: CommandFlags,
    /// Its access-control categories besides those that follow from flags: `"keyspace dangerous"`. All of them
    /// are in [`Command::acl_categories`].
    pub categories: &'static str,
    /// Where its keys stand.
    pub keys: KeyRange,
    /// How it uses them.
    pub key_specs: &'static [KeySpec],
    /// Redis's hints to proxies and clients, between spaces.
    pub tips: &'static str,
    /// What documentation files it under.
    pub group: Group,
    /// The version of Redis that introduced it.
    pub since: &'static str,
    /// If it is deprecated: the version that did so, and what takes its place.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Whether it serves Redis itself rather than its users.
    pub internal: bool,
    /// Its cost, in the usual notation.
    pub complexity: &'static str,
    /// What it does, in one sentence of our own.
    pub summary: &'static str,
    /// Its arguments, as the command line hints at them: `key value [NX | XX] [GET]`.
    pub arguments: &'static str,
    /// Its subcommands, if it is a container.
    pub subcommands: &'static [Command],
    /// What implements it.
    pub handler: Handler,
    /// Its place in [`COMMANDS`]; [`u16::MAX`] for a subcommand.
    pub index: u16,
}

/// What most rows leave as it is.
const ROW: Command = Command {
    name: "",
    arity: 1,
    flags: CommandFlags::NONE,
    categories: "",
    keys: KeyRange::NONE,
    key_specs: &[],
    tips: "",
    group: Group::Generic,
    since: "1.0.0",
    deprecated: None,
    internal: false,
    complexity: "O(1)",
    summary: "",
    arguments: "",
    subcommands: &[],
    handler: Handler::Data(|_| {}),
    index: u16::MAX,
};

const fn key_range(first: i8, last: i8, step: i8) -> KeyRange {
    KeyRange { first, last, step }
}

/// All access-control categories, in the order that COMMAND INFO shows them.
pub const ACL_CATEGORIES: &[&str] = &[
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

impl Command {
    /// Whether it may change data.
    pub fn is_write(&self) -> bool {
        self.flags.has(CommandFlags::WRITE)
    }

    /// Whether `words` words, the name included, are neither too few nor too many.
    pub fn allows_words(&self, words: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 {
            words >= least
        } else {
            words == least
        }
    }

    /// Whether it belongs to this access-control category.
    pub fn is_in_category(&self, category: &str) -> bool {
        let explicit = |name: &str| self.categories.split(' ').any(|category| category == name);
        explicit(category)
            || match category {
                "write" => self.is_write(),
                "read" => self.flags.has(CommandFlags::READONLY) && !explicit("scripting"),
                "admin" | "dangerous" => self.flags.has(CommandFlags::ADMIN),
                "pubsub" => self.flags.has(CommandFlags::PUBSUB),
                "fast" => self.flags.has(CommandFlags::FAST),
                "slow" => !self.flags.has(CommandFlags::FAST),
                "blocking" => self.flags.has(CommandFlags::BLOCKING),
                _ => false,
            }
    }

    /// Its access-control categories, in COMMAND INFO's order.
    pub fn acl_categories(&self) -> impl Iterator<Item = &'static str> {
        ACL_CATEGORIES
            .iter()
            .copied()
            .filter(|category| self.is_in_category(category))
    }
}

const GROUPS: &[&[Command]] = &[
    bitmaps::ROWS,
    connection::ROWS,
    hashes::ROWS,
    geo::ROWS,
    hyperloglog::ROWS,
    keys::ROWS,
    lists::ROWS,
    observe::ROWS,
    pubsub::ROWS,
    server::ROWS,
    sets::ROWS,
    sorted_sets::ROWS,
    streams::ROWS,
    strings::ROWS,
    transactions::ROWS,
];

const COUNT: usize = {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    count
};

static SORTED: [Command; COUNT] = sorted_by_name();

/// The table, sorted by name.
pub static COMMANDS: &[Command] = &SORTED;

const fn sorted_by_name() -> [Command; COUNT] {
    let mut sorted = [ROW; COUNT];
    let (mut len, mut group) = (0, 0);
    while group < GROUPS.len() {
        let mut row = 0;
        while row < GROUPS[group].len() {
            let command = GROUPS[group][row];
            let mut at = len;
            while at > 0 && precedes(command.name.as_bytes(), sorted[at - 1].name.as_bytes()) {
                sorted[at] = sorted[at - 1];
                at -= 1;
            }
            sorted[at] = command;
            len += 1;
            row += 1;
        }
        group += 1;
    }
    let mut at = 0;
    while at < COUNT {
        sorted[at].index = at as u16;
        at += 1;
    }
    sorted
}

const fn precedes(name: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() && at < other.len() {
        if name[at] != other[at] {
            return name[at] < other[at];
        }
        at += 1;
    }
    name.len() < other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_where_the_row_says() {
        let positions = |name: &str, words| {
            lookup(name.as_bytes())
                .unwrap()
                .keys
                .positions(words)
                .collect::<Vec<_>>()
        };
        assert_eq!(positions("get", 2), [1]);
        assert_eq!(positions("del", 4), [1, 2, 3]);
        assert_eq!(positions("mset", 5), [1, 3]);
        assert_eq!(positions("rename", 3), [1, 2]);
        assert_eq!(positions("ping", 2), [0; 0]);
        assert_eq!(positions("get", 1), [0; 0]);
    }

    #[test]
    fn flags_and_categories_go_by_their_names() {
        let set = lookup(b"set").unwrap();
        assert!(set.is_write());
        assert_eq!(set.flags.names().collect::<Vec<_>>(), ["write", "denyoom"]);
        assert_eq!(
            set.acl_categories().collect::<Vec<_>>(),
            ["write", "string", "slow"]
        );
        let save = lookup(b"save").unwrap();
        assert!(!save.is_write());
        assert_eq!(
            save.acl_categories().collect::<Vec<_>>(),
            ["admin", "slow", "dangerous"]
        );
        assert!(set.allows_words(3) && set.allows_words(9) && !set.allows_words(2));
        assert!(save.allows_words(1) && !save.allows_words(2));
    }

    #[test]
    fn every_row_is_complete() {
        let mut rows: Vec<&Command> = COMMANDS.iter().collect();
        rows.extend(COMMANDS.iter().flat_map(|command| command.subcommands));
        for row in rows {
            assert!(
                row.summary.ends_with('.') && !row.complexity.is_empty(),
                "{}",
                row.name
            );
            assert!(row.name == row.name.to_ascii_lowercase() && row.arity != 0);
            for category in row
                .categories
                .split(' ')
                .filter(|category| !category.is_empty())
            {
                assert!(
                    ACL_CATEGORIES.contains(&category),
                    "{}: {category}",
                    row.name
                );
            }
        }
    }
}
