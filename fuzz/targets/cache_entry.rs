//! Fuzzes the parser of cache entries.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::cache_entry(data));
