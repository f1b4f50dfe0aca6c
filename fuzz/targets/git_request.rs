//! Fuzzes the parser of git's credential requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::git_request(data));
