//! Every fault, as a client sees it.

use crate::client::{Answer, BASIC, TOKEN, ask, refresh, text};
use serde_json::json;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};
use ws1_emulator::{Emulator, Fault, Part};

/// The answer to a token request with `fault`; the next token request must succeed.
fn with_fault(emulator: &Emulator, fault: Fault) -> Answer {
    emulator.play(fault);
    let answer = ask(emulator);
    assert_eq!(ask(emulator).status(), 200);
    answer
}

/// The `Content-Length` of a reply.
fn content_length(answer: &Answer) -> Option<usize> {
    answer.header("content-length").and_then(|length| length.parse().ok())
}

/// Sends a token request without waiting for the answer.
fn begin(emulator: &Emulator) -> TcpStream {
    let mut stream = TcpStream::connect(emulator.addr()).expect("the emulator listens");
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\nConnection: close";
    let request = format!("POST {TOKEN} HTTP/1.1\r\n{BASIC}{form}\r\n\r\ngrant_type=client_credentials");
    stream.write_all(request.as_bytes()).expect("the emulator reads");
    stream
}

/// Waits until the emulator has read `count` requests.
fn wait_for_requests(emulator: &Emulator, count: usize) {
    wait_until(|| emulator.requests().len() >= count);
}

/// Waits until something is so.
fn wait_until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not become so");
        thread::yield_now();
    }
}

#[test]
fn replies_instead_of_a_token() {
    let emulator = Emulator::start();
    assert_eq!(with_fault(&emulator, Fault::status(503)).status(), 503);
    let refused = with_fault(&emulator, Fault::oauth_error(400, "invalid_scope", "no"));
    assert_eq!((refused.status(), text(&refused, "error").as_str()), (400, "invalid_scope"));
    let busy = with_fault(&emulator, Fault::retry_after("30"));
    assert_eq!((busy.status(), busy.header("retry-after").as_deref()), (429, Some("30")));
    let moved = with_fault(&emulator, Fault::Redirect { code: 307, location: "/login".into() });
    assert_eq!((moved.status(), moved.header("location").as_deref()), (307, Some("/login")));
    assert!(with_fault(&emulator, Fault::Html).body().starts_with(b"<!DOCTYPE html>"));
    assert_eq!(with_fault(&emulator, Fault::Json(json!({}))).body(), b"{}");
    assert_eq!(with_fault(&emulator, Fault::GarbageJson).json(), json!(null));
    assert_eq!(with_fault(&emulator, Fault::Raw { bytes: b"HTTP/1.1 5".into() }).raw, b"HTTP/1.1 5");
    assert_eq!(with_fault(&emulator, Fault::Oversize { bytes: 100_000 }).body().len(), 100_000);
    let bomb = with_fault(&emulator, Fault::GzipBomb);
    assert_eq!(bomb.header("content-encoding").as_deref(), Some("gzip"));
    assert!(bomb.body().starts_with(&[0x1f, 0x8b]) && bomb.body().len() < 20_000);
    assert_eq!(emulator.counters().denied, 0);
    assert_eq!(emulator.issued().len(), 10, "only the normal replies issued a token");
}

#[test]
fn changed_replies() {
    let emulator = Emulator::start();
    let odd = with_fault(&emulator, Fault::set("expires_in", "soon"));
    assert_eq!(odd.json()["expires_in"], "soon");
    assert_eq!(with_fault(&emulator, Fault::unset("token_type")).json().get("token_type"), None);
    let short = with_fault(&emulator, Fault::TruncateBody);
    assert!(content_length(&short).is_some_and(|length| length > short.body().len()));
    let cut = with_fault(&emulator, Fault::CloseDelimited { cut: 5 });
    assert_eq!((content_length(&cut), cut.json()), (None, json!(null)));
    assert!(cut.body().len() > 1000);
    assert!(with_fault(&emulator, Fault::HugeHeaders { bytes: 80_000 }).head().len() > 80_000);
    for part in [Part::Headers, Part::Body] {
        assert_eq!(with_fault(&emulator, Fault::Drip { ms: 0, part }).status(), 200);
    }
    let slow = with_fault(&emulator, Fault::DelayThen { ms: 1, fault: Box::new(Fault::Delay { ms: 1 }) });
    assert_eq!(slow.status(), 200);
}

