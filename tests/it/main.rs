//! What users rely on: the real binary, real clients, the emulator over real sockets.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test as well")]

mod curl;
mod get;
mod git;
mod kubectl;
mod sandbox;
mod stub;
