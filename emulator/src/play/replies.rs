//! The replies of faults.

use crate::delivery::Pieces;
use crate::fault::Fault;
use crate::http::{Framing, Reply};
use serde_json::{Map, Value};
use std::iter;

/// 10 kB that decompress to 10 MB: a JSON object full of spaces.
const BOMB: &[u8] = include_bytes!("bomb.gz");

/// A reply without a token from the tenant.
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
        Fault::GzipBomb => Reply::with(200, "application/json", BOMB).header("Content-Encoding", "gzip"),
        Fault::GarbageJson => Reply::with(200, "application/json", r#"{"access_token":"eyJ0eXAi, "expires_in":}"#),
        // `Html`; the caller passes no others.
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

/// `reply` with additional headers, whose values have `bytes` bytes together.
pub(super) fn pad_headers(reply: Reply, bytes: usize, date: &str) -> Pieces {
    /// Bytes per header, below the usual limit for one header.
    const STEP: usize = 1000;
    let mut head = reply.head(date, Framing::Close);
    let blank_line = head.split_off(head.len() - 2);
    let padding = filler(bytes, STEP).enumerate().map(|(number, value)| {
        let name = format!("X-Padding-{number}: ").into_bytes();
        [name, value, b"\r\n".to_vec()].concat()
    });
    Box::new(iter::once(head).chain(padding).chain([blank_line, reply.body]))
}

/// A reply with a JSON body of `bytes` bytes, or of an empty token if that is longer.
pub(super) fn oversize(bytes: usize, date: &str) -> Pieces {
    /// Bytes per write.
    const STEP: usize = 16 * 1024;
    /// The JSON before and after the token.
    const AROUND: [&str; 2] = [r#"{"access_token":""#, r#""}"#];
    let token = bytes.saturating_sub(AROUND.concat().len());
    let head = Reply::new(200)
        .header("Content-Type", "application/json")
        .header("Content-Length", &(AROUND.concat().len() + token).to_string())
        // `Content-Length` is set above; other framings would add that of an empty body.
        .head(date, Framing::CloseDelimited);
    let [before, after] = AROUND.map(|text| text.as_bytes().to_vec());
    Box::new([head, before].into_iter().chain(filler(token, STEP)).chain([after]))
}

/// A reply whose chunked body never ends.
pub(super) fn endless() -> Pieces {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into_bytes();
    Box::new(iter::once(head.as_bytes().to_vec()).chain(iter::repeat(chunk)))
}

/// `bytes` letters, at most `step` at a time.
fn filler(bytes: usize, step: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes).step_by(step).map(move |at| vec![b'x'; step.min(bytes - at)])
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

    /// All pieces as one text.
    fn text(pieces: Pieces) -> String {
        String::from_utf8(pieces.flatten().collect()).unwrap()
    }

    #[test]
    fn padding_has_the_requested_length() {
        let padded = text(pad_headers(Reply::text(200, "body"), 2500, "D"));
        assert_eq!(padded.matches("X-Padding-").count(), 3);
        assert_eq!(padded.matches('x').count(), 2500 + "text".matches('x').count());
        assert!(padded.starts_with("HTTP/1.1 200 OK\r\nDate: D\r\n") && padded.ends_with("x\r\n\r\nbody"));
    }

    #[test]
    fn a_large_body_is_as_long_as_announced() {
        let large = text(oversize(40_000, "D"));
        let (head, body) = large.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Content-Length: 40000\r\n"), "{head}");
        assert_eq!((body.len(), serde_json::from_str::<Value>(body).is_ok()), (40_000, true));
        assert!(
            text(oversize(1, "D")).ends_with("Content-Length: 19\r\nConnection: close\r\n\r\n{\"access_token\":\"\"}")
        );
    }

    #[test]
    fn huge_replies_are_not_built() {
        let huge = [oversize(usize::MAX, "D"), pad_headers(Reply::new(200), usize::MAX, "D"), endless()];
        for pieces in huge {
            assert!(pieces.take(1000).all(|piece| piece.len() < 20_000));
        }
    }
}
