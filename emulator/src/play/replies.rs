//! Replies that are wrong, or not the tenant's at all.

use crate::fault::Fault;
use crate::http::Reply;
use serde_json::{Map, Value};

/// 10 kB that unpack to 10 MB: one JSON object with nothing but spaces in it.
const BOMB: &[u8] = include_bytes!("bomb.gz");

/// A reply the tenant has no part in.
pub(super) fn instead(fault: Fault) -> Reply {
    match fault {
        Fault::Status { code, body, content_type, headers } => {
            let mut reply = Reply { status: code, headers, body: body.into_bytes() };
            if !content_type.is_empty() {
                reply = reply.header("Content-Type", &content_type);
            }
            reply
        }
        Fault::Redirect { code, location } => Reply::new(code).header("Location", &location),
        Fault::Json(value) => Reply::json(200, &value),
        Fault::Oversize { bytes } => {
            let filler = "x".repeat(bytes.saturating_sub(r#"{"access_token":""}"#.len()));
            Reply::with(200, "application/json", format!(r#"{{"access_token":"{filler}"}}"#))
        }
        Fault::GzipBomb => Reply::with(200, "application/json", BOMB).header("Content-Encoding", "gzip"),
        Fault::GarbageJson => Reply::with(200, "application/json", r#"{"access_token":"eyJ0eXAi, "expires_in":}"#),
        // `Html`; the caller sends no others here.
        _ => Reply::with(
            200,
            "text/html;charset=UTF-8",
            "<!DOCTYPE html><html><head><title>Workspace ONE Access</title></head>\
             <body><form action=\"/SAAS/auth/login\"><input name=\"username\"></form></body></html>",
        ),
    }
}

/// Sets and removes fields of a JSON reply. An error reply stays as it is.
pub(super) fn patch(reply: Reply, fields: Map<String, Value>) -> Reply {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(&reply.body) else {
        return reply;
    };
    if reply.status != 200 {
        return reply;
    }
    for (name, value) in fields {
        if value.get("$remove") == Some(&Value::Bool(true)) {
            object.remove(&name);
        } else {
            object.insert(name, value);
        }
    }
    Reply { body: Value::Object(object).to_string().into_bytes(), ..reply }
}

/// Adds so many bytes of headers.
pub(super) fn pad_headers(mut reply: Reply, bytes: usize) -> Reply {
    /// Bytes per header: long enough to be few, short enough to pass as one.
    const STEP: usize = 1000;
    for number in 0..bytes.div_ceil(STEP) {
        reply = reply.header(&format!("X-Padding-{number}"), &"x".repeat(STEP.min(bytes - number * STEP)));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patching_sets_and_removes() {
        let reply = Reply::json(200, &json!({ "a": 1, "b": 2 }));
        let fields = json!({ "a": "x", "b": { "$remove": true }, "c": null });
        let patched = patch(reply, fields.as_object().unwrap().clone());
        assert_eq!(serde_json::from_slice::<Value>(&patched.body).unwrap(), json!({ "a": "x", "c": null }));
        let error = patch(Reply::json(401, &json!({})), fields.as_object().unwrap().clone());
        assert_eq!(error.body, b"{}");
    }

    #[test]
    fn padding_is_as_long_as_asked() {
        let padded = pad_headers(Reply::new(200), 2500);
        assert_eq!(padded.headers.iter().map(|(_, value)| value.len()).sum::<usize>(), 2500);
    }
}
