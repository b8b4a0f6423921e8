//! The tool's own output on sound and damaged files; verdicts agree with the decoder's.

use super::*;
use crate::samples::STRINGS_RDB;
use crate::{Decoder, Item};

const NOW_MS: u64 = 1_795_351_289_000;

fn output(file: &[u8]) -> String {
    String::from_utf8(check(file, "dump.rdb", NOW_MS).output).expect("a file with names in ASCII")
}

const HEAD: &str = "\
[offset 0] Checking RDB file dump.rdb
[offset 27] AUX FIELD redis-ver = '7.0.15'
[offset 41] AUX FIELD redis-bits = '64'
";

#[test]
fn a_sound_file() {
    let report = check(STRINGS_RDB, "dump.rdb", NOW_MS);
    assert_eq!(
        (report.ok, report.exit_code(), report.log_line),
        (true, 0, None)
    );
    let rest = r"[offset 53] AUX FIELD ctime = '1795351423'
[offset 68] AUX FIELD used-mem = '1038456'
[offset 80] AUX FIELD aof-base = '0'
[offset 82] Selecting DB ID 0
[offset 141] Selecting DB ID 2
[offset 149] Selecting DB ID 3
[offset 175] Checksum OK
[offset 175] \o/ RDB looks OK! \o/
[info] 5 keys read
[info] 2 expires
[info] 1 already expired
";
    assert_eq!(output(STRINGS_RDB), HEAD.to_owned() + rest);
}

#[test]
fn a_file_without_its_end() {
    let report = check(&STRINGS_RDB[..116], "dump.rdb", NOW_MS);
    assert_eq!(
        (report.ok, report.exit_code(), report.log_line),
        (false, 1, None)
    );
    assert!(output(&STRINGS_RDB[..116]).ends_with(
        "\
[offset 82] Selecting DB ID 0
--- RDB ERROR DETECTED ---
[offset 113] Unexpected EOF reading RDB file
[additional info] While doing: read-key
[additional info] Reading type 0 (string)
[info] 2 keys read
[info] 0 expires
[info] 0 already expired
"
    ));
}

#[test]
fn an_error_inside_the_loader_ends_in_the_log() {
    let mut file = STRINGS_RDB.to_vec();
    file[42] = 0x82;
    let report = check(&file[..], "dump.rdb", NOW_MS);
    assert_eq!(
        report.log_line,
        Some("Terminating server after rdb file reading failure.")
    );
    let rest = "\
--- RDB ERROR DETECTED ---
[offset 43] Internal error in RDB reading offset 0, function at rdb.c:236 -> Unknown length encoding 2 in rdbLoadLen()
[additional info] While doing: read-aux
[additional info] Reading type 0 (string)
[info] 0 keys read
[info] 0 expires
[info] 0 already expired
";
    assert_eq!(output(&file), HEAD.to_owned() + rest);
}

#[test]
fn an_unknown_version_a_wrong_checksum_and_none() {
    let newer = [b"REDIS0011", &STRINGS_RDB[9..]].concat();
    assert!(output(&newer).contains("[offset 9] Can't handle RDB format version 11\n"));
    let mut file = STRINGS_RDB.to_vec();
    let end = file.len() - 8;
    file[end] ^= 1;
    assert!(
        output(&file)
            .contains("[offset 175] RDB CRC error\n[additional info] While doing: check-sum\n")
    );
    file[end..].fill(0);
    assert!(
        output(&file).contains(
            "[offset 175] RDB file was saved with checksum disabled: no check performed.\n"
        )
    );
}

#[test]
fn functions_and_module_data_are_passed_over() {
    let library = b"\xf5\x05#!lua";
    let old_library = b"\xf6\x04name\x03lua\x01\x04desc\x04blob";
    let module = [
        &b"\xf7\x81"[..],
        &(0x0123_4567_89ab_cdef_u64).to_be_bytes(),
        b"\x02\x01\x01\x05\x02\x06\x05\x01x\x03....\x04........\x00",
    ]
    .concat();
    let file = [
        b"REDIS0009",
        &library[..],
        old_library,
        &module,
        &[0xff],
        &[0; 8],
    ]
    .concat();
    let report = check(&file[..], "dump.rdb", NOW_MS);
    assert!(report.ok);
    assert!(output(&file).contains("MODULE AUX for: ASNFZ4mrz\n"));
    let torn = [b"REDIS0009", &module[..module.len() - 4]].concat();
    assert!(
        output(&torn).contains("rdb.c:1559 -> Error reading double from module ASNFZ4mrz value\n")
    );
    let torn = b"REDIS0009\xf5\x05#!l";
    assert!(
        output(torn)
            .contains("[offset 11] Failed loading library, Failed loading library payload\n")
    );
}

