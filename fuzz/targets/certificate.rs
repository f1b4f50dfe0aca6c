//! Fuzzes the parser of peer certificates.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::certificate(data));
