//! Configuration files and CONFIG SET: see `lastsave_tests::fuzzing::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lastsave_tests::fuzzing::config(data));
