//! HTTP/2 without TLS, whole, halved and broken.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{answers_until_closed, assert_alive, connect, is_closed, start};
use crate::support::{RunningApp, TestSite};

#[test]
fn half_a_preface_of_http_2_has_no_more_time() {
    let app = start(&["--header-timeout", "300ms"]);
    let mut silent = app.connect();
    silent.send(&PREFACE[..20]).unwrap();
    assert!(answers_until_closed(&mut silent).is_empty());
    assert_alive(&app);
}

/// A frame of HTTP/2: type, flags, and what it carries.
type Frame = (u8, u8, Vec<u8>);

fn read_frame(stream: &mut TcpStream) -> io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], head[4], payload))
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A frame as bytes (RFC 9113, 4.1).
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// The fields of a GET of http://a, as HPACK: three of its static table, and literals that are not
/// remembered.
pub(super) fn get_fields(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut all = b"\x82\x86\x01\x01a\x04".to_vec();
    write_literal(path, &mut all);
    for (name, value) in fields {
        all.push(0);
        write_literal(name, &mut all);
        write_literal(value, &mut all);
    }
    all
}

/// A string without Huffman's code (RFC 7541, 5.1 and 5.2).
fn write_literal(text: &str, out: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => out.push(length),
        _ => {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                out.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            out.push(u8::try_from(rest).unwrap());
        }
    }
    out.extend(text.as_bytes());
}

/// A frame that was read.
pub(super) struct Received {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

/// A connection of which each frame is written and read as it is.
pub(super) struct Frames {
    pub(super) stream: TcpStream,
    /// What the server began with.
    pub(super) settings: Vec<u8>,
}

impl Frames {
    pub(super) fn to(app: &RunningApp) -> Self {
        let mut stream = connect(app);
        stream.write_all(PREFACE).unwrap();
        let (kind, _, settings) = read_frame(&mut stream).unwrap();
        assert_eq!(kind, SETTINGS);
        Self { stream, settings }
    }

    pub(super) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let bytes = frame(kind, flags, stream, payload);
        self.stream.write_all(&bytes).unwrap();
    }

    /// END_STREAM and END_HEADERS.
    pub(super) fn get(&mut self, stream: u32, path: &str, fields: &[(&str, &str)]) {
        self.send(HEADERS, 5, stream, &get_fields(path, fields));
    }

    /// The first frame that is wanted; `None` if the connection ends before.
    pub(super) fn next_of(&mut self, wanted: impl Fn(&Received) -> bool) -> Option<Received> {
        loop {
            let read = self.read().ok()?;
            if wanted(&read) {
                return Some(read);
            }
        }
    }

    fn read(&mut self) -> io::Result<Received> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload)?;
        Ok(Received {
            kind: head[3],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload,
        })
    }

    /// The status of an answer; empty if the connection ends before it.
    pub(super) fn status(&mut self, stream: u32) -> String {
        let head = self.next_of(|read| read.kind == HEADERS && read.stream == stream);
        head.map_or_else(String::new, |head| status_of(&head.payload))
    }
}

/// The status that a block of fields begins with: one of HPACK's static table, or digits in
/// Huffman's code (RFC 7541, A and B).
pub(super) fn status_of(block: &[u8]) -> String {
    const STATIC: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];
    match block {
        // A new size of the dynamic table.
        [0x20..=0x3f, rest @ ..] => status_of(rest),
        [index @ 0x88..=0x8e, ..] => STATIC[usize::from(index - 0x88)].to_owned(),
        [0x48, length, rest @ ..] if length & 0x80 != 0 => {
            digits_of(&rest[..usize::from(length & 0x7f)])
        }
        _ => panic!("no status: {block:?}"),
    }
}

/// Three digits: 0 to 2 have five bits, 3 to 9 six.
fn digits_of(code: &[u8]) -> String {
    let bits: Vec<u8> = code
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number << 1 | bit);
    let mut rest = &bits[..];
    let mut digit = || {
        let (length, first) = if number(&rest[..5]) <= 2 {
            (5, 0)
        } else {
            (6, 0x19 - 3)
        };
        let digit = number(&rest[..length]) - first;
        rest = &rest[length..];
        char::from(b'0' + digit)
    };
    [digit(), digit(), digit()].iter().collect()
}

fn http2(app: &RunningApp) -> TcpStream {
    let mut stream = connect(app);
    stream.write_all(PREFACE).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap().0, SETTINGS);
    stream
}

