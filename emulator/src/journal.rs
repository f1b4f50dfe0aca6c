//! The request log and the counters.

use crate::http::Request;
use serde::Serialize;
use std::collections::VecDeque;

/// How many requests the log keeps.
const KEPT: usize = 200;
/// How much of a body the log keeps.
const KEPT_BODY: usize = 64 * 1024;

/// What the emulator has seen so far.
///
/// Every request is a token request, an API request, a revocation or something else; the control endpoint counts
/// nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Requests to any token endpoint, whatever became of them.
    pub token_requests: u64,
    /// Token requests that asked with the client's own credentials.
    pub client_credentials: u64,
    /// Token requests that brought a refresh token.
    pub refresh: u64,
    /// Refresh tokens that came a second time after they had been consumed.
    pub refresh_reuse: u64,
    /// Token requests the tenant refused (not those a scripted fault turned away).
    pub denied: u64,
    /// The most token requests ever in work at once.
    pub max_in_flight: u64,
    /// Requests to the protected routes: SCIM, Kubernetes, git.
    pub api: u64,
    /// Successful requests to `/acs/revoke`.
    pub revoked: u64,
    /// All other requests.
    pub other: u64,
}

/// What has happened.
#[derive(Default)]
pub(crate) struct Journal {
    /// The counters.
    pub(crate) counters: Counters,
    /// Token requests in work.
    in_flight: u64,
    /// Number of the oldest request in `requests`.
    oldest: u64,
    /// The last requests.
    requests: VecDeque<Request>,
}

impl Journal {
    /// Writes down `request`, to which there is no answer yet, and returns its number.
    pub(crate) fn write(&mut self, request: &Request) -> u64 {
        if self.requests.len() == KEPT {
            self.requests.pop_front();
            self.oldest += 1;
        }
        let body = request.body[..request.body.len().min(KEPT_BODY)].to_vec();
        self.requests.push_back(Request {
            method: request.method.clone(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            body,
            status: 0,
            client_auth: None,
        });
        self.oldest + self.requests.len() as u64 - 1
    }

    /// The request with this number, if it is still there.
    pub(crate) fn entry(&mut self, number: u64) -> Option<&mut Request> {
        let index = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        self.requests.get_mut(index)
    }

    /// The last requests, oldest first.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    /// A token request begins.
    pub(crate) fn take_off(&mut self) {
        self.in_flight += 1;
        self.counters.max_in_flight = self.counters.max_in_flight.max(self.in_flight);
    }

    /// A token request ends.
    pub(crate) fn land(&mut self) {
        self.in_flight -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_ones() {
        let mut journal = Journal::default();
        for number in 0..KEPT as u64 + 5 {
            let request = Request { target: format!("/{number}"), ..Request::default() };
            assert_eq!(journal.write(&request), number);
        }
        assert_eq!(journal.requests().len(), KEPT);
        assert_eq!(journal.requests()[0].target, "/5");
        assert!(journal.entry(4).is_none());
        assert_eq!(journal.entry(204).unwrap().target, "/204");
    }
}
