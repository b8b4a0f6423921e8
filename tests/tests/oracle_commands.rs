//! COMMAND against redis-server 7.0.15: every row of our table says what Redis's does, but for texts.

use std::collections::BTreeMap;

use lastsave_engine::command_info;
use lastsave_keyspace::COMMANDS;
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
