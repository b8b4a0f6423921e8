//! What the tool prints, as redis-check-aof 7.0.15 printed it for the same files.

use lastsave_vfs::SimDisk;

use super::*;

const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// Runs the tool over these files and returns what it printed, its exit code and the disk.
fn tool(
    files: &[(&str, &[u8])],
    args: &[&str],
    answer: Option<&str>,
) -> (String, Option<i32>, SimDisk) {
    let mut disk = SimDisk::new(None);
    for (path, bytes) in files {
        disk.write_file(path, bytes).expect("write_file");
    }
    let invocation = Invocation {
        args,
        program: "redis-check-aof",
        answer,
        log_prefix: "LOG ",
    };
    let mut check_rdb = |vfs: &mut dyn Vfs, path: &str, output: &mut Vec<u8>| {
        output.extend_from_slice(b"checked\n");
        let bytes = read_file(vfs, path).expect("read");
        bytes
            .iter()
            .position(|&byte| byte == 0xff)
            .map(|end| end as u64 + 1)
    };
    let outcome = run(&mut disk, &invocation, &mut check_rdb);
    (
        String::from_utf8(outcome.output).expect("text"),
        outcome.exit_code,
        disk,
    )
}

/// The output for one file.
fn check(bytes: &[u8]) -> String {
    tool(&[("x.aof", bytes)], &["x.aof"], None).0
}

#[test]
fn a_sound_file() {
    let file = [b"#TS:1000\r\n", SELECT, MULTI, SET, EXEC].concat();
    let (output, code, _) = tool(&[("x.aof", &file)], &["x.aof"], None);
    let expected = "Start checking Old-Style AOF\n\
                    AOF analyzed: filename=x.aof, size=89, ok_up_to=89, ok_up_to_line=19, diff=0\n\
                    AOF x.aof is valid\n";
    assert_eq!((output.as_str(), code), (expected, Some(0)));
    assert_eq!(
        check(b""),
        "Start checking Old-Style AOF\nAOF x.aof is empty\n"
    );
}

#[test]
fn what_is_wrong_and_where() {
    let cases: [(&[u8], &str); 10] = [
        (b"PING\r\n", "AOF x.aof format error\n"),
        (b"\0\0\0", "AOF x.aof format error\n"),
        (b"*", "0x               0: Expected \\r\\n, got: 0000\n"),
        (
            b"*1\r\n$4\r\nPI",
            "0x               8: Expected to read 6 bytes, got 2 bytes\n",
        ),
        (
            b"*1\r\n$4\r\nPINGxy",
            "0x               8: Expected \\r\\n, got: 7879\n",
        ),
        (
            b"*1\r\n$4\r\nPING\xff\n",
            "0x               8: Expected \\r\\n, got: ffffffff0a\n",
        ),
        (
            b"*1\r\n:4\r\n",
            "0x               4: Expected prefix '$', got: ':'\n",
        ),
        (
            b"*1\r\n$-1\r\n",
            "0x               4: Expected to read string of -1 bytes, which is not in the suitable range\n",
        ),
        (EXEC, "0x               8: Unexpected EXEC in AOF x.aof\n"),
        (
            MULTI,
            "0x               8: Reached EOF before reading EXEC for MULTI\n",
        ),
    ];
    for (bytes, expected) in cases {
        let output = check(bytes);
        let body = output
            .strip_prefix("Start checking Old-Style AOF\n")
            .expect("the first line");
        let rest = body
            .strip_prefix(expected)
            .unwrap_or_else(|| panic!("{output}"));
        assert!(
            rest.starts_with("AOF analyzed: filename=x.aof, "),
            "{output}"
        );
        assert!(
            rest.ends_with("AOF x.aof is not valid. Use the --fix option to try fixing it.\n"),
            "{output}"
        );
    }
    assert!(check(&[MULTI, MULTI].concat()).contains(": Unexpected MULTI in AOF x.aof\n"));
}

#[test]
fn every_truncation_is_cut_where_the_last_whole_transaction_ends() {
    let file = [SELECT, MULTI, SET, SET, EXEC, SET].concat();
    let last = file.len() - SET.len();
    for len in 1..file.len() {
        let whole = [last, SELECT.len(), 0]
            .into_iter()
            .find(|&whole| whole <= len)
            .expect("0 is always");
        let (output, code, mut disk) = tool(
            &[("x.aof", &file[..len])],
            &["--fix", "x.aof"],
            Some("yes\n"),
        );
        assert_eq!(code, Some(0), "{output}");
        assert_eq!(disk.read("x.aof").expect("read").len(), whole, "of {len}");
        assert_eq!(
            output.contains("Successfully truncated AOF x.aof\n"),
            whole < len
        );
        disk.kill();
    }
}

#[test]
fn the_question_waits_for_an_answer() {
    let files: &[(&str, &[u8])] = &[("x.aof", b"*1\r\n")];
    let (asked, code, disk) = tool(files, &["--fix", "x.aof"], None);
    assert!(asked.ends_with(
        "This will shrink the AOF x.aof from 4 bytes, with 4 bytes, to 0 bytes\nContinue? [y/N]: "
    ));
    assert_eq!((code, disk.read("x.aof").expect("read").len()), (None, 4));
    for no in ["n\n", "\n", ""] {
        let (output, code, disk) = tool(files, &["--fix", "x.aof"], Some(no));
        assert_eq!(output, format!("{asked}Aborting...\n"));
        assert_eq!(
            (code, disk.read("x.aof").expect("read").len()),
            (Some(1), 4)
        );
    }
    let (output, code, disk) = tool(files, &["--fix", "x.aof"], Some("Y"));
    assert_eq!(output, format!("{asked}Successfully truncated AOF x.aof\n"));
    assert_eq!(
        (code, disk.read("x.aof").expect("read").len()),
        (Some(0), 0)
    );
}

