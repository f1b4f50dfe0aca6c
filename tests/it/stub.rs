//! A server of one test: it answers as a function says and remembers what it was sent.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A running server on loopback, one connection after the other. Dropping it stops it.
pub(crate) struct Stub {
    /// Where it listens.
    address: SocketAddr,
    /// The heads of all requests, oldest first.
    heads: Arc<Mutex<Vec<String>>>,
    /// Set when it is to end.
    stopped: Arc<AtomicBool>,
    /// The thread that serves.
    serving: Option<JoinHandle<()>>,
}

impl Stub {
    /// Starts a server that answers each request by what `answer` makes of its head: a whole HTTP response.
    pub(crate) fn start(mut answer: impl FnMut(&str) -> String + Send + 'static) -> Self {
        Self::serve(move |stream| {
            let head = read_head(stream);
            let response = answer(&head);
            (head, response)
        })
    }

    /// The same by what it makes of head and body.
    pub(crate) fn with_bodies(mut answer: impl FnMut(&str, &str) -> String + Send + 'static) -> Self {
        Self::serve(move |stream| {
            let head = read_head(stream);
            let body = read_body(stream, &head);
            let response = answer(&head, &body);
            (head, response)
        })
    }

    /// Starts a server; `exchange` reads a request and gives its head and the response.
    fn serve(mut exchange: impl FnMut(&mut TcpStream) -> (String, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (log, stop) = (Arc::clone(&heads), Arc::clone(&stopped));
        let serving = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let (head, response) = exchange(&mut stream);
                log.lock().unwrap().push(head);
                // The client may be gone.
                let _ = stream.write_all(response.as_bytes());
            }
        });
        Self { address, heads, stopped, serving: Some(serving) }
    }

    /// Starts a server that answers everything with 200 and a short text.
    pub(crate) fn ok() -> Self {
        Self::start(|_| response("200 OK", "", "ok\n"))
    }

    /// Its `host:port`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The heads of all requests, oldest first.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// For each request, whether it came with an `Authorization` header.
    pub(crate) fn authorized(&self) -> Vec<bool> {
        self.heads().iter().map(|head| head.to_ascii_lowercase().contains("\r\nauthorization:")).collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        let _ = self.serving.take().unwrap().join();
        // A process that another test is just starting holds the socket until it runs its program, and accepts meanwhile.
        for _ in 0..100 {
            if TcpStream::connect(self.address).is_err() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// A whole response that ends its connection; `headers` are whole lines.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// Reads up to the end of a request's head.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Reads the body that a head announces.
fn read_body(stream: &mut TcpStream, head: &str) -> String {
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = String::new();
    stream.take(length.unwrap_or(0)).read_to_string(&mut body).unwrap();
    body
}
