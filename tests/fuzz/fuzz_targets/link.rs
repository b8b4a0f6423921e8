//! Links: see `lastsave_tests::fuzzing::link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lastsave_tests::fuzzing::link(data));
