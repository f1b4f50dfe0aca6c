//! A Workspace ONE tenant on loopback, for testing scripts and programs offline.
//!
//! [`Emulator::start`] gives a running Access tenant with one client, `ci-bot` / `emulator-secret`;
//! [`Emulator::builder`] one with other settings, or one of another [`Service`]. It serves HTTP or HTTPS on an ephemeral port, issues RS256-signed tokens for both grants of a
//! service client, and plays faults on request: see [`Fault`]. Dropping the [`Emulator`] stops it.
//!
//! # Modules
//!
//! Imports only go down this list: a module uses what stands below it.
//!
//! | module | purpose |
//! |---|---|
//! | `builder` | settings and start of the server |
//! | `emulator` | the public handle on a running server |
//! | `server` | accepts connections and answers requests, in a thread per connection |
//! | `routes` | one file per family of paths |
//! | `play` | turns a planned fault into what is sent |
//! | `visit` | a request with the state that its answer needs |
//! | `delivery` | sends replies, and what faults send instead |
//! | `shared` | the state that all connections share |
//! | `tenant` | clients and tokens: authentication, the grants, revocation; no network |
//! | `service` | what differs between the services at the token endpoint, as data |
//! | `claims` | what an access token is about, and Access's claims |
//! | `signer` | signs access tokens with RS256 |
//! | `auth` | client credentials and bearer tokens in a request |
//! | `tls` | certificates, valid or with a fault |
//! | `journal` | the request log and the counters |
//! | `script` | the faults of the next token requests |
//! | `connections` | the open connections |
//! | `stream` | the socket of a connection, plain or with TLS |
//! | `http` | reads requests, writes replies |
//! | `fault` | the faults of the token endpoint |
//! | `clock` | the tenant's clock |
//! | `gate` | waits that end when the server stops |
//! | `random` | random identifiers |
//! | `sync` | locks that ignore poisoning |

mod auth;
mod builder;
mod claims;
mod clock;
mod connections;
mod delivery;
mod emulator;
mod fault;
mod gate;
mod http;
mod journal;
mod play;
mod random;
mod routes;
mod script;
mod server;
mod service;
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
pub use service::Service;
pub use tls::TlsFault;
