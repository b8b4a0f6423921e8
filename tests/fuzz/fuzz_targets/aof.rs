//! Files of an append-only log: see `lastsave_tests::fuzzing::aof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lastsave_tests::fuzzing::aof(data));
