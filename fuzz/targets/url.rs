//! Fuzzes the parser of tenant URLs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::url(data));