#[test]
fn broken_connections() {
    let emulator = Emulator::start();
    let reset = with_fault(&emulator, Fault::Reset);
    assert!(reset.reset && reset.raw.is_empty());
    let closed = with_fault(&emulator, Fault::CloseEmpty);
    assert!(!closed.reset && closed.raw.is_empty());
    assert_eq!(emulator.requests()[0].status, 0);
    assert_eq!(emulator.requests()[1].status, 200);

    emulator.play(Fault::EndlessChunked);
    let mut endless = begin(&emulator);
    let mut start = vec![0; 1_000_000];
    endless.read_exact(&mut start).unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200 "));
}

#[test]
fn a_lost_answer_consumes_the_refresh_token() {
    let emulator = Emulator::start();
    let token = text(&ask(&emulator), "refresh_token");
    emulator.play(Fault::Reset);
    assert!(refresh(&emulator, &token).reset);
    emulator.play(Fault::ResetAfterIssue);
    assert!(refresh(&emulator, &token).reset);
    assert_eq!(emulator.counters().refresh_reuse, 0);
    assert_eq!(emulator.issued().len(), 2);
    assert_eq!(refresh(&emulator, &token).status(), 400);
    assert_eq!(emulator.counters().refresh_reuse, 1);
}

#[test]
fn hanging_requests_get_their_answer_on_release() {
    let emulator = Emulator::start();
    emulator.play_always(Fault::Hang);
    let streams: Vec<_> = (0..3).map(|_| begin(&emulator)).collect();
    // A request is logged a moment before it counts as in flight, and one of these is given up below.
    wait_until(|| emulator.counters().max_in_flight >= 3);
    emulator.play_normally();
    emulator.play(Fault::HangAfterIssue);
    let late = begin(&emulator);
    let closed = &streams[0];
    closed.shutdown(std::net::Shutdown::Both).unwrap();
    while emulator.issued().is_empty() {
        thread::yield_now();
    }
    // When each request begins to wait is not visible, so release until all are answered.
    let answered = thread::scope(|scope| {
        let readers: Vec<_> = streams[1..]
            .iter()
            .chain([&late])
            .map(|mut stream| {
                scope.spawn(move || {
                    let mut text = String::new();
                    stream.read_to_string(&mut text).is_ok_and(|_| text.starts_with("HTTP/1.1 200 "))
                })
            })
            .collect();
        while readers.iter().any(|reader| !reader.is_finished()) {
            emulator.release();
            thread::yield_now();
        }
        readers.into_iter().all(|reader| reader.join().unwrap())
    });
    assert!(answered);
    assert!(emulator.issued().len() >= 3);
}

#[test]
fn stopping_does_not_wait_for_clients() {
    let emulator = Emulator::start();
    for fault in [
        Fault::Hang,
        Fault::HangAfterIssue,
        Fault::Delay { ms: 3_600_000 },
        Fault::Drip { ms: 3_600_000, part: Part::Headers },
        Fault::EndlessChunked,
    ] {
        emulator.play(fault);
    }
    let streams: Vec<_> = (0..5).map(|_| begin(&emulator)).collect();
    let mut idle = TcpStream::connect(emulator.addr()).unwrap();
    wait_for_requests(&emulator, 5);
    let begun = Instant::now();
    drop(emulator);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    // A new connection would prove nothing: another test may have the port by now.
    idle.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let end = idle.read(&mut [0]);
    assert!(
        end.as_ref().map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |count| *count == 0),
        "still open: {end:?}"
    );
    drop(streams);
}
