//! Chooses the handler of a path.

mod access;
mod audit;
mod connect;
mod control;
mod discovery;
mod git;
mod intelligence;
mod kubernetes;
mod lfs;
mod revoke;
mod scim;
mod token;
mod uem;
mod validate;
mod vidb;

use crate::delivery::Delivery;
use crate::http::Reply;
use crate::service::{Host, Service};
use crate::visit::Visit;

/// Answers a request; also returns the number of its entry in the journal, if it has one.
pub(crate) fn answer(visit: &Visit) -> (Delivery, Option<u64>) {
    let path = visit.request.path();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let ["emulator", rest @ ..] = segments.as_slice() {
        return (Delivery::Reply(control::answer(visit, rest)), None);
    }
    let entry = visit.shared.journal().write(visit.request);
    let delivery = match token::endpoint(visit, path, &segments) {
        Some(endpoint) => token::deliver(visit, &endpoint, entry),
        None => Delivery::Reply(answer_other(visit, &segments)),
    };
    (delivery, Some(entry))
}

/// The replies of a service to all requests but those to token endpoints; `None` at paths it does not have.
type Routes = fn(&Visit, &[&str]) -> Option<Reply>;

/// The routes of a service.
fn of(service: Service) -> Routes {
    match service {
        Service::Access => access::answer,
        Service::Uem => uem::answer,
        Service::Intelligence => intelligence::answer,
        Service::Connect => connect::answer,
        Service::Vidb => vidb::answer,
    }
}

/// Answers all requests but those to token endpoints, and counts them.
fn answer_other(visit: &Visit, segments: &[&str]) -> Reply {
    if let Some(reply) = of(visit.shared.service)(visit, segments) {
        return reply;
    }
    let api = |reply| api(visit, reply);
    match segments {
        // What takes tokens but belongs to no service is on the first host only.
        _ if visit.host != Host::Token => other(visit, (visit.dialect().not_found)()),
        // `kubectl get --raw` omits the path of the cluster's URL.
        ["k8s", rest @ ..] | rest @ (["version"] | ["api" | "apis", ..]) => api(kubernetes::answer(visit, rest)),
        ["git", ..] => api(git::answer(visit, git::Schemes::BearerOrBasic)),
        ["git-bearer", ..] => api(git::answer(visit, git::Schemes::BearerOnly)),
        ["git-basic", ..] => api(git::answer(visit, git::Schemes::BasicOnly)),
        _ => other(visit, (visit.dialect().not_found)()),
    }
}

/// Counts a request to a protected API.
fn api(visit: &Visit, reply: Reply) -> Reply {
    visit.shared.count(|counters| counters.api += 1);
    reply
}

/// Counts any other request.
fn other(visit: &Visit, reply: Reply) -> Reply {
    visit.shared.count(|counters| counters.other += 1);
    reply
}
