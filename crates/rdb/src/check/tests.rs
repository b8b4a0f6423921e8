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
