//! The control endpoint, `/emulator/…`: counters, request log, faults. Loopback only; not counted.

use crate::fault::Fault;
use crate::http::{Reply, Request};
use crate::visit::Visit;
use serde_json::{Value, json};

/// Answers a control request.
pub(crate) fn answer(visit: &Visit, path: &[&str]) -> Reply {
    if !visit.peer.ip().is_loopback() {
        return Reply::json(403, &json!({ "error": "the control endpoint answers on loopback only" }));
    }
    let shared = visit.shared;
    match (visit.request.method.as_str(), path) {
        ("GET", ["counters"]) => Reply::json(200, &json!(shared.journal().counters)),
        ("GET", ["requests"]) => {
            let requests: Vec<Value> = shared.journal().requests().iter().map(describe).collect();
            Reply::json(200, &json!(requests))
        }
        ("POST", ["faults"]) => faults(visit, |faults| {
            for fault in faults {
                shared.script.push(fault);
            }
        }),
        ("PUT", ["faults"]) => faults(visit, |faults| {
            shared.script.clear();
            if let Some(fault) = faults.into_iter().next_back() {
                shared.script.set_default(fault);
            }
        }),
        ("DELETE", ["faults"]) => done(|| shared.script.clear()),
        ("POST", ["revoke-all"]) => done(|| shared.tenant().revoke_all()),
        ("POST", ["release"]) => done(|| shared.gate.release()),
        (_, ["counters" | "requests"]) => Reply::method_not_allowed("GET"),
        (_, ["faults"]) => Reply::method_not_allowed("POST, PUT, DELETE"),
        (_, ["revoke-all" | "release"]) => Reply::method_not_allowed("POST"),
        _ => Reply::not_found(),
    }
}

/// Calls `act`, which cannot fail, and answers 204.
fn done(act: impl FnOnce()) -> Reply {
    act();
    Reply::new(204)
}

/// Parses the body, a fault or an array of faults, and calls `act` with them.
fn faults(visit: &Visit, act: impl FnOnce(Vec<Fault>)) -> Reply {
    let parsed = serde_json::from_slice(&visit.request.body).and_then(|value: Value| match value {
        Value::Array(_) => serde_json::from_value(value),
        single => serde_json::from_value(single).map(|fault| vec![fault]),
    });
    match parsed {
        Ok(faults) => done(|| act(faults)),
        Err(error) => Reply::json(400, &json!({ "error": error.to_string() })),
    }
}

/// A request in JSON.
fn describe(request: &Request) -> Value {
    json!({
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "body": String::from_utf8_lossy(&request.body),
        "status": request.status,
        "client_auth": request.client_auth,
    })
}
