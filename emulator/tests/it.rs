//! Tests of the emulator over sockets, with raw bytes and with curl, git and kubectl.

#![expect(clippy::disallowed_methods, reason = "the tests start programs and read the environment")]

#[path = "it/binary.rs"]
mod binary;
#[path = "it/client.rs"]
mod client;
#[path = "it/connection.rs"]
mod connection;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/page.rs"]
mod page;
#[path = "it/programs.rs"]
mod programs;
#[path = "it/protected.rs"]
mod protected;
#[path = "it/services.rs"]
mod services;
#[path = "it/tokens.rs"]
mod tokens;
