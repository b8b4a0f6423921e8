//! The tables in `testdata` are what redis-server 7.0.15 answers.

use super::*;

/// What CONFIG GET * answers to a server started without a file; `dir` and `port` as compiled in.
const DEFAULTS: &str = include_str!("testdata/defaults.txt");
/// Lines of a configuration file, each followed by the complaint about it or `accepted`.
const LINES: &str = include_str!("testdata/lines.txt");

fn pairs<'a>(words: &[&'a str]) -> Vec<(&'a [u8], &'a [u8])> {
    words
        .chunks(2)
        .map(|pair| (pair[0].as_bytes(), pair[1].as_bytes()))
        .collect()
}

fn set_all(config: &mut Config, words: &[&str]) -> Result<Vec<&'static str>, String> {
    config_set(config, &pairs(words), SetBy::default())
        .map(|change| change.changed.iter().map(|row| row.name).collect())
        .map_err(|error| String::from_utf8(error).expect("the tests' names are ASCII"))
}

fn values(config: &Config, patterns: &[&str]) -> Vec<String> {
    let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
    config_get(config, &patterns)
        .into_iter()
        .map(|(name, value)| format!("{} {value}", String::from_utf8_lossy(&name)))
        .collect()
}

#[test]
fn the_defaults_are_redis_s() {
    let mut ours = values(&Config::default(), &["*"]);
    ours.retain(|line| !line.starts_with("redis-faithful") && !line.starts_with("aof-checksums"));
    ours.sort();
    let ours: Vec<&str> = ours.iter().map(|line| line.trim_end()).collect();
    assert_eq!(ours, DEFAULTS.lines().collect::<Vec<_>>());
}

