//! A Workspace ONE Access tenant on loopback, for testing scripts and programs offline.
//!
//! [`Emulator::start`] gives a running server with one client, `ci-bot` / `emulator-secret`; [`Emulator::builder`] one
//! to measure. It speaks real HTTP or HTTPS on an ephemeral port, issues RS256-signed tokens for both grants of a
//! service client, and can be told to misbehave: see [`Fault`]. Dropping the [`Emulator`] stops it.
//!
//! # Modules
//!
//! Imports only go down this list: a module uses what stands below it.
//!
//! | module | idea |
//! |---|---|
//! | `builder` | the settings, and the start of the server |
//! | `emulator` | the public handle on a running server |
//! | `server` | accepts connections and answers one request after the other on each, in a thread per connection |
//! | `routes` | one file per family of paths |
//! | `play` | turns a planned fault into what is sent |
//! | `visit` | one request, with its connection |
//! | `delivery` | what is sent, whole or broken, and the sending |
//! | `shared` | what all connections share |
//! | `tenant` | clients and tokens: who may have what, without any network |
//! | `claims` | the claims of an access token |
//! | `signer` | RS256 |
//! | `auth` | client credentials and bearer tokens in a request |
//! | `tls` | certificates that are right or wrong on purpose |
//! | `journal` | the request log and the counters |
//! | `script` | which fault the next token request gets |
//! | `live` | the open connections |
//! | `stream` | the socket of a connection, plain or under TLS |
//! | `http` | requests in, replies out |
//! | `fault` | the faults of the token endpoint |
//! | `clock` | the tenant's time |
//! | `gate` | waits that end when the server stops |
//! | `random` | random identifiers |
//! | `sync` | a lock that outlives a panic |

mod auth;
mod builder;
mod claims;
mod clock;
mod delivery;
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
mod visit;

pub use builder::Builder;
pub use emulator::Emulator;
pub use fault::{Fault, Part};
pub use http::{ClientAuth, Request};
pub use journal::Counters;
pub use tls::TlsFault;
