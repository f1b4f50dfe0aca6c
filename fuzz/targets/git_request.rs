//! See `ws1_token::fuzzing::git_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::git_request(data));
