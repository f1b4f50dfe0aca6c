//! Fuzzes the parser of replies of the token endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::token_reply(data));
