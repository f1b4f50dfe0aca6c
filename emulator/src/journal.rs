//! The request log and the counters.

use crate::http::Request;
use serde::Serialize;
use std::collections::VecDeque;

/// The number of requests in the log.
const KEPT: usize = 200;
/// The number of bytes of a body in the log.
const KEPT_BODY: usize = 64 * 1024;

/// Counters of connections and requests.
///
/// Every request counts as a token request, an API request, a revocation or another one; requests to the control
/// endpoint do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Requests to any token endpoint, failed ones included.
    pub token_requests: u64,
    /// Token requests with `grant_type=client_credentials`.
    pub client_credentials: u64,
    /// Token requests with `grant_type=refresh_token`.
    pub refresh: u64,
    /// Token requests with a consumed refresh token.
    pub refresh_reuse: u64,
    /// Token requests that the tenant answered with an error; those with a fault instead do not count.
    pub denied: u64,
    /// The largest number of token requests in progress at the same time.
    pub max_in_flight: u64,
    /// Requests to the protected APIs: those of the service, Kubernetes, git.
    pub api: u64,
    /// Successful requests to `/acs/revoke`.
    pub revoked: u64,
    /// All other requests.
    pub other: u64,
}

/// The request log and the counters.
#[derive(Default)]
pub(crate) struct Journal {
    /// The counters.
    pub(crate) counters: Counters,
    /// Token requests in progress.
    in_flight: u64,
    /// The number of the first request in `requests`.
    oldest: u64,
    /// The last requests.
    requests: VecDeque<Request>,
}

impl Journal {
    /// Logs `request`, which has no answer yet, and returns its number.
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

    /// The request with this number, if it is still in the log.
    pub(crate) fn entry(&mut self, number: u64) -> Option<&mut Request> {
        let index = usize::try_from(number.checked_sub(self.oldest)?).ok()?;
        self.requests.get_mut(index)
    }

    /// The last requests, oldest first.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    /// Counts a token request in progress.
    pub(crate) fn begin_token_request(&mut self) {
        self.in_flight += 1;
        self.counters.max_in_flight = self.counters.max_in_flight.max(self.in_flight);
    }

    /// Ends a token request in progress.
    pub(crate) fn end_token_request(&mut self) {
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
