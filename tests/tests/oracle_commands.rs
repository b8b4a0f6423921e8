//! COMMAND against redis-server 7.0.15: every row of our table says what Redis's does, but for texts.

use std::collections::BTreeMap;

use lastsave_engine::command_info;
use lastsave_keyspace::{COMMANDS, lookup};
use lastsave_resp::{ArgsBuf, Protocol};
use lastsave_tests::native::{Client, Reply, Server, redis};

/// A server of Redis, and a connection to it.
struct Oracle {
    client: Client,
    _server: Server,
    _dir: tempfile::TempDir,
}

impl Oracle {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let plain = ["--save", "", "--appendonly", "no"];
        let server = Server::start(&redis("redis-server"), dir.path(), &plain);
        Self {
            client: server.connect(),
            _server: server,
            _dir: dir,
        }
    }

    /// Both answers to a COMMAND with these words behind it: ours and Redis's.
    fn both(&mut self, words: &[&str]) -> (Reply, Reply) {
        let mut request = vec!["COMMAND"];
        request.extend_from_slice(words);
        let args: ArgsBuf = request.iter().collect();
        let mut reply = lastsave_resp::Reply::new(Protocol::Resp2);
        command_info::command(args.as_args(), &mut reply);
        let ours = Reply::read(&mut reply.bytes()).expect("a whole answer");
        (ours, self.client.call(&request))
    }
}

/// A reply without what is text or order: easy to compare, and to read where it differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Text(String),
    Integer(i64),
    List(Vec<Shape>),
    Map(BTreeMap<String, Shape>),
}

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Simple(text) => text.clone(),
        Reply::Bulk(Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => panic!("no text: {reply:?}"),
    }
}

fn list(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::Array(Some(items)) => items,
        _ => panic!("no list: {reply:?}"),
    }
}

/// Pairs in a row, without those named in `left_out`.
fn map(reply: &Reply, left_out: &[&str], value: impl Fn(&str, &Reply) -> Shape) -> Shape {
    let pairs = list(reply).chunks_exact(2);
    let pairs = pairs.map(|pair| (text(&pair[0]), &pair[1]));
    let kept = pairs.filter(|(name, _)| !left_out.contains(&name.as_str()));
    Shape::Map(
        kept.map(|(name, item)| {
            let value = value(&name, item);
            (name, value)
        })
        .collect(),
    )
}

fn leaf(reply: &Reply) -> Shape {
    match reply {
        Reply::Integer(number) => Shape::Integer(*number),
        _ => Shape::Text(text(reply)),
    }
}

fn words(reply: &Reply) -> Shape {
    let mut words: Vec<Shape> = list(reply).iter().map(leaf).collect();
    words.sort();
    Shape::List(words)
}

/// A row of COMMAND INFO, without those of its subcommands.
fn info(reply: &Reply) -> Shape {
    let row = list(reply);
    let mut shape: Vec<Shape> = [0, 1, 3, 4, 5].iter().map(|at| leaf(&row[*at])).collect();
    shape.extend([2, 6, 7].iter().map(|at| words(&row[*at])));
    shape.push(Shape::List(list(&row[8]).iter().map(key_spec).collect()));
    Shape::List(shape)
}

fn key_spec(reply: &Reply) -> Shape {
    map(reply, &["notes"], |name, item| match name {
        "flags" => words(item),
        _ => map(item, &[], |name, item| match name {
            "spec" => map(item, &[], |_, item| leaf(item)),
            _ => leaf(item),
        }),
    })
}

/// Leaves out of `ours` what Redis has and we do not know, or the other way round: subcommands that are not there yet, and
/// arguments that Redis does not document.
fn keep_common(ours: &mut Shape, theirs: &mut Shape) {
    let (Shape::Map(ours), Shape::Map(theirs)) = (ours, theirs) else {
        return;
    };
    if !theirs.contains_key("arguments") {
        ours.remove("arguments");
    }
    if let (Some(Shape::Map(ours)), Some(Shape::Map(theirs))) =
        (ours.get_mut("subcommands"), theirs.get_mut("subcommands"))
    {
        theirs.retain(|name, _| ours.contains_key(name));
        for (name, ours) in ours {
            keep_common(
                ours,
                theirs.get_mut(name).expect("Redis has the subcommand"),
            );
        }
    }
}

/// What COMMAND DOCS says of a command, texts left out.
fn doc(reply: &Reply) -> Shape {
    let texts = ["summary", "complexity", "history", "replaced_by"];
    map(reply, &texts, |name, item| match name {
        "doc_flags" => words(item),
        "arguments" => arguments(item),
        "subcommands" => map(item, &[], |_, item| doc(item)),
        _ => leaf(item),
    })
}

fn arguments(reply: &Reply) -> Shape {
    let one = |argument: &Reply| {
        let texts = ["since", "deprecated_since", "summary"];
        map(argument, &texts, |name, item| match name {
            "flags" => words(item),
            "arguments" => arguments(item),
            _ => leaf(item),
        })
    };
    Shape::List(list(reply).iter().map(one).collect())
}

