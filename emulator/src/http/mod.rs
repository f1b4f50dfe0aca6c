//! Just enough HTTP/1.1: requests in, replies out.

pub(crate) mod form;
pub(crate) mod read;
mod reply;
mod request;

pub(crate) use reply::{Framing, Reply};
pub use request::{ClientAuth, Request};
