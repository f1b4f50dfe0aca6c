//! A request as it came in.

use super::form;
use serde::Serialize;

/// A request the emulator received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// Names and values, in order, as sent.
    pub headers: Vec<(String, String)>,
    /// The body, unchunked; in the request log at most its first 64 KiB.
    pub body: Vec<u8>,
    /// The status answered; 0 if there was no answer (yet).
    pub status: u16,
    /// How the client proved who it is, if it did.
    pub client_auth: Option<ClientAuth>,
}

/// How a client proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// HTTP Basic with id and secret as they are.
    Basic,
    /// HTTP Basic with id and secret form-encoded first.
    BasicFormEncoded,
    /// `client_id` and `client_secret` in the body.
    Post,
}

impl Request {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The pairs of a form body.
    pub fn form(&self) -> Vec<(String, String)> {
        form::pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query alone, without its question mark; empty if there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether this asks to read something.
    pub(crate) fn reads(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }
}