#[test]
fn a_preamble_is_for_another_tool_to_judge() {
    let file = [b"REDIS0010\xff", SELECT].concat();
    let (output, code, _) = tool(&[("x.aof", &file)], &["x.aof"], None);
    let expected = "Start checking Old-Style AOF\nchecked\nRDB preamble is OK, proceeding with AOF tail...\n\
                    AOF analyzed: filename=x.aof, size=33, ok_up_to=33, ok_up_to_line=6, diff=0\nAOF x.aof is valid\n";
    assert_eq!((output.as_str(), code), (expected, Some(0)));
    let (output, code, _) = tool(&[("x.aof", b"REDIS0010")], &["x.aof"], None);
    let expected =
        "Start checking Old-Style AOF\nchecked\nRDB preamble of AOF file is not sane, aborting.\n";
    assert_eq!((output.as_str(), code), (expected, Some(1)));
}

const MANIFEST: &[u8] = b"file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n";

#[test]
fn a_manifest_and_its_files() {
    let (mut files, path) = (vec![("d/m", MANIFEST)], &["--fix", "d/m"]);
    assert_eq!(
        tool(&files, path, None).0,
        "Start checking Multi Part AOF\nCannot open file d/a.1.base.rdb: No such file or directory\n"
    );
    files.extend([
        ("d/a.1.base.rdb", &b"REDIS0010\xff"[..]),
        ("d/a.1.incr.aof", b""),
    ]);
    let (output, code, _) = tool(&files, path, None);
    let expected = "Start checking Multi Part AOF\n\
                    Start to check BASE AOF (RDB format).\n\
                    checked\n\
                    RDB preamble is OK, proceeding with AOF tail...\n\
                    AOF analyzed: filename=a.1.base.rdb, size=10, ok_up_to=10, ok_up_to_line=1, diff=0\n\
                    BASE AOF a.1.base.rdb is valid\n\
                    Start to check INCR files.\n\
                    INCR AOF a.1.incr.aof is empty\n\
                    Cannot open file d/a.2.incr.aof: No such file or directory, aborting...\n";
    assert_eq!((output.as_str(), code), (expected, Some(1)));
    let torn = &SET[..SET.len() - 1];
    files.push(("d/a.2.incr.aof", torn));
    assert!(tool(&files, path, Some("y")).0.ends_with(
        "Successfully truncated AOF a.2.incr.aof\nAll AOF files and manifest are valid\n"
    ));
    files[2] = ("d/a.1.incr.aof", torn);
    assert!(
        tool(&files, path, Some("y"))
            .0
            .ends_with("Failed to truncate AOF a.1.incr.aof because it is not the last file\n")
    );
}

#[test]
fn a_broken_manifest_is_logged() {
    let (output, code, _) = tool(&[("m", b"file a seq 1 type b\nfile b\n")], &["m"], None);
    let expected = "Start checking Multi Part AOF\n\
                    LOG \n*** FATAL AOF MANIFEST FILE ERROR ***\n\n\
                    LOG Reading the manifest file, at line 2\n\n\
                    LOG >>> 'file b'\n\n\
                    LOG Invalid AOF manifest file format\n\n";
    assert_eq!((output.as_str(), code), (expected, Some(1)));
}

#[test]
fn a_value_that_looks_like_a_manifest_is_none() {
    let file = b"*1\r\n$10\r\nfile a seq\r\n";
    assert!(check(file).ends_with("AOF x.aof is valid\n"));
}

#[test]
fn back_to_a_timestamp() {
    let file = [b"#TS:1000\r\n", SELECT, b"#TS:2000\r\n", SET].concat();
    let run = |seconds: &str, file: &[u8]| {
        tool(
            &[("x.aof", file)],
            &["--truncate-to-timestamp", seconds, "x.aof"],
            None,
        )
    };
    let (output, code, disk) = run("1500", &file);
    let expected =
        "Start checking Old-Style AOF\nSuccessfully truncated AOF x.aof to timestamp 1500\n";
    assert_eq!((output.as_str(), code), (expected, Some(0)));
    assert_eq!(disk.read("x.aof").expect("read"), file[..33]);
    assert!(
        run("2000", &file)
            .0
            .contains("Truncate nothing in AOF x.aof to timestamp 2000\n")
    );
    assert!(
        run("999", &file)
            .0
            .ends_with("AOF x.aof has nothing before timestamp 999, aborting...\n")
    );
    assert!(
        run("5", b"#TS:5x\r\n")
            .0
            .ends_with("Invalid timestamp annotation\n")
    );
    assert_eq!(run("soon", &file).0, "Invalid timestamp, aborting...\n");
    let files: &[(&str, &[u8])] = &[
        ("m", MANIFEST),
        ("a.1.base.rdb", b""),
        ("a.1.incr.aof", &file),
        ("a.2.incr.aof", b""),
    ];
    let (output, code, _) = tool(files, &["--truncate-to-timestamp", "1500", "m"], None);
    assert!(output.contains("Failed to truncate AOF ./a.1.incr.aof to timestamp 1500 to offset 33 because it is not the last file.\n"));
    assert_eq!(code, Some(1));
}

#[test]
fn how_to_use_it() {
    for args in [&[][..], &["--bad", "x"], &["a", "b", "c", "d"]] {
        let (output, code, _) = tool(&[], args, None);
        assert_eq!(
            output,
            "Usage: redis-check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n"
        );
        assert_eq!(code, Some(1));
    }
    assert_eq!(
        tool(&[], &["none"], None).0,
        "Cannot open file none: No such file or directory\n"
    );
}
