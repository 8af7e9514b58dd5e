//! Bodies that come in pieces, in both directions.

use std::io::{self, Write};
use std::net::TcpStream;

use http::HeaderMap;

use super::{NO_LIMIT, each_version};
use crate::support::{Connection, RunningApp, peak_memory, post_http2};

/// More than what an answer takes on its way, and less than what would be held of a long one.
const LITTLE: u64 = 16 << 20;

#[track_caller]
fn begin(app: &RunningApp, head: &str) -> Connection {
    let mut connection = app.connect();
    let head = format!("{head}\r\nhost: localhost\r\n\r\n");
    connection.send(head.as_bytes()).unwrap();
    connection
}

fn send_chunk(connection: &mut Connection, piece: &[u8]) -> io::Result<()> {
    connection.send(format!("{:x}\r\n", piece.len()).as_bytes())?;
    connection.send(&[piece, b"\r\n"].concat())
}

/// Reads the rest of a body of `/big`, and gives its length.
#[track_caller]
fn read_big(connection: &mut Connection) -> usize {
    let pattern: Vec<u8> = (0..=255).cycle().take((1 << 20) + 256).collect();
    let mut length = 0;
    loop {
        let piece = connection.chunk().unwrap();
        if piece.is_empty() {
            return length;
        }
        let at = length % 256;
        assert!(piece == pattern[at..at + piece.len()], "after {length}");
        length += piece.len();
    }
}

#[test]
fn a_piece_comes_back_before_the_next_one_is_sent() {
    each_version(&[], |app| {
        let mut connection = begin(app, "POST /echo HTTP/1.1\r\ntransfer-encoding: chunked");
        for round in 0..20 {
            let piece = format!("piece {round}");
            send_chunk(&mut connection, piece.as_bytes()).unwrap();
            if round == 0 {
                connection.head().unwrap().assert_status(200);
            }
            let mut back = Vec::new();
            while back.len() < piece.len() {
                back.extend(connection.chunk().unwrap());
            }
            assert_eq!(String::from_utf8(back).unwrap(), piece);
        }
        connection.send(b"0\r\n\r\n").unwrap();
        assert_eq!(connection.chunk().unwrap(), b"");
    });
}

#[test]
fn a_body_of_any_length_comes_back_whole() {
    each_version(&[], |app| {
        for length in [1, 65535, 65536, 65537, 3 << 20] {
            let body: Vec<u8> = (0..=250).cycle().take(length).collect();
            let fields = [("content-type", "application/x-thing")];
            let answer = app.request("POST", "/echo", &fields, &body);
            assert!(answer.assert_status(200).body == body, "{length}");
            assert_eq!(answer.field("content-type"), Some("application/x-thing"));
        }
    });
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    each_version(&[], |app| {
        let body = vec![b'x'; 200_000];
        let head = "POST /echo HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 200000";
        let mut connection = begin(app, head);
        // The beginning of the answer says the same, where that is faster (RFC 9110, 10.1.1).
        let first = connection.head().unwrap();
        connection.send(&body).unwrap();
        if first.status == 100 {
            connection.head().unwrap().assert_status(200);
        } else {
            first.assert_status(200);
        }
        let mut back = Vec::new();
        while back.len() < body.len() {
            back.extend(connection.chunk().unwrap());
        }
        assert!(back == body);
        assert_eq!(connection.chunk().unwrap(), b"");
    });
}

#[test]
fn an_old_client_gets_no_chunks() {
    each_version(&[], |app| {
        let mut connection = begin(app, "GET /big?3 HTTP/1.0");
        let head = connection.head().unwrap();
        assert_eq!(head.assert_status(200).field("transfer-encoding"), None);
        let body = connection.read_to_end().unwrap();
        assert_eq!(body.len(), 3 << 20);
        assert!(
            body.iter()
                .zip((0..=255).cycle())
                .all(|(is, want)| *is == want)
        );
    });
}

#[test]
fn trailers_come_back_over_http_1_to_those_who_want_them() {
    #[track_caller]
    fn check(app: &RunningApp, te: &str, want: &str) {
        let head = format!(
            "POST /echo HTTP/1.1\r\n{te}trailer: x-sum\r\ntransfer-encoding: chunked\r\n\
             connection: close"
        );
        let mut connection = begin(app, &head);
        send_chunk(&mut connection, b"body").unwrap();
        connection.send(b"0\r\nx-sum: 42\r\n\r\n").unwrap();
        connection.head().unwrap().assert_status(200);
        let rest = connection.read_to_end().unwrap();
        let rest = String::from_utf8(rest).unwrap().to_lowercase();
        assert!(rest.starts_with("4\r\nbody\r\n"), "{rest:?}");
        assert!(rest.ends_with(want), "{rest:?}");
    }
    each_version(&[], |app| {
        check(app, "te: trailers\r\n", "0\r\nx-sum: 42\r\n\r\n");
        check(app, "", "\r\n0\r\n\r\n");
    });
}

