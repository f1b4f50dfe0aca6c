//! What users rely on: the real binary, real clients, the emulator over real sockets.

mod curl;
mod get;
mod git;
mod kubectl;
mod readme;
mod sandbox;
mod stub;
