//! Fuzzes the parser of `config.json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::config(data));
