//! One file per caller, one shape for all: `run` reads the request, gets a token and gives the answer, or a failure by the
//! caller's own error channel.

use std::fmt::{self, Write};
use std::io::Read;

use crate::broker::AccessToken;

pub(crate) mod bazel;
pub(crate) mod git;
pub(crate) mod google;
pub(crate) mod kubectl;
pub(crate) mod plain;
pub(crate) mod terraform;
mod watch;

/// Bytes of a request that are read at most.
const INPUT_LIMIT: usize = 64 * 1024;

/// Seconds by which an expiry is reported early, at most.
const EARLY: i64 = 60;

/// Bytes around the token in the longest of the common answers, with some to spare.
const AROUND_TOKEN: usize = 180;

/// The expiry for a caller that keeps the token until then: a minute early, less for short-lived tokens, never past.
fn reported_expiry(token: &AccessToken) -> i64 {
    let early = EARLY.min(token.life / 5);
    token.expires_at().saturating_sub(early).max(token.now.saturating_add(1))
}

/// The text of an answer that holds a token. It is made in one piece: a text that grows under the formatter would be
/// copied, token and all, each time that it is moved to more room.
fn with_token(token: &str, text: fmt::Arguments<'_>) -> String {
    let mut answer = String::with_capacity(token.len() + AROUND_TOKEN);
    // Writing to a string cannot fail.
    let _ = answer.write_fmt(text);
    answer
}

/// Reads all of a request, at most 64 KiB. `None` if it is larger or cannot be read.
fn read_input(stdin: &mut dyn Read) -> Option<Vec<u8>> {
    let mut input = Vec::new();
    stdin.take(INPUT_LIMIT as u64 + 1).read_to_end(&mut input).ok()?;
    (input.len() <= INPUT_LIMIT).then_some(input)
}
