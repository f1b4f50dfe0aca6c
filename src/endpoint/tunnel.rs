//! The way through a proxy: `CONNECT` (RFC 9110 §9.3.6) or SOCKS 5 (RFC 1928), over any connection to it.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::secure::Duplex;
use crate::failure::{FailureKind, ProxyProblem, RequestFailure};
use crate::origin::Origin;
use crate::proxy::{Proxy, Scheme};
use crate::secret::Secret;

/// Maximum bytes of the head of a proxy's response.
const ANSWER_LIMIT: usize = 16 * 1024;

/// Opens a tunnel to the target. The error holds a `RequestFailure` that blames the proxy.
pub(crate) fn open(stream: &mut dyn Duplex, proxy: &Proxy, target: &Origin) -> io::Result<()> {
    match proxy.scheme {
        Scheme::Http | Scheme::Https => connect(stream, proxy, target),
        Scheme::Socks5 => socks(stream, proxy, target),
    }
}

/// A failure that the proxy is to blame for.
pub(crate) fn failure(proxy: &Proxy, problem: ProxyProblem, words: &str) -> RequestFailure {
    RequestFailure::new(FailureKind::Proxy(problem), format!("{proxy}: {words}"))
}

/// A failed attempt to reach the tenant through a proxy, with the proxy to blame.
pub(crate) fn blame(proxy: &Proxy, failed: RequestFailure) -> RequestFailure {
    let problem = match failed.kind {
        FailureKind::Proxy(_) => return failed,
        FailureKind::Certificate(problem) => ProxyProblem::Certificate(problem),
        FailureKind::Tls(_) | FailureKind::Unusable => ProxyProblem::NotAProxy,
        _ => ProxyProblem::Unreachable,
    };
    failure(proxy, problem, &failed.cause)
}

/// The same as the error of a connection.
fn refused(proxy: &Proxy, problem: ProxyProblem, words: &str) -> io::Error {
    io::Error::other(failure(proxy, problem, words))
}

/// Asks an HTTP proxy for a tunnel.
fn connect(stream: &mut dyn Duplex, proxy: &Proxy, target: &Origin) -> io::Result<()> {
    let place = format!("{}:{}", target.host, target.port);
    let credentials = proxy.credentials.as_ref().map(|(user, password)| {
        let pair = STANDARD.encode(format!("{}:{}", user.expose(), password.expose()));
        Secret::new(format!("Proxy-Authorization: Basic {pair}\r\n"))
    });
    let credentials = credentials.as_ref().map_or("", Secret::expose);
    let request = Secret::new(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{credentials}\r\n"));
    stream.write_all(request.expose().as_bytes())?;
    stream.flush()?;
    let status = read_status(stream)?;
    let words = |words: &str| format!("{words} (HTTP {})", status.unwrap_or_default());
    let (problem, words) = match status {
        Some(200..=299) => return Ok(()),
        Some(407) => return Err(denied(proxy, &words(""))),
        Some(502..=504) => (ProxyProblem::Unreached, words(&format!("it does not reach {place}"))),
        Some(_) => (ProxyProblem::Forbidden, words(&format!("it refuses to connect to {place}"))),
        None => (ProxyProblem::NotAProxy, "it is no HTTP proxy".to_owned()),
    };
    Err(refused(proxy, problem, &words))
}

/// The error of a proxy that lets nobody in without a password, or not with this one.
fn denied(proxy: &Proxy, code: &str) -> io::Error {
    match proxy.credentials {
        Some(_) => {
            let words = format!("it does not accept that user name and password{code}");
            refused(proxy, ProxyProblem::WrongCredentials, &words)
        }
        None => refused(proxy, ProxyProblem::NoCredentials, &format!("it wants a user name and a password{code}")),
    }
}

/// The status of an HTTP response. It is read byte by byte, because what follows the head comes from the tenant.
fn read_status(stream: &mut dyn Read) -> io::Result<Option<u16>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < ANSWER_LIMIT {
        match stream.read(&mut byte)? {
            0 if head.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => break,
            _ => {}
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.split_ascii_whitespace().nth(1));
    Ok(status.and_then(|status| status.parse().ok()))
}

/// Asks a SOCKS proxy for a connection. The proxy looks up the name, as with curl's `socks5h`.
fn socks(stream: &mut dyn Duplex, proxy: &Proxy, target: &Origin) -> io::Result<()> {
    let no_proxy = || refused(proxy, ProxyProblem::NotAProxy, "it is no SOCKS 5 proxy");
    let sized = |text: &str| -> io::Result<Vec<u8>> {
        let length = u8::try_from(text.len()).map_err(|_| denied(proxy, " (longer than 255 bytes)"))?;
        Ok([&[length], text.as_bytes()].concat())
    };
    // Version, number of methods, methods: none, user name and password (RFC 1929).
    stream.write_all(if proxy.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] })?;
    match (read(stream)?, &proxy.credentials) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            stream.write_all(&[vec![1], sized(user.expose())?, sized(password.expose())?].concat())?;
            if read::<2>(stream)?[1] != 0 {
                return Err(denied(proxy, ""));
            }
        }
        ([5, _], _) => return Err(denied(proxy, "")),
        _ => return Err(no_proxy()),
    }
    let host = sized(target.host.trim_matches(['[', ']']))?;
    // Version, connect, reserved, a name.
    stream.write_all(&[vec![5, 1, 0, 3], host, target.port.to_be_bytes().to_vec()].concat())?;
    let [version, code, _, kind] = read(stream)?;
    let place = target.host_and_port();
    match code {
        _ if version != 5 => return Err(no_proxy()),
        0 => {}
        2 => return Err(refused(proxy, ProxyProblem::Forbidden, &format!("it refuses to connect to {place}"))),
        _ => {
            let words = format!("it does not reach {place} (SOCKS reply {code})");
            return Err(refused(proxy, ProxyProblem::Unreached, &words));
        }
    }
    // The address that it uses, and its port.
    let length = match kind {
        1 => 4,
        4 => 16,
        _ => usize::from(read::<1>(stream)?[0]),
    };
    stream.read_exact(&mut vec![0; length + 2])
}

/// Reads so many bytes.
fn read<const LENGTH: usize>(stream: &mut dyn Duplex) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_status_is_read_and_nothing_behind_its_head() {
        for (answer, status, rest) in [
            ("HTTP/1.1 200 Connection established\r\n\r\nTLS", Some(200), "TLS"),
            ("HTTP/1.0 407\r\nVia: x\r\n\r\n", Some(407), ""),
            ("SSH-2.0-OpenSSH\r\n", None, ""),
        ] {
            let mut bytes = answer.as_bytes();
            assert_eq!(read_status(&mut bytes).unwrap(), status, "{answer}");
            assert_eq!(bytes, rest.as_bytes(), "{answer}");
        }
    }
}