#[test]
fn trailers_come_back_over_http_2() {
    each_version(&[], |app| {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "42".parse().unwrap());
        let answer = post_http2(app, "/echo", b"body", trailers.clone());
        assert_eq!((answer.status, &*answer.body), (200, &b"body"[..]));
        assert_eq!(answer.trailers, Some(trailers));
        let answer = post_http2(app, "/hello", b"", HeaderMap::new());
        assert_eq!((answer.status, &*answer.body), (200, &b"hello"[..]));
    });
}

#[test]
fn an_event_arrives_before_the_next_one_is_made() {
    each_version(&[], |app| {
        let mut connection = begin(app, "GET /sse HTTP/1.1");
        let head = connection.head().unwrap();
        assert_eq!(head.field("content-type"), Some("text/event-stream"));
        // A piece of its own each: what is made later cannot be in it.
        for number in 1..=5 {
            let event = String::from_utf8(connection.chunk().unwrap()).unwrap();
            assert_eq!(event, format!("data: {number}\n\n"));
        }
        assert_eq!(connection.chunk().unwrap(), b"");
    });
}

#[test]
fn an_answer_of_any_length_comes_whole_and_is_never_in_memory() {
    each_version(&NO_LIMIT, |app| {
        let mut connection = begin(app, "GET /big?3 HTTP/1.1");
        connection.head().unwrap().assert_status(200);
        assert_eq!(read_big(&mut connection), 3 << 20);
        // By the short way, which plain GETs take, and by the long one.
        for method in ["GET", "PUT"] {
            let before = peak_memory(app);
            let mut connection = begin(app, &format!("{method} /big?200 HTTP/1.1"));
            connection.head().unwrap().assert_status(200);
            assert_eq!(read_big(&mut connection), 200 << 20);
            let grown = peak_memory(app) - before;
            assert!(grown < LITTLE, "{method}: {grown} more bytes");
        }
    });
}

#[test]
fn a_slow_reader_slows_down_the_component() {
    each_version(&NO_LIMIT, |app| {
        for _ in 0..50 {
            app.get("/hello").assert_status(200);
        }
        let before = peak_memory(app);
        let mut connection = begin(app, "GET /big?100 HTTP/1.1");
        connection.head().unwrap().assert_status(200);
        // Time enough to make all of it.
        for _ in 0..300 {
            app.get("/hello").assert_status(200);
        }
        let grown = peak_memory(app) - before;
        assert!(grown < LITTLE, "{grown} more bytes");
        assert_eq!(read_big(&mut connection), 100 << 20);
    });
}

#[test]
fn a_long_request_is_never_in_memory() {
    let flags = [&NO_LIMIT[..], &["--worker-request-body", "1GiB"]].concat();
    each_version(&flags, |app| {
        app.request("POST", "/echo", &[], &[0; 1 << 20]);
        let before = peak_memory(app);
        let mut connection = begin(app, "POST /echo HTTP/1.1\r\ntransfer-encoding: chunked");
        let piece = vec![7; 1 << 20];
        for round in 0..64 {
            send_chunk(&mut connection, &piece).unwrap();
            if round == 0 {
                connection.head().unwrap().assert_status(200);
            }
            let mut left = piece.len();
            while left > 0 {
                left -= connection.chunk().unwrap().len();
            }
        }
        connection.send(b"0\r\n\r\n").unwrap();
        assert_eq!(connection.chunk().unwrap(), b"");
        let grown = peak_memory(app) - before;
        assert!(grown < LITTLE, "{grown} more bytes");
    });
}

#[test]
fn a_request_that_nobody_reads_is_not_taken_from_the_client() {
    let flags = [&NO_LIMIT[..], &["--worker-request-body", "1GiB"]].concat();
    each_version(&flags, |app| {
        app.get("/hello").assert_status(200);
        let before = peak_memory(app);
        let mut stream = TcpStream::connect(("127.0.0.1", app.port())).unwrap();
        let head = "POST /wait-forever HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let piece = vec![7; 1 << 20];
        let mut sent = 0;
        // Until nothing more is taken in the time in which so many others are answered.
        let mut answers = 0;
        while answers < 100 && sent < 500 << 20 {
            match stream.write(&piece) {
                Ok(length) => {
                    sent += length;
                    answers = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    app.get("/hello").assert_status(200);
                    answers += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(sent < 100 << 20, "{sent} bytes were taken");
        let grown = peak_memory(app) - before;
        assert!(grown < LITTLE, "{grown} more bytes");
    });
}