#[test]
fn no_damage_surprises_it_and_the_decoder_agrees() {
    let truncations = (0..STRINGS_RDB.len()).map(|end| STRINGS_RDB[..end].to_vec());
    let flips = (0..STRINGS_RDB.len() * 8).map(|bit| {
        let mut file = STRINGS_RDB.to_vec();
        file[bit / 8] ^= 1 << (bit % 8);
        file
    });
    for file in truncations.chain(flips) {
        let decoded = Decoder::new(&file[..], true).and_then(|mut decoder| {
            while decoder.next_item()? != Item::End {}
            Ok(())
        });
        let report = check(&file[..], "dump.rdb", NOW_MS);
        assert_eq!(report.ok, decoded.is_ok(), "{decoded:?}");
    }
}

/// Values that the tool refuses: type, what stands behind the key `k`, and the offset and words of its report. The file
/// goes on with its end and a checksum of zeros, which the value may take for its own.
#[test]
fn unsound_values() {
    let cases: &[(u8, &[u8], u64, &str)] = &[
    (5, b"\x01\x01m\0\0\0\0\0\0\xf8\x7f", 23, "rdb.c:1882 -> Zset with NAN score detected"),
    (2, b"\x02\x01m\x01m", 17, "rdb.c:1829 -> Duplicate set members detected"),
    (2, b"\x02\x011\x011", 17, "rdb.c:1809 -> Duplicate set members detected"),
    (4, b"\x02\x011\x011\x011\x011", 21, "rdb.c:1951 -> Hash with dup elements"),
    (5, b"\x02\x01m\0\0\0\0\0\0\xf0?\x01m\0\0\0\0\0\0\xf0?", 33, "rdb.c:1894 -> Duplicate zset fields detected"),
    (18, b"\x01\x03\x01x", 14, "rdb.c:2048 -> Quicklist integrity check failed."),
    (18, b"\x01\x02\x01x", 16, "rdb.c:2071 -> Listpack integrity check failed."),
    (14, b"\x01\x01x", 15, "rdb.c:2081 -> Ziplist integrity check failed."),
    (9, b"\x01x", 14, "rdb.c:2130 -> Zipmap integrity check failed."),
    (9, b"\x0c\x02\x01a\x01\0v\x01a\x01\0v\xff", 25, "rdb.c:2154 -> Hash zipmap with dup elements, or big length (1)"),
    (10, b"\x01x", 14, "rdb.c:2189 -> List ziplist integrity check failed."),
    (11, b"\x01x", 14, "rdb.c:2214 -> Intset integrity check failed."),
    (12, b"\x01x", 14, "rdb.c:2229 -> Zset ziplist integrity check failed."),
    (13, b"\x01x", 14, "rdb.c:2275 -> Hash ziplist integrity check failed."),
    (16, b"\x01x", 14, "rdb.c:2301 -> Hash listpack integrity check failed."),
    (17, b"\x01x", 14, "rdb.c:2255 -> Zset listpack integrity check failed."),
    (19, b"\x01\x01x", 15, "rdb.c:2343 -> Stream node key entry is not the size of a stream ID"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x01x", 32, "rdb.c:2362 -> Stream listpack integrity check failed."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x07\x07\0\0\0\0\0\xff", 38, "rdb.c:2362 -> Stream listpack integrity check failed."),
    (19, b"\x02\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff", 95, "rdb.c:2386 -> Listpack re-added with existing key"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x81", 64, "rdb.c:2424 -> Stream object metadata loading failed."),
    (19, b"\0\x01\x01\0\x01\0\0\0\x01\0", 21, "rdb.c:2430 -> Stream length inconsistent with rax entries"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x02\x01g\0\0\0\0\0\x01g\0\0\0\0\0", 75, "rdb.c:2480 -> Duplicated consumer group name g"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\x02iiiiiiiiiiiiiiii\x05\0\0\0\0\0\0\0\x01iiiiiiiiiiiiiiii\x05\0\0\0\0\0\0\0\x01\0", 119, "rdb.c:2516 -> Duplicated global PEL entry loading stream consumer group"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\0\x02\x01c\x05\0\0\0\0\0\0\0\0\x01c\x05\0\0\0\0\0\0\0\0", 83, "rdb.c:2543 -> Duplicate stream consumer detected."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\0\x01\x01c\x05\0\0\0\0\0\0\0\x01iiiiiiiiiiiiiiii", 97, "rdb.c:2573 -> Consumer entry not found in group global PEL"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\x01iiiiiiiiiiiiiiii\x05\0\0\0\0\0\0\0\x01\x01\x01c\x05\0\0\0\0\0\0\0\x02iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii", 138, "rdb.c:2583 -> Stream consumer PEL entry already has a consumer assigned"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\x01iiiiiiiiiiiiiiii\x05\0\0\0\0\0\0\0\x01\0", 95, "rdb.c:2611 -> Stream CG PEL entry without consumer"),
    (6, b"\x03", 13, "rdb.c:2636 -> The RDB file contains module data I can't load: no matching module type 'AAAAAAAAA'"),
    (19, b"\x81", 22, "rdb.c:2343 -> Stream node key entry is not the size of a stream ID"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x81", 72, "rdb.c:2458 -> Stream cgroup ID loading failed."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01@\xffx", 65, "rdb.c:2449 -> Error reading the consumer group name from Stream"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\x81", 75, "rdb.c:2469 -> Stream cgroup offset loading failed."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\x81", 77, "rdb.c:2527 -> Stream consumers num loading failed."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\x81", 77, "rdb.c:2502 -> Stream PEL ID loading failed."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\x01x", 69, "rdb.c:2502 -> Stream PEL ID loading failed."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\x01iiiiiiiiiiiiiiii", 94, "rdb.c:2527 -> Stream consumers num loading failed."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\0\x81", 79, "rdb.c:2549 -> Stream short read reading seen time."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\0\x01@\xff", 72, "rdb.c:2534 -> Error reading the consumer name from Stream group."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\0\x01\x01c", 81, "Unexpected EOF reading RDB file"),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\0\x01\x01c\x05\0\0\0\0\0\0\0\x81", 89, "rdb.c:2566 -> Stream short read reading PEL streamID."),
    (19, b"\x01\x10xxxxxxxxxxxxxxxx\x17\x17\0\0\0\x08\0\x01\x01\0\x01\0\x01\0\x01\x02\x01\0\x01\0\x01\x03\x01\xff\x01\x01\0\x01\0\0\0\x01\x01\x01g\0\0\0\0\x01\x01c\x05\0\0\0\0\0\0\0\x01", 81, "rdb.c:2566 -> Stream short read reading PEL streamID."),
    (1, b"\0", 13, "Unexpected EOF reading RDB file"),
    (17, b"\x07\x07\0\0\0\0\0\xff", 20, "Unexpected EOF reading RDB file"),
    (18, b"\x01\x02\x07\x07\0\0\0\0\0\xff", 22, "Unexpected EOF reading RDB file"),
    (18, b"\x01\x02\0", 15, "Unexpected EOF reading RDB file"),
    (3, b"\x01\x01m\x03abc", 19, "Unexpected EOF reading RDB file"),
    ];
    for (kind, value, offset, words) in cases {
        let file = [
            b"REDIS0010",
            &[*kind][..],
            b"\x01k",
            value,
            b"\xff\0\0\0\0\0\0\0\0",
        ]
        .concat();
        let output = output(&file);
        let line = output
            .lines()
            .skip_while(|line| *line != "--- RDB ERROR DETECTED ---")
            .nth(1)
            .unwrap_or_default();
        let expected = match words.strip_prefix("rdb.c") {
            Some(rest) => format!(
                "[offset {offset}] Internal error in RDB reading offset 0, function at rdb.c{rest}"
            ),
            None => format!("[offset {offset}] {words}"),
        };
        assert_eq!(line, expected, "type {kind}, {}", value.escape_ascii());
    }
}

#[test]
fn sound_values_of_every_type() {
    for (name, payload) in crate::samples::values() {
        let (value, _) = payload.split_at(payload.len() - 10);
        let file = [
            b"REDIS0010",
            &value[..1],
            b"\x01k",
            &value[1..],
            b"\xff\0\0\0\0\0\0\0\0",
        ]
        .concat();
        assert!(check(&file[..], "dump.rdb", NOW_MS).ok, "{name}");
    }
    // A module's value is passed over.
    let module = b"REDIS0010\x07\x01k\0\0\xff\0\0\0\0\0\0\0\0";
    assert!(check(&module[..], "dump.rdb", NOW_MS).ok);
}
