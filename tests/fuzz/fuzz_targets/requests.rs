//! Bytes from a client: see `lastsave_tests::fuzzing::requests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lastsave_tests::fuzzing::requests(data));
