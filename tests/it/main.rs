//! What users rely on: the real binary, real clients, the emulator over real sockets.

mod get;
mod readme;
mod sandbox;
