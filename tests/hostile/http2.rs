//! HTTP/2 without TLS, whole, halved and broken.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{answers_until_closed, assert_alive, connect, is_closed, start};
use crate::support::RunningApp;

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

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

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
