//! What users rely on: the real binary, real clients, the emulator over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![expect(clippy::format_collect, clippy::format_push_string, reason = "texts of a test are short")]
#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "the names are the program's own")]

mod bazel;
#[cfg(unix)]
mod cache;
mod commands;
mod concurrency;
mod curl;
mod deadlines;
mod errors;
mod get;
#[cfg(unix)]
mod git;
mod google;
mod kubectl;
mod leaks;
mod readme;
mod recipes;
mod replies;
mod request;
mod sandbox;
mod setup;
#[cfg(unix)]
mod stdio;
mod stub;
mod terraform;
#[cfg(target_os = "linux")]
mod warm;
