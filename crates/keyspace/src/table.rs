//! The table of commands: one row each, everything else derived.

use lastsave_resp::Args;

use crate::Call;

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
    Exec,
    Hello,
    Info,
    LastSave,
    Multi,
    Ping,
    Quit,
    Reset,
    Save,
    Select,
    Shutdown,
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

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for CommandFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
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
pub struct Command {
    /// The name, in lower case; of a subcommand, its own word only.
    pub name: &'static str,
    /// The number of words, the name included (a subcommand's container too); `-n` means at least `n`.
    pub arity: i8,
    /// What the server must know before running it.
    pub flags: CommandFlags,
    /// Its access-control categories besides those that follow from flags and group: `"keyspace dangerous"`.
    pub categories: &'static str,
    /// Where its keys stand.
    pub keys: KeyRange,
    /// What documentation files it under.
    pub group: Group,
    /// The version of Redis that introduced it.
    pub since: &'static str,
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
}

/// The table, sorted by name.
pub static COMMANDS: &[Command] = &[];

/// The row of a command, its name in any case.
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    let _ = name;
    todo!("helper: must cost a few nanoseconds; hot path")
}

/// The row of a container's subcommand, its name in any case.
pub fn lookup_subcommand(container: &'static Command, name: &[u8]) -> Option<&'static Command> {
    let _ = (container, name);
    todo!("helper")
}

/// Redis's error for a name that is not in the table, with the beginnings of the arguments.
pub fn unknown_command_error(args: Args<'_>) -> String {
    let _ = args;
    todo!("helper")
}

/// Redis's error for a wrong number of words: `ERR wrong number of arguments for 'get' command`, and with the
/// container's name for a subcommand: `'config|get'`.
pub fn arity_error(full_name: &str) -> String {
    format!("ERR wrong number of arguments for '{full_name}' command")
}
