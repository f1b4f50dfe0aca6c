//! What users rely on: the real binary, real clients, the emulator over real sockets.

#[cfg(unix)]
mod cache;
mod commands;
mod concurrency;
mod deadlines;
mod errors;
mod get;
mod leaks;
mod replies;
mod request;
mod sandbox;
#[cfg(unix)]
mod stdio;
#[cfg(target_os = "linux")]
mod warm;
