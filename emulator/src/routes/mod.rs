//! Which path leads where.

mod control;
mod discovery;
mod git;
mod kubernetes;
mod revoke;
mod scim;
mod token;
mod validate;

use crate::auth;
use crate::http::{Reply, Request};
use crate::play::Delivery;
use crate::shared::Shared;
use serde_json::json;
use std::net::{SocketAddr, TcpStream};

/// One request, and everything needed to answer it.
pub(crate) struct Visit<'a> {
    /// The emulator.
    pub(crate) shared: &'a Shared,
    /// The request.
    pub(crate) request: &'a Request,
    /// Where it comes from.
    pub(crate) peer: SocketAddr,
    /// The connection it came over.
    pub(crate) socket: &'a TcpStream,
}

impl Visit<'_> {
    /// Whether the client has closed the connection, or says something when it should wait.
    pub(crate) fn client_left(&self) -> bool {
        let mut byte = [0];
        let waits = self.socket.set_nonblocking(true).is_ok()
            && self.socket.peek(&mut byte).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        let restored = self.socket.set_nonblocking(false).is_ok();
        !(waits && restored)
    }

    /// The scope of the request's bearer token, if the token is good.
    fn bearer_scope(&self) -> Option<String> {
        self.scope_of(auth::bearer(self.request)?)
    }

    /// The scope of `token`, if it is good.
    fn scope_of(&self, token: &str) -> Option<String> {
        let now = self.shared.clock.now();
        self.shared.tenant().check(token, now).map(|access| access.scope.clone())
    }
}

/// Answers a request; the number is that of its entry in the journal, if it has one.
pub(crate) fn answer(visit: &Visit) -> (Delivery, Option<u64>) {
    let path = visit.request.path();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let ["emulator", rest @ ..] = segments.as_slice() {
        return (Delivery::Reply(control::answer(visit, rest)), None);
    }
    let entry = visit.shared.journal().write(visit.request);
    let delivery = match token::Door::at(visit.shared, path, &segments) {
        Some(door) => token::deliver(visit, &door, entry),
        None => Delivery::Reply(elsewhere(visit, &segments)),
    };
    (delivery, Some(entry))
}

/// Answers everything but token requests, and counts it.
fn elsewhere(visit: &Visit, segments: &[&str]) -> Reply {
    let api = |reply| {
        visit.shared.count(|counters| counters.api += 1);
        reply
    };
    let other = |reply| {
        visit.shared.count(|counters| counters.other += 1);
        reply
    };
    match segments {
        ["SAAS", "jersey", "manager", "api", "scim", "Users"] => api(scim::answer(visit)),
        // `kubectl get --raw` leaves the path of the cluster's URL out.
        ["k8s", rest @ ..] | rest @ (["version"] | ["api" | "apis", ..]) => api(kubernetes::answer(visit, rest)),
        ["git", ..] => api(git::answer(visit, git::Schemes::BearerOrBasic)),
        ["git-bearer", ..] => api(git::answer(visit, git::Schemes::BearerOnly)),
        ["acs", "revoke"] => revoke::answer(visit),
        ["SAAS", "API", "1.0", "REST", "auth", "token"] => other(validate::answer(visit)),
        ["acs", "jwks"] if visit.request.reads() => other(validate::jwks(visit)),
        [door @ .., ".well-known", "openid-configuration"] if visit.request.reads() => {
            other(discovery::answer(visit, door))
        }
        _ => other(not_found()),
    }
}

/// The reply where there is nothing.
fn not_found() -> Reply {
    Reply::json(404, &json!({ "errors": [{ "code": "not.found", "message": "Not found", "parameters": {} }] }))
}

/// The reply to a method that does not fit; `allowed` is the one that would.
fn wrong_method(allowed: &str) -> Reply {
    Reply::json(
        405,
        &json!({ "errors": [{ "code": "method.not.allowed", "message": "Method not allowed", "parameters": {} }] }),
    )
    .header("Allow", allowed)
}
