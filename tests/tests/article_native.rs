//! The article's commands, typed into the real redis-cli, against Lastsave and redis-server.

use std::path::Path;
use std::process::{Command, Output};

use lastsave_engine::config::strip_trailing_comments;
use lastsave_tests::native::{Server, program, redis};

/// The hybrid configuration as the scenario of that name has it, comments behind the directives and all.
fn hybrid() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suite/article/hybrid.scenario");
    let scenario = std::fs::read_to_string(path).expect("the scenario is there");
    let (_, rest) = scenario.split_once("<<EOF\n").expect("it writes a file");
    let (text, _) = rest.split_once("EOF\n").expect("and ends it");
    text.to_owned()
}

fn cli(server: &Server, words: &[&str]) -> String {
    let output = Command::new(redis("redis-cli"))
        .args(["-p", &server.port.to_string()])
        .args(words)
        .output()
        .expect("redis-cli starts");
    String::from_utf8(output.stdout).expect("text")
}

/// The names of INFO's fields.
fn fields(info: &str) -> Vec<String> {
    let names = info.lines().filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.to_owned()).collect()
}

fn run(program: &Path, dir: &Path, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .current_dir(dir)
        .output()
        .expect("it starts")
}

#[test]
fn the_hybrid_configuration_is_taken_without_its_comments_and_refused_with_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("redis.conf");
    let path_text = path.to_str().expect("UTF-8");
    std::fs::write(&path, hybrid()).expect("it can be written");
    let refusals = [program("lastsave-server"), redis("redis-server")]
        .map(|program| run(&program, dir.path(), &[path_text]));
    for refusal in &refusals {
        assert_eq!(refusal.status.code(), Some(1));
    }
    let words = String::from_utf8_lossy(&refusals[0].stderr);
    assert!(words.contains("FATAL CONFIG FILE ERROR"), "{words}");
    assert_eq!(words, String::from_utf8_lossy(&refusals[1].stderr));

    let (stripped, changed) = strip_trailing_comments(&hybrid());
    assert!(changed > 3);
    std::fs::write(&path, stripped).expect("it can be written");
    let server = Server::start(&program("lastsave-server"), dir.path(), &[path_text]);
    assert_eq!(
        cli(&server, &["CONFIG", "GET", "save"]),
        "save\n3600 1 300 100 60 1000\n"
    );
    assert_eq!(
        cli(&server, &["CONFIG", "GET", "appendfsync"]),
        "appendfsync\neverysec\n"
    );
}

#[test]
fn the_commands_of_phases_two_and_three_answer_as_redis_does() {
    let phase_two: [&[&str]; 7] = [
        &["SET", "before", "1"],
        &["CONFIG", "SET", "appendonly", "yes"],
        &["CONFIG", "SET", "appendfsync", "everysec"],
        &["CONFIG", "SET", "save", "3600 1 300 100 60 1000"],
        &["CONFIG", "REWRITE"],
        &["CONFIG", "GET", "save"],
        &["CONFIG", "GET", "appendfs*"],
    ];
    let mut answers = Vec::new();
    for server_program in [program("lastsave-server"), redis("redis-server")] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("redis.conf");
        let path_text = path.to_str().expect("UTF-8");
        std::fs::write(&path, "# ours\nsave 900 1\n").expect("it can be written");
        let mut server = Server::start(&server_program, dir.path(), &[path_text]);
        let mut said: Vec<String> = phase_two.iter().map(|words| cli(&server, words)).collect();
        let started = std::time::Instant::now();
        let info = loop {
            let info = cli(&server, &["INFO", "persistence"]);
            if info.contains("aof_rewrite_in_progress:0")
                && info.contains("aof_rewrite_scheduled:0")
            {
                break info;
            }
            assert!(started.elapsed().as_secs() < 30, "the first log is made");
            std::thread::sleep(std::time::Duration::from_millis(20));
        };
        said.push(fields(&info).join(" "));
        said.push(cli(&server, &["SET", "after", "2"]));
        said.push(cli(&server, &["SAVE"]));
        server.kill();

        let rewritten = std::fs::read_to_string(&path).expect("it is there");
        for line in [
            "# ours",
            "appendonly yes",
            "save 3600 1",
            "save 300 100",
            "save 60 1000",
        ] {
            assert!(
                rewritten.lines().any(|found| found == line),
                "{line}:\n{rewritten}"
            );
        }

        // What the article types does not name the manifest; that is answered too.
        for tool in [redis("redis-check-aof"), program("redis-check-aof")] {
            let missing = run(&tool, dir.path(), &["--fix", "appendonly.aof"]);
            assert_eq!(missing.status.code(), Some(1));
            assert_eq!(
                String::from_utf8_lossy(&missing.stdout),
                "Cannot open file appendonly.aof: No such file or directory\n"
            );
            let manifest = "appendonlydir/appendonly.aof.manifest";
            let sound = run(&tool, dir.path(), &["--fix", manifest]);
            let text = String::from_utf8_lossy(&sound.stdout).into_owned();
            assert_eq!(sound.status.code(), Some(0), "{text}");
            assert!(
                text.ends_with("All AOF files and manifest are valid\n"),
                "{text}"
            );
        }
        let checks = [redis("redis-check-rdb"), program("redis-check-rdb")]
            .map(|tool| run(&tool, dir.path(), &["dump.rdb"]));
        assert_eq!(
            String::from_utf8_lossy(&checks[0].stdout),
            String::from_utf8_lossy(&checks[1].stdout)
        );
        assert_eq!(checks[1].status.code(), Some(0));

        let server = Server::start(&server_program, dir.path(), &[path_text]);
        said.push(cli(&server, &["MGET", "before", "after"]));
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].last().map(String::as_str), Some("1\n2\n"));
}
