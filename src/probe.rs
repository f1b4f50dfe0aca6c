//! doctor's route to the tenant, step by step: address, connection, tunnel, handshake. No request is sent.

pub(crate) mod handshake;
pub(crate) mod route;
