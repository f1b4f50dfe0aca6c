//! See `ws1_token::fuzzing::exec_info`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::exec_info(data));
