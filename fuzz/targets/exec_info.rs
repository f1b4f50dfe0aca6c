//! Fuzzes the parser of `KUBERNETES_EXEC_INFO`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ws1_token::fuzzing::exec_info(data));