#[test]
fn rows_say_what_redis_says() {
    let mut oracle = Oracle::start();
    let mut differences = String::new();
    let mut names = Vec::new();
    for row in COMMANDS {
        names.push(row.name.to_owned());
        names.extend(
            row.subcommands
                .iter()
                .map(|sub| format!("{}|{}", row.name, sub.name)),
        );
    }
    for name in &names {
        let (ours, theirs) = oracle.both(&["INFO", name]);
        let (ours, theirs) = (info(&list(&ours)[0]), info(&list(&theirs)[0]));
        if ours != theirs {
            differences += &format!("{name}:\n  {ours:?}\n  {theirs:?}\n");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn documentation_has_redis_s_facts() {
    let mut oracle = Oracle::start();
    let mut differences = String::new();
    for row in COMMANDS {
        let (ours, theirs) = oracle.both(&["DOCS", row.name]);
        let (mut ours, mut theirs) = (doc(&list(&ours)[1]), doc(&list(&theirs)[1]));
        keep_common(&mut ours, &mut theirs);
        if ours != theirs {
            differences += &format!("{}:\n  {ours:?}\n  {theirs:?}\n", row.name);
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// Requests whose keys are found in every way there is.
const REQUESTS: &[&str] = &[
    "get k",
    "get",
    "get k l",
    "config get x",
    "config nosuch x",
    "nosuch k",
    "object encoding k",
    "mset a 1 b 2",
    "mset a 1 b",
    "del a b c",
    "bitop and d a b",
    "blpop a b 0",
    "set k v",
    "set k v ex 10 get",
    "set get get",
    "bitfield k get u8 0",
    "bitfield k overflow sat get u8 0",
    "bitfield k get u8 0 set u8 0 1",
    "bitfield k get u8",
    "bitfield_ro k get u8 0",
    "lmpop 2 a b left",
    "lmpop 3 a b left",
    "lmpop 0 a b left",
    "lmpop x a b left",
    "lmpop -1 a b left",
    "blmpop 0 2 a b left count 2",
    "bzmpop 0 1 a min",
    "zmpop 2 a b max",
    "sintercard 2 a b limit 3",
    "zunion 2 a b withscores",
    "zunionstore d 2 a b weights 1 2",
    "zunionstore d 9 a b",
    "zdiffstore d 1 a",
    "zrangestore d s 0 -1",
    "xread count 1 streams a b 0 0",
    "xread streams a b 0",
    "xread count 1 block 2",
    "xread count streams streams a 0",
    "xreadgroup group g c streams a b > >",
    "xreadgroup group streams c streams a >",
    "xadd k * f v",
    "xgroup create k g 0",
    "xinfo stream k",
    "georadius k 1 2 3 m",
    "georadius k 1 2 3 m store d",
    "georadius k 1 2 3 m store d storedist e",
    "georadiusbymember k m 3 m storedist d",
    "georadius_ro k 1 2 3 m",
    "geosearchstore d s fromlonlat 1 2 byradius 3 m",
    "sort k",
    "sort k by w_* get # limit 0 1 store d",
    "sort k store a store b",
    "sort k get store store d",
    "sort k store",
    "sort_ro k by w_* get o_*",
    "spublish c m",
    "ssubscribe c",
    "subscribe c",
    "memory usage k",
    "pfmerge d",
    "pfmerge d a b",
    "pfcount a b",
    "restore k 0 x",
    "copy a b",
    "rename a b",
    "sinterstore d a b",
    "smove a b m",
    "lmove a b left right",
    "watch a b",
    "ping",
];

#[test]
fn keys_are_those_that_redis_finds() {
    let mut oracle = Oracle::start();
    let mut differences = String::new();
    let known = |request: &&&str| {
        let name = request.split(' ').next().unwrap_or_default();
        name == "nosuch" || lookup(name.as_bytes()).is_some()
    };
    for request in REQUESTS.iter().filter(known) {
        for subcommand in ["GETKEYS", "GETKEYSANDFLAGS"] {
            let mut words = vec![subcommand];
            words.extend(request.split(' '));
            let (ours, theirs) = oracle.both(&words);
            if ours != theirs {
                differences += &format!("{request}:\n  {ours:?}\n  {theirs:?}\n");
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn the_list_of_redis_s_commands_is_redis_s() {
    let mut oracle = Oracle::start();
    let (_, theirs) = oracle.both(&["LIST"]);
    let mut theirs: Vec<String> = list(&theirs).iter().map(text).collect();
    theirs.sort();
    let listed = include_str!("../redis-commands.txt").lines();
    let mut listed: Vec<&str> = listed
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '[']))
        .collect();
    listed.sort_unstable();
    assert_eq!(listed, theirs);
}
