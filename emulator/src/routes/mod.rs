//! Which path leads where.

mod control;
mod discovery;
mod git;
mod kubernetes;
mod revoke;
mod scim;
mod token;
mod validate;

use crate::delivery::Delivery;
use crate::http::Reply;
use crate::visit::Visit;

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
        _ => other(Reply::not_found()),
    }
}
