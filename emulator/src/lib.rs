//! A Workspace ONE Access tenant on loopback, for testing scripts and programs offline.
//!
//! [`Emulator::start`] gives a running server with one client, `ci-bot` / `emulator-secret`; [`Emulator::builder`] one
//! to measure. It speaks real HTTP or HTTPS on an ephemeral port, issues RS256-signed tokens for both grants of a
//! service client, and can be told to misbehave: see [`Fault`]. Dropping the [`Emulator`] stops it.
//!
//! # Where things are
//!
//! | module | idea |
//! |---|---|
//! | `builder`, `emulator` | the public handle: what to start, what to ask of it while it runs |
//! | `server`, `live`, `gate` | accepting, one thread per connection, and stopping without waiting |
//! | `stream`, `tls` | plain and TLS sockets, and certificates that are right or wrong on purpose |
//! | `http` | requests in, replies out |
//! | `routes` | one file per family of paths |
//! | `tenant` | clients and tokens: who may have what, without any network |
//! | `claims`, `signer` | what access tokens say, and the key that signs them |
//! | `fault`, `script`, `play` | what can go wrong, when it does, and how it looks on the wire |
//! | `journal` | the request log and the counters |

mod auth;
mod builder;
mod claims;
mod clock;
mod emulator;
mod fault;
mod gate;
mod http;
mod journal;
mod live;
mod play;
mod random;
mod routes;
mod script;
mod server;
mod shared;
mod signer;
mod stream;
mod sync;
mod tenant;
mod tls;

pub use auth::ClientAuth;
pub use builder::Builder;
pub use emulator::Emulator;
pub use fault::{Fault, Part};
pub use http::Request;
pub use journal::Counters;
pub use tls::TlsFault;
