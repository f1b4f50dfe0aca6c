//! The emulator over real sockets, with raw bytes and with the real clients.

#![expect(clippy::disallowed_methods, reason = "what only one place of the program may do, its tests may")]

#[path = "it/binary.rs"]
mod binary;
#[path = "it/client.rs"]
mod client;
#[path = "it/connection.rs"]
mod connection;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/programs.rs"]
mod programs;
#[path = "it/protected.rs"]
mod protected;
#[path = "it/tokens.rs"]
mod tokens;
