//! The replies were compared with those of redis-server 7.0.15, command by command and in both protocols.

use lastsave_resp::{ArgsBuf, Protocol};

use super::*;

fn answer(protocol: Protocol, words: &str) -> String {
    let mut args = ArgsBuf::new();
    for word in words.split(' ') {
        args.push(word.as_bytes());
    }
    let mut reply = Reply::new(protocol);
    command(args.as_args(), &mut reply);
    let text = reply.bytes().escape_ascii().to_string();
    let text = text.replace(r"\r\n", " ").replace(r"\'", "'");
    text.trim_end().to_owned()
}

fn resp2(words: &str) -> String {
    answer(Protocol::Resp2, words)
}

#[test]
fn info_in_both_protocols() {
    assert_eq!(
        resp2("COMMAND INFO Get nosuch"),
        "*2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 \
         *1 *6 $5 flags *2 +RO +access $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 \
         $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 *0 $-1"
    );
    assert_eq!(
        answer(Protocol::Resp3, "command info get config|nosuch"),
        "*2 *10 $3 get :2 ~2 +readonly +fast :1 :1 :1 ~3 +@read +@string +@fast ~0 \
         ~1 %3 $5 flags ~2 +RO +access $12 begin_search %2 $4 type $5 index $4 spec %1 $5 index :1 \
         $9 find_keys %2 $4 type $5 range $4 spec %3 $7 lastkey :0 $7 keystep :1 $5 limit :0 ~0 _"
    );
    assert!(resp2("command info config|set").starts_with("*1 *10 $10 config|set :-4 *4 +admin"));
    // What the engine alone looks at is no flag that clients see.
    assert!(resp2("command info randomkey").contains(":1 *1 +readonly :0"));
    assert!(resp2("command info config").contains("$10 config|set"));
}

#[test]
fn everything_is_listed() {
    let count = COMMANDS.len();
    assert_eq!(resp2("command count"), format!(":{count}"));
    assert!(resp2("command").starts_with(&format!("*{count} *10 ")));
    assert_eq!(resp2("command"), resp2("command info"));
    assert!(answer(Protocol::Resp3, "command docs").starts_with(&format!("%{count} ")));
    let names = resp2("command list");
    assert!(names.contains("$3 set") && names.contains("$10 config|get"));
}

#[test]
fn lists_are_filtered() {
    assert_eq!(
        resp2("command list FilterBy Pattern CONFIG|*et"),
        "*2 $10 config|get $10 config|set"
    );
    assert!(resp2("command list filterby aclcat Dangerous").contains("$8 flushall"));
    for (words, expected) in [
        ("command list filterby aclcat nosuch", "*0"),
        ("command list filterby module x", "*0"),
        ("command list filterby foo x", "-ERR syntax error"),
        ("command list filterby pattern", "-ERR syntax error"),
        ("command list x", "-ERR syntax error"),
    ] {
        assert_eq!(resp2(words), expected, "{words}");
    }
}

#[test]
fn keys_are_found() {
    for (words, expected) in [
        ("command getkeys mset a b c d", "*2 $1 a $1 c"),
        ("command getkeys del a b c", "*3 $1 a $1 b $1 c"),
        ("command getkeys object encoding x", "*1 $1 x"),
        (
            "command getkeysandflags rename a b",
            "*2 *2 $1 a *3 +RW +access +delete *2 $1 b *2 +OW +update",
        ),
        ("command getkeys nosuch a", "-ERR Invalid command specified"),
        (
            "command getkeys config nosuch x",
            "-ERR Invalid command specified",
        ),
        (
            "command getkeys config get x",
            "-ERR The command has no key arguments",
        ),
        (
            "command getkeys get a b",
            "-ERR Invalid number of arguments specified for command",
        ),
        (
            "command getkeys get",
            "-ERR wrong number of arguments for 'command|getkeys' command",
        ),
    ] {
        assert_eq!(resp2(words), expected, "{words}");
    }
}

#[test]
fn words_that_mean_nothing_are_refused() {
    assert_eq!(
        resp2("command foo"),
        "-ERR unknown subcommand 'foo'. Try COMMAND HELP."
    );
    assert_eq!(
        resp2("command count x"),
        "-ERR wrong number of arguments for 'command|count' command"
    );
}

#[test]
fn docs_show_what_the_row_says() {
    let docs = answer(Protocol::Resp3, "command docs Expire nosuch");
    assert!(docs.starts_with("%1 $6 expire %5 $7 summary"), "{docs}");
    assert!(docs.ends_with(
        "$9 arguments *3 %3 $4 name $3 key $4 type $3 key $14 key_spec_index :0 \
         %2 $4 name $7 seconds $4 type $7 integer \
         %4 $4 name $9 condition $4 type $5 oneof $5 flags ~1 +optional $9 arguments *4 \
         %3 $4 name $2 nx $4 type $10 pure-token $5 token $2 NX \
         %3 $4 name $2 xx $4 type $10 pure-token $5 token $2 XX \
         %3 $4 name $2 gt $4 type $10 pure-token $5 token $2 GT \
         %3 $4 name $2 lt $4 type $10 pure-token $5 token $2 LT"
    ));
    assert_eq!(resp2("command docs nosuch"), "*0");
    assert!(resp2("command docs config").contains("$11 subcommands"));
}

#[test]
fn help_comes_from_the_table() {
    let help = resp2("command help");
    assert!(help.contains("+COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    assert!(help.contains("+DOCS [command-name [command-name ...]] +    "));
    assert!(help.ends_with("+HELP +    Prints this help."));
}
