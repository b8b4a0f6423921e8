//! Scenario files: see `lastsave_tests::fuzzing::scenario`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lastsave_tests::fuzzing::scenario(data));
