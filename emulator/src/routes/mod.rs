//! Chooses the handler of a path.

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

/// Answers a request; also returns the number of its entry in the journal, if it has one.
pub(crate) fn answer(visit: &Visit) -> (Delivery, Option<u64>) {
    let path = visit.request.path();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let ["emulator", rest @ ..] = segments.as_slice() {
        return (Delivery::Reply(control::answer(visit, rest)), None);
    }
    let entry = visit.shared.journal().write(visit.request);
    let delivery = match token::TokenEndpoint::at(visit.shared, path, &segments) {
        Some(endpoint) => token::deliver(visit, &endpoint, entry),
        None => Delivery::Reply(answer_other(visit, &segments)),
    };
    (delivery, Some(entry))
}

/// Answers all requests but those to token endpoints, and counts them.
fn answer_other(visit: &Visit, segments: &[&str]) -> Reply {
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
        // `kubectl get --raw` omits the path of the cluster's URL.
        ["k8s", rest @ ..] | rest @ (["version"] | ["api" | "apis", ..]) => api(kubernetes::answer(visit, rest)),
        ["git", ..] => api(git::answer(visit, git::Schemes::BearerOrBasic)),
        ["git-bearer", ..] => api(git::answer(visit, git::Schemes::BearerOnly)),
        ["acs", "revoke"] => revoke::answer(visit),
        ["SAAS", "API", "1.0", "REST", "auth", "token"] => other(validate::answer(visit)),
        ["acs", "jwks"] if visit.request.reads() => other(validate::jwks(visit)),
        [base @ .., ".well-known", "openid-configuration"] if visit.request.reads() => {
            other(discovery::answer(visit, base))
        }
        _ => other(Reply::not_found()),
    }
}
