//! Clients that are broken, malicious or slow: each gets its answer, and nobody else notices.

mod floods;
mod framing;
mod http2;
mod limits;
mod requests;
mod slow;
mod smuggling;
mod tricks;

use std::io;
use std::net::TcpStream;

use crate::support::{Answer, Connection, PATIENCE, RunningApp, TestSite};

fn site() -> TestSite {
    TestSite::with_index()
        .file("docs/index.html", "docs")
        .file("about.html", "about")
}

fn start(arguments: &[&str]) -> RunningApp {
    site().bundle().start(arguments)
}

/// A file that fits into no buffer of the kernel, and is decoded as it is sent.
const LARGE_BYTES: usize = 24 << 20;

fn large_site() -> TestSite {
    site().file("large.txt", "A line.\n".repeat(LARGE_BYTES / 8))
}

#[track_caller]
fn assert_alive(app: &RunningApp) {
    assert_eq!(app.get("/").assert_status(200).text(), "<h1>Home</h1>");
}

/// A connection whose bytes are read as they come.
fn connect(app: &RunningApp) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", app.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether an error says that the server has closed the connection, and not that we waited.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// Waits until the server closes the connection; gives the answers that came before.
#[track_caller]
fn answers_until_closed(connection: &mut Connection) -> Vec<Answer> {
    let mut answers = Vec::new();
    loop {
        match connection.answer("GET") {
            Ok(answer) => answers.push(answer),
            Err(error) if is_closed(&error) => return answers,
            Err(error) => panic!("not closed: {error}, after {answers:?}"),
        }
    }
}

/// The answer to bytes that are sent as they are, on a connection of their own.
#[track_caller]
fn raw(app: &RunningApp, bytes: &[u8]) -> Answer {
    let mut connection = app.connect();
    // The server may have refused, and closed, before it has read all of it.
    let _ = connection.send(bytes);
    let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    connection
        .answer("GET")
        .unwrap_or_else(|error| panic!("{begin:?}: {error}"))
}
