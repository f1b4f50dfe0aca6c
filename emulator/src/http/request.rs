//! A request as it was received.

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
    /// The status of the answer; 0 if there is none (yet).
    pub status: u16,
    /// How the client authenticated, if it did.
    pub client_auth: Option<ClientAuth>,
}

/// How a client authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// HTTP Basic with id and secret unencoded.
    Basic,
    /// HTTP Basic with id and secret form-encoded (RFC 6749, section 2.3.1).
    BasicFormEncoded,
    /// `client_id` and `client_secret` in the form.
    Post,
}

impl Request {
    /// The first header with this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as a form: names and values.
    pub fn form(&self) -> Vec<(String, String)> {
        form::pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query, without the question mark; empty if there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// Whether the method is GET or HEAD.
    pub(crate) fn reads(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }
}
