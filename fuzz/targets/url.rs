//! See `ws1_token::fuzzing::url`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::url(data));
