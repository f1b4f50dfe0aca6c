//! Randomness.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Sixty-four bits that another process does not draw: std seeds its hasher from the system's random source.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
