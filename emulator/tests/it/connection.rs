//! Several requests on a connection, and invalid requests.

use crate::client::{BASIC, TOKEN, ask, exchange};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use ws1_emulator::Emulator;

#[test]
fn a_connection_carries_several_requests() {
    let emulator = Emulator::start();
    let request = "GET /acs/jwks HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "HEAD /acs/jwks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(emulator.addr(), &format!("{request}{request}{last}"));
    let text = String::from_utf8(answer.raw).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3);
    assert_eq!(text.matches(r#"{"keys""#).count(), 2);
    assert!(text.ends_with("\r\n\r\n"));
    assert_eq!((emulator.counters().connections, emulator.counters().other), (1, 3));
}

#[test]
fn a_client_may_expect_100_continue() {
    let emulator = Emulator::start();
    let mut stream = TcpStream::connect(emulator.addr()).unwrap();
    let form = "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked";
    let head = format!("POST {TOKEN} HTTP/1.1\r\n{BASIC}{form}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_ahead = [0; 25];
    stream.read_exact(&mut go_ahead).unwrap();
    assert_eq!(&go_ahead, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"1d\r\ngrant_type=client_credentials\r\n0\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
}

#[test]
fn invalid_requests_are_refused() {
    let emulator = Emulator::start();
    assert_eq!(exchange(emulator.addr(), "EHLO x\r\n\r\n").status(), 400);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
    assert_eq!(exchange(emulator.addr(), &long).status(), 431);
    let big = format!("POST {TOKEN} HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n{}", "x".repeat(100_000));
    assert_eq!(exchange(emulator.addr(), &big).status(), 413);
    assert_eq!(emulator.requests().len(), 0);
    assert_eq!(ask(&emulator).status(), 200);
}

#[test]
fn there_are_no_repositories_without_a_root() {
    let emulator = Emulator::start();
    let answer = exchange(emulator.addr(), "GET /git/x.git/info/refs HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status(), 404);
}
