//! The faults of the token endpoint.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

/// A fault of the token endpoint, for one token request.
///
/// As JSON (control endpoint, `--fault`) the names are in kebab-case: `"reset"`, `{"delay": {"ms": 200}}`,
/// `{"status": {"code": 503}}`, `{"patch": {"expires_in": "soon", "scope": {"$remove": true}}}`.
///
/// Only faults that answer normally or issue a token consume the refresh token of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Fault {
    /// Answer normally after a delay. `Delay { ms: 0 }` is a normal reply, which a queue may need between faults.
    Delay {
        /// Milliseconds to wait.
        ms: u64,
    },
    /// Play another fault after a delay.
    DelayThen {
        /// Milliseconds to wait.
        ms: u64,
        /// The other fault.
        fault: Box<Fault>,
    },
    /// Answer with this status and body.
    Status {
        /// The status code.
        code: u16,
        /// The body.
        #[serde(default)]
        body: String,
        /// The `Content-Type` header; none if empty.
        #[serde(default)]
        content_type: String,
        /// Additional headers. A `Date` here replaces the server's own.
        #[serde(default)]
        headers: Vec<(String, String)>,
    },
    /// Answer with a redirect.
    Redirect {
        /// The status code, usually 301, 302, 303, 307 or 308.
        #[serde(default = "found")]
        code: u16,
        /// The `Location` header.
        location: String,
    },
    /// Answer 200 with an HTML login page.
    Html,
    /// Answer 200 with this JSON.
    Json(Value),
    /// Issue a token, and set these fields in the reply; the value `{"$remove": true}` removes a field.
    Patch(Map<String, Value>),
    /// Send these bytes and close. In JSON: a string, or an array of numbers.
    Raw {
        /// The bytes.
        #[serde(deserialize_with = "text_or_bytes")]
        bytes: Vec<u8>,
    },
    /// Issue a token, and answer one byte at a time.
    Drip {
        /// Milliseconds between two bytes.
        ms: u64,
        /// The part of the reply that is slow.
        #[serde(default)]
        part: Part,
    },
    /// Issue a token, and close in the middle of the body that `Content-Length` announces.
    TruncateBody,
    /// Issue a token, and send a close-delimited reply whose end is missing.
    CloseDelimited {
        /// How many bytes are missing.
        cut: usize,
    },
    /// Reset the connection (RST) after reading the request.
    Reset,
    /// Close the connection after reading the request, without a reply.
    CloseEmpty,
    /// Send nothing until [`crate::Emulator::release`], then answer normally, if the client is still connected.
    Hang,
    /// Answer 200 with a JSON body of about this size.
    Oversize {
        /// Length of the body.
        bytes: usize,
    },
    /// Answer 200 with a chunked body that never ends.
    EndlessChunked,
    /// Issue a token, and answer with additional headers.
    HugeHeaders {
        /// Length of their values together.
        bytes: usize,
    },
    /// Answer 200 with 10 kB of gzip that decompress to 10 MB.
    GzipBomb,
    /// Answer 200 with invalid JSON as `application/json`.
    GarbageJson,
    /// Issue a token, which consumes the refresh token, and reset the connection.
    ResetAfterIssue,
    /// Issue a token, which consumes the refresh token, and answer only after [`crate::Emulator::release`].
    HangAfterIssue,
}

/// A part of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The whole reply, from the status line on.
    Headers,
    /// Only the body.
    #[default]
    Body,
}

impl Fault {
    /// An empty reply with this status.
    pub fn status(code: u16) -> Self {
        Self::Status { code, body: String::new(), content_type: String::new(), headers: Vec::new() }
    }

    /// An OAuth error reply.
    pub fn oauth_error(code: u16, error: &str, description: &str) -> Self {
        Self::Status {
            code,
            body: json!({ "error": error, "error_description": description }).to_string(),
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
        }
    }

    /// A 429 with this `Retry-After`.
    pub fn retry_after(value: &str) -> Self {
        Self::Status {
            code: 429,
            body: "Received too many requests. Please try after some time.".to_owned(),
            content_type: "text/plain".to_owned(),
            headers: vec![("Retry-After".to_owned(), value.to_owned())],
        }
    }

    /// A normal reply with one field set to `value`.
    pub fn set(field: &str, value: impl Into<Value>) -> Self {
        Self::Patch(Map::from_iter([(field.to_owned(), value.into())]))
    }

    /// A normal reply without one of its fields.
    pub fn unset(field: &str) -> Self {
        Self::set(field, json!({ "$remove": true }))
    }

    /// Whether the tenant processes the request, which may consume the refresh token.
    pub(crate) fn issues(&self) -> bool {
        match self {
            Self::DelayThen { fault, .. } => fault.issues(),
            Self::Delay { .. }
            | Self::Patch(_)
            | Self::Drip { .. }
            | Self::TruncateBody
            | Self::CloseDelimited { .. }
            | Self::Hang
            | Self::HugeHeaders { .. }
            | Self::ResetAfterIssue
            | Self::HangAfterIssue => true,
            Self::Status { .. }
            | Self::Redirect { .. }
            | Self::Html
            | Self::Json(_)
            | Self::Raw { .. }
            | Self::Reset
            | Self::CloseEmpty
            | Self::Oversize { .. }
            | Self::EndlessChunked
            | Self::GzipBomb
            | Self::GarbageJson => false,
        }
    }
}

/// The default status of a redirect.
fn found() -> u16 {
    302
}

/// Reads bytes written as a string or as an array of numbers.
fn text_or_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    /// The two notations.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        /// As a string, in UTF-8.
        Text(String),
        /// As numbers.
        Bytes(Vec<u8>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => text.into_bytes(),
        Written::Bytes(bytes) => bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_json() {
        let read = |text| serde_json::from_str::<Fault>(text).unwrap();
        assert_eq!(read(r#""reset""#), Fault::Reset);
        assert_eq!(read(r#"{"delay":{"ms":200}}"#), Fault::Delay { ms: 200 });
        assert_eq!(read(r#"{"status":{"code":503}}"#), Fault::status(503));
        assert_eq!(read(r#"{"redirect":{"location":"/x"}}"#), Fault::Redirect { code: 302, location: "/x".into() });
        assert_eq!(read(r#"{"drip":{"ms":1}}"#), Fault::Drip { ms: 1, part: Part::Body });
        assert_eq!(read(r#"{"raw":{"bytes":"no"}}"#), Fault::Raw { bytes: b"no".into() });
        assert_eq!(read(r#"{"raw":{"bytes":[0,255]}}"#), Fault::Raw { bytes: vec![0, 255] });
        assert_eq!(read(r#"{"patch":{"scope":{"$remove":true}}}"#), Fault::unset("scope"));
        assert_eq!(
            read(r#"{"delay-then":{"ms":5,"fault":"hang-after-issue"}}"#),
            Fault::DelayThen { ms: 5, fault: Box::new(Fault::HangAfterIssue) }
        );
    }

    #[test]
    fn writes_what_it_reads() {
        let fault = Fault::retry_after("30");
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault);
    }
}
