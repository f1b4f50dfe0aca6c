//! What users rely on: the real binary, real clients, the emulator over real sockets.

mod cache;
mod commands;
mod concurrency;
mod curl;
mod deadlines;
mod errors;
mod get;
mod git;
mod kubectl;
mod leaks;
mod readme;
mod replies;
mod request;
mod sandbox;
mod stdio;
mod stub;
mod warm;
