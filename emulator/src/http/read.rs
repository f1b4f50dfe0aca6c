//! Reads one request off a connection, within limits.

use super::request::Request;
use std::io::{BufRead, BufReader, Read, Write};

/// The most a request's head may take.
const MAX_HEAD: u64 = 64 * 1024;
/// The most headers a request may have.
const MAX_HEADERS: usize = 128;
/// The most a body may take.
const MAX_BODY: u64 = 1024 * 1024;
/// The most a body may take on its way to git, where whole packs are pushed.
const MAX_PACK: u64 = 256 * 1024 * 1024;

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The client has gone, perhaps in the middle of something.
    Gone,
    /// The client gets this status, and the connection closes.
    Bad(u16),
}

/// A request, and whether its sender wants to send more.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The request.
    pub(crate) request: Request,
    /// Whether the connection stays open.
    pub(crate) keep_alive: bool,
}

/// Reads the next request; writes only `100 Continue`, and only if asked for.
pub(crate) fn next<S: Read + Write>(reader: &mut BufReader<S>) -> Result<Incoming, Unreadable> {
    let mut incoming = parse(&head(reader)?)?;
    let request = &mut incoming.request;
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        let stream = reader.get_mut();
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Unreadable::Gone)?;
        stream.flush().map_err(|_| Unreadable::Gone)?;
    }
    let limit = if request.target.starts_with("/git") { MAX_PACK } else { MAX_BODY };
    request.body = match (request.header("transfer-encoding"), request.header("content-length")) {
        (None, None) => Vec::new(),
        (None, Some(length)) => sized(reader, length, limit)?,
        (Some(encoding), None) if encoding.eq_ignore_ascii_case("chunked") => chunked(reader, limit)?,
        // Another encoding, or two lengths at once: nobody can say where the body ends.
        (Some(_), _) => return Err(Unreadable::Bad(400)),
    };
    Ok(incoming)
}

/// Reads up to the empty line that ends the head.
fn head(reader: &mut impl BufRead) -> Result<Vec<u8>, Unreadable> {
    let mut head = Vec::new();
    let mut limited = reader.take(MAX_HEAD);
    loop {
        let line_start = head.len();
        limited.read_until(b'\n', &mut head).map_err(|_| Unreadable::Gone)?;
        match &head[line_start..] {
            b"\r\n" | b"\n" if line_start == 0 => head.clear(),
            b"\r\n" | b"\n" => return Ok(head),
            line if line.ends_with(b"\n") => {}
            _ if limited.limit() == 0 => return Err(Unreadable::Bad(431)),
            _ => return Err(Unreadable::Gone),
        }
    }
}

/// Understands a head.
fn parse(head: &[u8]) -> Result<Incoming, Unreadable> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Unreadable::Bad(431)),
        Ok(httparse::Status::Partial) | Err(_) => return Err(Unreadable::Bad(400)),
    }
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
            .collect(),
        ..Request::default()
    };
    let connection = request.header("connection").unwrap_or_default();
    let keep_alive = parsed.version == Some(1) && !connection.eq_ignore_ascii_case("close");
    Ok(Incoming { request, keep_alive })
}

/// Reads a body of known length.
fn sized(reader: &mut impl BufRead, length: &str, limit: u64) -> Result<Vec<u8>, Unreadable> {
    // `parse` alone would take a leading plus sign.
    if !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unreadable::Bad(400));
    }
    let length: u64 = length.parse().map_err(|_| Unreadable::Bad(400))?;
    if length > limit {
        return Err(Unreadable::Bad(413));
    }
    let mut body = Vec::new();
    exactly(reader, length, &mut body)?;
    Ok(body)
}

/// Reads a body in chunks.
fn chunked(reader: &mut impl BufRead, limit: u64) -> Result<Vec<u8>, Unreadable> {
    let mut body = Vec::new();
    loop {
        let size = chunk_size(&line(reader)?)?;
        if size == 0 {
            break;
        }
        if size > limit.saturating_sub(body.len() as u64) {
            return Err(Unreadable::Bad(413));
        }
        exactly(reader, size, &mut body)?;
        if !line(reader)?.is_empty() {
            return Err(Unreadable::Bad(400));
        }
    }
    // Trailers say nothing of interest here.
    while !line(reader)?.is_empty() {}
    Ok(body)
}

/// The size a chunk announces.
fn chunk_size(line: &str) -> Result<u64, Unreadable> {
    let size = line.split(';').next().unwrap_or_default().trim();
    if !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Unreadable::Bad(400));
    }
    u64::from_str_radix(size, 16).map_err(|_| Unreadable::Bad(400))
}

/// Reads one short line, without its end.
fn line(reader: &mut impl BufRead) -> Result<String, Unreadable> {
    /// The most a chunk header or trailer may take.
    const MAX_LINE: u64 = 4096;
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line).map_err(|_| Unreadable::Gone)?;
    if line.pop() != Some(b'\n') {
        return Err(if line.len() as u64 + 1 == MAX_LINE { Unreadable::Bad(400) } else { Unreadable::Gone });
    }
    line.pop_if(|last| *last == b'\r');
    String::from_utf8(line).map_err(|_| Unreadable::Bad(400))
}

/// Appends exactly `length` bytes to `body`.
fn exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> Result<(), Unreadable> {
    let got = reader.take(length).read_to_end(body).map_err(|_| Unreadable::Gone)?;
    if got as u64 == length { Ok(()) } else { Err(Unreadable::Gone) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Reads one request out of `text`.
    fn read(text: &str) -> Result<Incoming, Unreadable> {
        next(&mut BufReader::new(Cursor::new(text.as_bytes().to_vec())))
    }

    /// The reason why `text` is no request.
    fn refused(text: &str) -> Unreadable {
        read(text).unwrap_err()
    }

    #[test]
    fn bodies() {
        let sized = read("POST /a?b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcd").unwrap();
        assert_eq!(sized.request.body, b"abc");
        assert_eq!((sized.request.path(), sized.request.query()), ("/a", "b"));
        assert!(sized.keep_alive);
        let chunked = "POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\nT: u\r\n\r\n";
        let chunked = read(chunked).unwrap();
        assert_eq!(chunked.request.body, b"abc0123456789");
        assert!(!chunked.keep_alive);
        assert!(!read("\r\nGET / HTTP/1.0\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn refusals() {
        let gone = ["", "GET / HT", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"];
        for text in gone {
            assert_eq!(refused(text), Unreadable::Gone, "{text:?}");
        }
        let bad = [
            "nonsense\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        ];
        for text in bad {
            assert_eq!(refused(text), Unreadable::Bad(400), "{text:?}");
        }
    }

    #[test]
    fn limits() {
        let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(70_000));
        assert_eq!(refused(&long), Unreadable::Bad(431));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(200));
        assert_eq!(refused(&many), Unreadable::Bad(431));
        assert_eq!(refused("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n"), Unreadable::Bad(413));
        assert_eq!(refused("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"), Unreadable::Bad(413));
    }
}
