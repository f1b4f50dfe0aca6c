//! See `ws1_token::fuzzing::certificate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::certificate(data));
