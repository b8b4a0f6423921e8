//! Payloads of RESTORE: see `lastsave_tests::fuzzing::restore`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lastsave_tests::fuzzing::restore(data));
