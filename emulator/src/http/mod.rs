//! HTTP/1.1 for the server: reads requests, writes replies.

pub(crate) mod form;
pub(crate) mod read;
mod reply;
mod request;

pub(crate) use reply::{Framing, Reply};
pub use request::{ClientAuth, Request};
