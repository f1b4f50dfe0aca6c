//! An HTTP client that keeps every byte it receives.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use ws1_emulator::Emulator;

/// The `Authorization` header of the default client.
pub(crate) const BASIC: &str = "Authorization: Basic Y2ktYm90OmVtdWxhdG9yLXNlY3JldA==\r\n";
/// The default token endpoint.
pub(crate) const TOKEN: &str = "/SAAS/auth/oauthtoken";

/// What the emulator sent on a connection.
pub(crate) struct Answer {
    /// All bytes.
    pub(crate) raw: Vec<u8>,
    /// Whether the connection ended with a reset.
    pub(crate) reset: bool,
}

impl Answer {
    /// The status code; 0 if there is none.
    pub(crate) fn status(&self) -> u16 {
        let line = self.raw.get(9..12).map(String::from_utf8_lossy).unwrap_or_default();
        line.parse().unwrap_or(0)
    }

    /// Status line and headers.
    pub(crate) fn head(&self) -> String {
        String::from_utf8_lossy(&self.raw[..self.split().unwrap_or(self.raw.len())]).into_owned()
    }

    /// The bytes after the headers.
    pub(crate) fn body(&self) -> &[u8] {
        self.split().map_or(&[], |split| &self.raw[split + 4..])
    }

    /// The body as JSON; null if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body()).unwrap_or_default()
    }

    /// The first header with this name.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.head();
        let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    }

    /// The offset of the empty line after the headers.
    fn split(&self) -> Option<usize> {
        self.raw.windows(4).position(|window| window == b"\r\n\r\n")
    }
}

/// Sends `text` and reads until the connection closes.
pub(crate) fn exchange(addr: SocketAddr, text: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).expect("the emulator listens");
    stream.write_all(text.as_bytes()).expect("the emulator reads");
    let mut raw = Vec::new();
    let reset = stream.read_to_end(&mut raw).is_err();
    Answer { raw, reset }
}

/// Sends a request; `headers` are complete lines.
pub(crate) fn request(emulator: &Emulator, method: &str, target: &str, headers: &str, body: &str) -> Answer {
    request_to(emulator.addr(), method, target, headers, body)
}

/// Sends a request to a URL of plain HTTP on this machine.
pub(crate) fn request_url(method: &str, url: &str, headers: &str, body: &str) -> Answer {
    let rest = url.strip_prefix("http://").expect("plain HTTP");
    let (host, target) = rest.split_at(rest.find('/').expect("a path"));
    let addr = host.replace("localhost", "127.0.0.1").parse().expect("an address");
    request_to(addr, method, target, headers, body)
}

/// Sends a request to an address.
fn request_to(addr: SocketAddr, method: &str, target: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    exchange(
        addr,
        &format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ),
    )
}

/// Sends a GET request with a bearer token.
pub(crate) fn get(emulator: &Emulator, target: &str, token: &str) -> Answer {
    request(emulator, "GET", target, &format!("Authorization: Bearer {token}\r\n"), "")
}

/// Sends a form as the default client.
pub(crate) fn post(emulator: &Emulator, target: &str, form: &str) -> Answer {
    let headers = format!("{BASIC}Content-Type: application/x-www-form-urlencoded\r\n");
    request(emulator, "POST", target, &headers, form)
}

/// Requests a token with the client credentials grant.
pub(crate) fn ask(emulator: &Emulator) -> Answer {
    post(emulator, TOKEN, "grant_type=client_credentials")
}

/// Requests a token with the refresh token grant.
pub(crate) fn refresh(emulator: &Emulator, token: &str) -> Answer {
    post(emulator, TOKEN, &format!("grant_type=refresh_token&refresh_token={token}"))
}

/// A field of a JSON reply as a string.
pub(crate) fn text(answer: &Answer, field: &str) -> String {
    answer.json()[field].as_str().unwrap_or_default().to_owned()
}

/// A new access token.
pub(crate) fn token(emulator: &Emulator) -> String {
    text(&ask(emulator), "access_token")
}