#[test]
fn every_default_is_accepted_and_changes_nothing() {
    // Redis takes no empty `replicaof` either.
    for row in PARAMETERS.iter().filter(|row| row.name != "replicaof") {
        let mut config = Config::default();
        set(&mut config, row, &[row.default_value().as_bytes()]).expect(row.name);
        assert_eq!(config, Config::default(), "{}", row.name);
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = PARAMETERS
        .iter()
        .flat_map(|row| [Some(row.name), row.alias])
        .flatten()
        .collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn lines_are_refused_in_redis_s_words() {
    let table: Vec<&str> = LINES.lines().collect();
    for pair in table.chunks(2) {
        let (line, expected) = (pair[0], pair[1].trim_start());
        let said = match parse_file(line) {
            Ok(_) => "accepted".into(),
            Err(error) => {
                assert_eq!((error.line_number, error.line.as_str()), (1, line));
                error.message
            }
        };
        assert_eq!(said, expected, "{line}");
    }
}

#[test]
fn the_message_is_redis_s() {
    let text = "# a comment\n\nsave 900 1     # Save if at least 1 key changed in 900 seconds  \n";
    assert_eq!(
        parse_file(text).expect_err("not a comment").to_string(),
        "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n\
         Reading the configuration file, at line 3\n\
         >>> 'save 900 1     # Save if at least 1 key changed in 900 seconds'\n\
         Invalid save parameters"
    );
}

#[test]
fn save_lines_replace_the_defaults_and_add_up() {
    for (text, expected) in [
        ("", "3600 1 300 100 60 10000"),
        ("save 900 1\nsave 300 10 60 5", "900 1 300 10 60 5"),
        ("save 900 1\nsave \"\"\nsave 10 1", "10 1"),
        ("save \"\"", ""),
        ("save", ""),
        ("save 900 1\nsave", "900 1"),
    ] {
        let config = parse_file(text).expect(text);
        assert_eq!(values(&config, &["save"]), [format!("save {expected}")]);
    }
}

#[test]
fn texts_are_included() {
    let mut include = |path: &str| match path {
        "a.conf" => Ok("hz 20\nsave 5 5".to_owned()),
        "bad.conf" => Ok("\nhz x".to_owned()),
        _ => Err("No such file or directory".into()),
    };
    let config = parse_file_with("save 1 1\ninclude a.conf\nsave 9 9", &mut include);
    let config = config.expect("all is well");
    assert_eq!(
        values(&config, &["hz", "save"]),
        ["hz 20", "save 1 1 5 5 9 9"]
    );
    let error = parse_file_with("include bad.conf", &mut include).expect_err("hz x");
    assert_eq!((error.line_number, error.line.as_str()), (2, "hz x"));
    let error = parse_file_with("include gone.conf", &mut include).expect_err("no such file");
    assert_eq!(
        error.message,
        "Fatal error, can't open config file 'gone.conf': No such file or directory"
    );
    let error = parse_file_with("include x", &mut |_| Ok("include x".into()));
    assert_eq!(error.expect_err("endless").line, "include x");
}

#[test]
fn what_is_not_supported_is_refused_at_start() {
    for line in [
        "tls-port 6380",
        "cluster-enabled yes",
        "replicaof localhost 6379",
        "aclfile users.acl",
        "rename-command NOSUCH other",
        "rename-command GET set",
        "loadmodule x.so",
        "user alice on +@all ~* >secret",
        "user default on +get ~*",
        "module.option 1",
    ] {
        assert!(parse_file(line).is_err(), "{line}");
    }
}

#[test]
fn a_user_line_of_config_rewrite_is_understood() {
    let mut config = Config::default();
    assert_eq!(
        parse_file(&rewrite("", &config, false)).as_ref(),
        Ok(&config)
    );
    config.requirepass = "a \"b\"".into();
    let text = rewrite("", &config, false);
    assert!(text.contains("user default on #"));
    assert_eq!(parse_file(&text).as_ref(), Ok(&config));
    assert!(parse_file(&text.replace("requirepass", "# requirepass")).is_err());
}

#[test]
fn the_command_line_becomes_lines() {
    for (words, file, options) in [
        (&[][..], None, ""),
        (&["x.conf"], Some("x.conf"), ""),
        (&["--port", "7000"], None, r#"port "7000" "#),
        (&["--port=7000"], None, "port=7000 "),
        (&["--port 7000", "--hz", "5"], None, "port 7000 \nhz \"5\" "),
        (&["--save", ""], None, r#"save "" "#),
        (&["--save"], None, r#"save """#),
        (&["--save", "--hz", "5"], None, "save \"\"\nhz \"5\" "),
        (
            &["x.conf", "--save", "60", "1", "--save", "9", "9"],
            Some("x.conf"),
            "save \"60\" \"1\" \nsave \"9\" \"9\" ",
        ),
        (
            &["--requirepass", "--a \"\n"],
            None,
            r#"requirepass "--a \"\n" "#,
        ),
        (&["--port", "--hz", "5"], None, r#"port "--hz" "5" "#),
    ] {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let line = CommandLine::parse(&words);
        assert_eq!(line.config_file.as_deref(), file, "{words:?}");
        assert_eq!(line.options, options, "{words:?}");
        assert!(!line.from_stdin);
        assert_eq!(parse_args(&words), options);
    }
    for words in [&["-"][..], &["--hz", "5", "-"], &["x.conf", "-"]] {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        assert!(CommandLine::parse(&words).from_stdin, "{words:?}");
    }
    // An error in an option counts its line behind the file's.
    let line = CommandLine::parse(&["--port".into(), "x".into()]);
    let error = parse_file(&line.text("hz 5\n", "")).expect_err("port x");
    assert_eq!((error.line_number, error.line.as_str()), (3, "port \"x\""));
}

#[test]
fn trailing_comments_are_stripped_outside_quotes() {
    let text = "# save 1 1 # x\nsave 900 1   # it's\nrequirepass a#b\nrequirepass \"a # b\" # c\n  # y\n\n#";
    let (stripped, changed) = strip_trailing_comments(text);
    assert_eq!(
        stripped,
        "# save 1 1 # x\nsave 900 1\nrequirepass a#b\nrequirepass \"a # b\"\n  # y\n\n#"
    );
    assert_eq!(changed, 2);
    assert_eq!(strip_trailing_comments(&stripped), (stripped.clone(), 0));
}

#[test]
fn config_get_takes_names_and_patterns() {
    let config = Config::default();
    assert_eq!(
        values(
            &config,
            &["MAXMEMORY", "m*y-policy", "nothing", "maxmemory"]
        ),
        ["MAXMEMORY 0", "maxmemory-policy noeviction"]
    );
    assert_eq!(
        values(&config, &["*-time-limit", "busy*"]),
        ["lua-time-limit 5000", "busy-reply-threshold 5000"]
    );
    assert_eq!(values(&config, &["watchdog*"]), [""; 0]);
    assert_eq!(values(&config, &["watchdog-period"]), ["watchdog-period 0"]);
}

#[test]
fn config_set_changes_all_or_nothing() {
    let mut config = Config::default();
    assert_eq!(
        set_all(
            &mut config,
            &["save", "60 1", "MaxMemory", "1gb", "hz", "10"]
        ),
        Ok(vec!["save", "maxmemory"])
    );
    assert_eq!(
        values(&config, &["save", "maxmemory"]),
        ["save 60 1", "maxmemory 1073741824"]
    );
    let before = config.clone();
    let failed = |name: &str, reason: &str| {
        format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
    };
    let unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'bogus'".to_owned();
    for (words, expected) in [
        (
            &["hz", "7", "maxmemory", "x"][..],
            failed("maxmemory", "argument must be a memory value"),
        ),
        (
            &["HZ", "x"],
            failed("hz", "argument couldn't be parsed into an integer"),
        ),
        (&["hz", "7", "bogus", "1"], unknown.clone()),
        (&["bogus", "1", "databases", "3"], unknown),
        (
            &["databases", "3", "bogus", "1"],
            failed("databases", "can't set immutable config"),
        ),
        (&["hz", "5", "HZ", "6"], failed("HZ", "duplicate parameter")),
        (
            &["dir", "/tmp"],
            failed("dir", "can't set protected config"),
        ),
        (&["save", "1 1 "], failed("save", "Invalid save parameters")),
        (
            &["min-slaves-max-lag", "x"],
            failed(
                "min-slaves-max-lag",
                "argument couldn't be parsed into an integer",
            ),
        ),
    ] {
        assert_eq!(set_all(&mut config, words), Err(expected), "{words:?}");
        assert_eq!(config, before);
    }
}

#[test]
fn config_set_looks_at_who_and_when() {
    let mut config = parse_file("enable-protected-configs local").expect("a parameter");
    let by = |local_client, loading| SetBy {
        local_client,
        loading,
    };
    let dir = pairs(&["dir", "/data"]);
    assert!(config_set(&mut config, &dir, by(false, false)).is_err());
    assert_eq!(
        config_set(&mut config, &dir, by(true, true)).expect_err("loading"),
        b"LOADING Redis is loading the dataset in memory"
    );
    let change = config_set(&mut config, &dir, by(true, false)).expect("a local client");
    assert_eq!(
        (config.dir.as_str(), change.previous.dir.as_str()),
        ("/data", ".")
    );
}

#[test]
fn values_are_printed_as_redis_prints_them() {
    for (name, value, printed) in [
        ("appendfsync", "ALWAYS", "always"),
        ("appendonly", "Yes", "yes"),
        ("bind", "127.0.0.1 ::1", "127.0.0.1 ::1"),
        ("bind", "", ""),
        (
            "client-output-buffer-limit",
            "replica 1kb 1k 5",
            "normal 0 0 0 slave 1024 1000 5 pubsub 33554432 8388608 60",
        ),
        ("dir", "./", "."),
        ("dir", "a/../b//c/.", "b/c"),
        ("dir", "../x", "../x"),
        ("dir", "/a/../..//b/", "/b"),
        ("hz", "0", "1"),
        ("hz", "9999", "500"),
        (
            "latency-tracking-info-percentiles",
            "50.000 99.99999 0",
            "50 99.99999 0",
        ),
        ("maxmemory", "2GB", "2147483648"),
        ("maxmemory-clients", "5%", "5%"),
        ("notify-keyspace-events", "g$lshzxetdn", "A"),
        ("notify-keyspace-events", "mKn$", "$nKm"),
        ("oom-score-adj", "relative", "yes"),
        ("shutdown-on-sigterm", "force nosave", "nosave force"),
        ("unixsocketperm", "0755", "755"),
    ] {
        let mut config = Config::default();
        let row = parameter(name.as_bytes()).expect(name);
        set(&mut config, row, &[value.as_bytes()]).expect(name);
        assert_eq!(get(&config, row), printed, "{name} {value}");
    }
    let mut config = Config {
        dir: "/data".into(),
        ..Config::default()
    };
    let row = parameter(b"dir").expect("a parameter");
    set(&mut config, row, &[b"../x"]).expect("a folder");
    assert_eq!(config.dir, "/x");
}

/// The expected text is what redis-server 7.0.15 makes of the same file, the appended lines in the table's order
/// instead of that of a hash table.
#[test]
fn rewriting_keeps_the_file() {
    let old = "# c\nsave 900 1\nsave 300 10\n\n\n\nappendonly no\nappendonly yes\n  HZ   20  \nslave-priority 50\nbogus 1\nmaxmemory 1000000\n# end\n";
    let mut config = parse_file(&old.replace("bogus 1", "")).expect("all known");
    set_all(
        &mut config,
        &["save", "60 1", "maxmemory", "2gb", "dbfilename", "x"],
    )
    .expect_err("protected");
    set_all(&mut config, &["save", "60 1", "maxmemory", "2gb"]).expect("all mutable");
    config.dir = "/data".into();
    assert_eq!(
        rewrite(old, &config, false),
        "# c\nsave 60 1\n\nappendonly yes\n\nhz 20\nreplica-priority 50\n# ??? bogus 1\nmaxmemory 2gb\n# end\n\n\
         # Generated by CONFIG REWRITE\ndir \"/data\"\nlatency-tracking-info-percentiles 50 99 99.9\n\
         user default on nopass ~* &* +@all\n"
    );
}

#[test]
fn what_is_rewritten_reads_back_and_stays() {
    let old = "bind 10.0.0.1\nunixsocket /s\nunixsocketperm 700\nmaxmemory-clients 5%\nnotify-keyspace-events KEA\n\
               requirepass foo\noom-score-adj-values 1 2 3\nclient-output-buffer-limit normal 1 1 1 slave 1 1 1 pubsub 1mb 1kb 60\n\
               save \"\"\nproc-title-template \"{title}\\t{port}\"\nlatency-tracking-info-percentiles \"\"\n\
               shutdown-on-sigint now force\nappendfsync always\nloglevel debug\ndir /d\n";
    let config = parse_file(old).expect("all known");
    let once = rewrite(old, &config, false);
    assert_eq!(parse_file(&once).as_ref(), Ok(&config));
    let twice = rewrite(&once, &config, false);
    assert_eq!(rewrite(&twice, &config, false), twice);
    let fresh = rewrite("", &config, false);
    assert_eq!(parse_file(&fresh).as_ref(), Ok(&config));
}

#[test]
fn the_documentation_has_every_parameter() {
    let text = parameters_markdown();
    for row in PARAMETERS {
        assert!(text.contains(&format!("| `{}`", row.name)));
        assert!(
            row.help.ends_with('.') && !row.help.contains('|'),
            "{}",
            row.name
        );
    }
}
