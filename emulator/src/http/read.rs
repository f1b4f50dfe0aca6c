//! Reads requests, within limits.

use super::request::Request;
use std::io::{BufRead, BufReader, Read, Write};

/// The limit for request line and headers, in bytes.
const MAX_HEAD: u64 = 64 * 1024;
/// The limit for the number of headers.
const MAX_HEADERS: usize = 128;
/// The limit for a body, in bytes.
const MAX_BODY: u64 = 1024 * 1024;
/// The limit for a body sent to git, which may be a whole pack.
const MAX_PACK: u64 = 256 * 1024 * 1024;

/// Why a request could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The client has closed the connection, perhaps in the middle of a request.
    Closed,
    /// The request is invalid: answer with this status and close the connection.
    Invalid(u16),
}

/// A request, and whether more may follow.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The request.
    pub(crate) request: Request,
    /// Whether the connection stays open after the answer.
    pub(crate) keep_alive: bool,
}

/// Reads the next request; writes `100 Continue` if the request expects it.
pub(crate) fn next<S: Read + Write>(reader: &mut BufReader<S>) -> Result<Incoming, ReadError> {
    let mut incoming = parse(&head(reader)?)?;
    let request = &mut incoming.request;
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        let stream = reader.get_mut();
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| ReadError::Closed)?;
        stream.flush().map_err(|_| ReadError::Closed)?;
    }
    let limit = if request.target.starts_with("/git") { MAX_PACK } else { MAX_BODY };
    request.body = match (request.header("transfer-encoding"), request.header("content-length")) {
        (None, None) => Vec::new(),
        (None, Some(length)) => sized(reader, length, limit)?,
        (Some(encoding), None) if encoding.eq_ignore_ascii_case("chunked") => chunked(reader, limit)?,
        // With another encoding, or both headers, the end of the body is ambiguous.
        (Some(_), _) => return Err(ReadError::Invalid(400)),
    };
    Ok(incoming)
}

/// Reads request line and headers, up to the empty line.
fn head(reader: &mut impl BufRead) -> Result<Vec<u8>, ReadError> {
    let mut head = Vec::new();
    let mut limited = reader.take(MAX_HEAD);
    loop {
        let line_start = head.len();
        limited.read_until(b'\n', &mut head).map_err(|_| ReadError::Closed)?;
        match &head[line_start..] {
            b"\r\n" | b"\n" if line_start == 0 => head.clear(),
            b"\r\n" | b"\n" => return Ok(head),
            line if line.ends_with(b"\n") => {}
            _ if limited.limit() == 0 => return Err(ReadError::Invalid(431)),
            _ => return Err(ReadError::Closed),
        }
    }
}

/// Parses request line and headers.
fn parse(head: &[u8]) -> Result<Incoming, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(ReadError::Invalid(431)),
        Ok(httparse::Status::Partial) | Err(_) => return Err(ReadError::Invalid(400)),
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

/// Reads a body with `Content-Length`.
fn sized(reader: &mut impl BufRead, length: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
    // `parse` alone would accept a leading plus sign.
    if !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ReadError::Invalid(400));
    }
    let length: u64 = length.parse().map_err(|_| ReadError::Invalid(400))?;
    if length > limit {
        return Err(ReadError::Invalid(413));
    }
    let mut body = Vec::new();
    exactly(reader, length, &mut body)?;
    Ok(body)
}

/// Reads a chunked body.
fn chunked(reader: &mut impl BufRead, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    loop {
        let size = chunk_size(&line(reader)?)?;
        if size == 0 {
            break;
        }
        if size > limit.saturating_sub(body.len() as u64) {
            return Err(ReadError::Invalid(413));
        }
        exactly(reader, size, &mut body)?;
        if !line(reader)?.is_empty() {
            return Err(ReadError::Invalid(400));
        }
    }
    // Trailers are ignored.
    while !line(reader)?.is_empty() {}
    Ok(body)
}

/// The size in a chunk header.
fn chunk_size(line: &str) -> Result<u64, ReadError> {
    let size = line.split(';').next().unwrap_or_default().trim();
    if !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ReadError::Invalid(400));
    }
    u64::from_str_radix(size, 16).map_err(|_| ReadError::Invalid(400))
}

/// Reads a chunk header or trailer, without the line break.
fn line(reader: &mut impl BufRead) -> Result<String, ReadError> {
    /// The limit for the line, in bytes.
    const MAX_LINE: u64 = 4096;
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line).map_err(|_| ReadError::Closed)?;
    if line.pop() != Some(b'\n') {
        return Err(if line.len() as u64 + 1 == MAX_LINE { ReadError::Invalid(400) } else { ReadError::Closed });
    }
    line.pop_if(|last| *last == b'\r');
    String::from_utf8(line).map_err(|_| ReadError::Invalid(400))
}

/// Appends exactly `length` bytes to `body`.
fn exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> Result<(), ReadError> {
    let got = reader.take(length).read_to_end(body).map_err(|_| ReadError::Closed)?;
    if got as u64 == length { Ok(()) } else { Err(ReadError::Closed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Reads one request out of `text`.
    fn read(text: &str) -> Result<Incoming, ReadError> {
        next(&mut BufReader::new(Cursor::new(text.as_bytes().to_vec())))
    }

    /// The error of reading `text`.
    fn refused(text: &str) -> ReadError {
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
            assert_eq!(refused(text), ReadError::Closed, "{text:?}");
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
            assert_eq!(refused(text), ReadError::Invalid(400), "{text:?}");
        }
    }

    #[test]
    fn limits() {
        let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(70_000));
        assert_eq!(refused(&long), ReadError::Invalid(431));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(200));
        assert_eq!(refused(&many), ReadError::Invalid(431));
        assert_eq!(refused("POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n"), ReadError::Invalid(413));
        assert_eq!(refused("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"), ReadError::Invalid(413));
    }
}