#[test]
fn http_2_is_spoken_to_those_who_know_before() {
    let app = start(&["--header-timeout", "300ms", "--idle-timeout", "600ms"]);
    let mut stream = http2(&app);
    // GET http://a/about: three fields of HPACK's static table, two literals.
    let fields = b"\x82\x86\x41\x01a\x44\x06/about";
    let length = u8::try_from(fields.len()).unwrap();
    for id in [1, 3] {
        stream
            .write_all(&[0, 0, length, 1, 0x5, 0, 0, 0, id])
            .unwrap();
        stream.write_all(fields).unwrap();
        let data = std::iter::from_fn(|| Some(read_frame(&mut stream).unwrap()));
        assert_eq!(
            data.into_iter().find(|frame| frame.0 == DATA).unwrap().2,
            b"about"
        );
        // Longer than a head may take: this connection is only idle.
        std::thread::sleep(Duration::from_millis(400));
    }
    // And closed after the time for that.
    while read_frame(&mut stream).is_ok() {}
    assert_alive(&app);
}

/// RFC 9113, 8.3.1.
#[test]
fn host_and_authority_are_the_same_or_nothing_is_answered() {
    #[track_caller]
    fn check(app: &RunningApp, authority: &[u8], host: Option<&[u8]>, status: u8) {
        let mut stream = http2(app);
        let literal = |text: &[u8]| [&[u8::try_from(text.len()).unwrap()], text].concat();
        // GET http://AUTHORITY/about, as above; and a literal with a name of its own.
        let mut fields = [b"\x82\x86\x41", &literal(authority)[..], b"\x44\x06/about"].concat();
        if let Some(host) = host {
            fields.extend([b"\x00\x04host", &literal(host)[..]].concat());
        }
        let length = u8::try_from(fields.len()).unwrap();
        let head = [0, 0, length, 1, 0x5, 0, 0, 0, 1];
        stream.write_all(&head).unwrap();
        stream.write_all(&fields).unwrap();
        let frames = std::iter::from_fn(|| Some(read_frame(&mut stream).unwrap()));
        let head = frames.into_iter().find(|frame| frame.0 == HEADERS).unwrap();
        assert_eq!(head.2[0], status, "{authority:?} {host:?}");
    }
    // Indices of HPACK's static table.
    const OK: u8 = 0x88;
    const BAD_REQUEST: u8 = 0x8c;
    let app = start(&[]);
    check(&app, b"a", None, OK);
    check(&app, b"a", Some(b"a"), OK);
    check(&app, b"a:80", Some(b"A:80"), OK);
    check(&app, b"a", Some(b"b"), BAD_REQUEST);
    check(&app, b"a", Some(b""), BAD_REQUEST);
    check(&app, b"a'b", None, OK);
    check(&app, b"u@a", None, BAD_REQUEST);
    assert_alive(&app);
}

/// Its windows stay closed, so that no write waits; what it sends makes the connection look busy.
#[test]
fn a_client_that_leaves_an_answer_where_it_is_is_given_up_whatever_it_sends() {
    let endless = "export default { fetch() { return new Response(new ReadableStream({\
                   pull(c) { c.enqueue(new Uint8Array(65536)) } })) } };";
    let site = TestSite::new()
        .file("public/index.html", "<h1>Home</h1>")
        .file("endless.js", endless);
    let app = site.bundle().start(&[
        "--body-timeout",
        "500ms",
        "--idle-timeout",
        "500ms",
        "--worker-time",
        "10m",
        "--worker-concurrency",
        "1",
    ]);
    let mut frames = Frames::to(&app);
    // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, 6.5.2).
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    frames.get(1, "/endless", &[]);
    assert_eq!(frames.status(1), "200");
    let mut pinging = frames.stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while pinging.write_all(&frame(PING, 0, 0, b"12345678")).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let error = loop {
        if let Err(error) = frames.read() {
            break error;
        }
    };
    assert!(is_closed(&error), "{error}");
    // And the worker has a place for others again.
    let mut frames = Frames::to(&app);
    frames.get(1, "/endless", &[]);
    assert_eq!(frames.status(1), "200");
}

#[test]
fn broken_http_2_ends_its_connection_only() {
    let app = start(&[]);
    let check = |bytes: &[u8]| {
        let mut stream = http2(&app);
        stream.write_all(bytes).unwrap();
        let error = loop {
            if let Err(error) = read_frame(&mut stream) {
                break error;
            }
        };
        assert!(is_closed(&error), "{error}");
        assert_alive(&app);
    };
    check(b"\xff\xff\xff\0\0\0\0\0\0");
    check(b"\0\0\x04\x01\x05\0\0\0\x01\xff\xff\xff\xff");
    check(b"\0\0\0\0\0\0\0\0\0");
    check(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
}
