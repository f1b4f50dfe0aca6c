//! Replies: status, headers, body, and their bytes on the wire.

use serde_json::{Value, json};
use std::fmt::Write as _;

/// A reply to one request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// Headers besides `Date`, `Content-Length` and `Connection`.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// How a reply marks its end, and whether the connection stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `Content-Length`, and the connection stays open.
    KeepAlive,
    /// `Content-Length`, and the connection closes.
    Close,
    /// The end of the connection ends the reply.
    CloseDelimited,
}

impl Reply {
    /// An empty reply.
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A reply with this body.
    pub(crate) fn with(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(status).header("Content-Type", content_type) }
    }

    /// A reply in JSON.
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::with(status, "application/json", value.to_string())
    }

    /// A reply in plain text.
    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::with(status, "text/plain;charset=UTF-8", text)
    }

    /// An error of the token or revocation endpoint.
    pub(crate) fn oauth_error(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &json!({ "error": error, "error_description": description }))
    }

    /// An error of the API.
    pub(crate) fn api_error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "errors": [{ "code": code, "message": message, "parameters": {} }] }))
    }

    /// 404.
    pub(crate) fn not_found() -> Self {
        Self::api_error(404, "not.found", "Not found")
    }

    /// 405; `allowed` lists the methods of this path.
    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        Self::api_error(405, "method.not.allowed", "Method not allowed").header("Allow", allowed)
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Status line and headers, up to and including the empty line.
    pub(crate) fn head(&self, date: &str, framing: Framing) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let mut line = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        };
        let dated = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("date"));
        if !dated {
            line("Date", date);
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        if framing != Framing::CloseDelimited && !matches!(self.status, 100..=199 | 204 | 304) {
            line("Content-Length", &self.body.len().to_string());
        }
        if framing != Framing::KeepAlive {
            line("Connection", "close");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The whole reply.
    pub(crate) fn bytes(&self, date: &str, framing: Framing) -> Vec<u8> {
        let mut bytes = self.head(date, framing);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The reason phrase of a status code.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_reply() {
        let reply = Reply::text(200, "true").header("X", "y");
        assert_eq!(
            String::from_utf8(reply.bytes("D", Framing::KeepAlive)).unwrap(),
            "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain;charset=UTF-8\r\nX: y\r\nContent-Length: 4\r\n\r\ntrue"
        );
        assert_eq!(
            String::from_utf8(Reply::new(204).header("Date", "mine").bytes("D", Framing::Close)).unwrap(),
            "HTTP/1.1 204 No Content\r\nDate: mine\r\nConnection: close\r\n\r\n"
        );
    }
}
