//! Snapshot files: see `lastsave_tests::fuzzing::rdb`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lastsave_tests::fuzzing::rdb(data));
