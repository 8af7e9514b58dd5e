//! Clients that send more than anybody can have a use for: they are cut off, another client is answered
//! meanwhile, and memory stays what it was.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::http2::{
    CONTINUATION, DATA, Frames, HEADERS, PING, PRIORITY, RST_STREAM, Received, SETTINGS, frame,
    get_fields, status_of,
};
use super::limits::{ADMIN, hits};
use super::{assert_alive, connect, raw, site};
use crate::support::{RunningApp, peak_memory, reset_peak_memory, wait_for};

/// What an attack may take, whatever it sends.
const MEMORY_MAX: u64 = 16 << 20;

/// How many requests of another client an attack has to leave room for, at least.
const ANSWERS_MIN: usize = 20;

/// Attacks, while another client asks for a page again and again and gets it each time. Checks what
/// memory that took; gives how many answers the other got before the attack was over.
#[track_caller]
fn attack(app: &RunningApp, attack: impl FnOnce() + Send) -> usize {
    assert_alive(app);
    let before = reset_peak_memory(app);
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let meanwhile = thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut connection = app.connect();
            while !is_over.load(Ordering::Relaxed) || answers.load(Ordering::Relaxed) < ANSWERS_MIN
            {
                connection.request("GET", "/", &[], b"").assert_status(200);
                assert_alive(app);
                answers.fetch_add(1, Ordering::Relaxed);
            }
        });
        // It begins when the other is being served.
        wait_for(|| (answers.load(Ordering::Relaxed) > 0).then_some(()));
        let ends = SetOnDrop(&is_over);
        attack();
        let meanwhile = answers.load(Ordering::Relaxed);
        drop(ends);
        other.join().unwrap();
        meanwhile
    });
    let took = peak_memory(app).saturating_sub(before);
    assert!(took <= MEMORY_MAX, "{took} bytes");
    assert_alive(app);
    meanwhile
}

/// Ends the other client too when an attack fails.
struct SetOnDrop<'f>(&'f AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends the same bytes until the server closes the connection; it has to before so many.
#[track_caller]
fn is_cut_off(mut stream: TcpStream, piece: &[u8], bytes_max: usize) {
    // What the server sends has to be read, or else it would wait for that.
    let mut reads = stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || while matches!(reads.read(&mut [0; 65536]), Ok(1..)) {});
        let mut sent = 0;
        while stream.write_all(piece).is_ok() {
            sent += piece.len();
            assert!(sent <= bytes_max, "not cut off");
        }
    });
}

#[test]
fn frames_that_cost_nothing_are_cut_off() {
    let app = site().bundle().start(&ADMIN);
    let floods = [
        ("settings", frame(SETTINGS, 0, 0, &[])),
        (
            "settings with values",
            frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100].repeat(6)),
        ),
        ("ping", frame(PING, 0, 0, b"pingpong")),
        ("priority", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        ("resets of nothing", frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
    ];
    for (flood_number, (name, flood)) in (1..).zip(floods) {
        attack(&app, || {
            let mut frames = Frames::to(&app);
            frames.get(1, "/", &[]);
            assert_eq!(frames.status(1), "200");
            is_cut_off(frames.stream, &flood.repeat(100), 64 << 20);
        });
        assert_eq!(hits(&app, "http2_frames"), flood_number, "{name}");
    }
}

#[test]
fn empty_data_is_cut_off() {
    let app = site().worker("worker", "hello").bundle().start(&ADMIN);
    attack(&app, || {
        let mut frames = Frames::to(&app);
        let fields = get_fields("/worker", &[]);
        frames.send(HEADERS, 4, 1, &fields);
        is_cut_off(frames.stream, &frame(DATA, 0, 1, &[]).repeat(100), 64 << 20);
    });
    assert_eq!(hits(&app, "http2_frames"), 1);
}

#[test]
fn a_head_without_an_end_is_cut_off() {
    let app = site().bundle().start(&[]);
    for piece in [&b""[..], b"\x00\x01x\x01y", &b"\x00\x01x\x01y".repeat(1000)] {
        attack(&app, || {
            let mut frames = Frames::to(&app);
            // END_STREAM, and no END_HEADERS.
            frames.send(HEADERS, 1, 1, &get_fields("/", &[]));
            let more = frame(CONTINUATION, 0, 1, piece);
            is_cut_off(frames.stream, &more.repeat(10), 64 << 20);
        });
    }
}

/// CVE-2023-44487: a request that is cancelled makes room for the next, and its work is done all the
/// same.
#[test]
fn requests_that_are_cancelled_at_once_are_cut_off() {
    let app = site().worker("sleep", "sleep").bundle().start(&ADMIN);
    for path in ["/", "/sleep", "/nothing"] {
        for at_once in [1, 100] {
            attack(&app, || {
                let mut frames = Frames::to(&app);
                let fields = get_fields(path, &[]);
                let mut streams = (1..=1_000_000).step_by(2);
                let mut next = || {
                    let stream = streams.next().unwrap();
                    let head = frame(HEADERS, 5, stream, &fields);
                    [head, frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
                };
                let mut reads = frames.stream.try_clone().unwrap();
                thread::scope(|scope| {
                    scope.spawn(move || while matches!(reads.read(&mut [0; 65536]), Ok(1..)) {});
                    loop {
                        let piece: Vec<u8> = (0..at_once).flat_map(|_| next()).collect();
                        if frames.stream.write_all(&piece).is_err() {
                            break;
                        }
                    }
                });
            });
        }
    }
    // Three paths, twice.
    assert_eq!(hits(&app, "http2_frames"), 6);
}

/// CVE-2025-8671: the server is made to reset streams itself, by what is wrong in them.
#[test]
fn streams_that_have_to_be_reset_are_cut_off() {
    let app = site().worker("sleep", "sleep").bundle().start(&ADMIN);
    attack(&app, || {
        let mut frames = Frames::to(&app);
        let fields = get_fields("/sleep", &[]);
        let mut reads = frames.stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || while matches!(reads.read(&mut [0; 65536]), Ok(1..)) {});
            for stream in (1..=1_000_000).step_by(2) {
                // A WINDOW_UPDATE that makes the window larger than one may be (RFC 9113, 6.9.1).
                let piece = [
                    frame(HEADERS, 5, stream, &fields),
                    frame(8, 0, stream, &[0x7f, 0xff, 0xff, 0xff]),
                ];
                if frames.stream.write_all(&piece.concat()).is_err() {
                    return;
                }
            }
            panic!("not cut off");
        });
    });
    assert_eq!(hits(&app, "http2_frames"), 1);
}

/// One field that is remembered, and then named by one byte each time: 4 KB of head a byte.
#[test]
fn a_head_that_is_small_until_it_is_unpacked_is_refused() {
    let app = site().bundle().start(&[]);
    attack(&app, || {
        let mut frames = Frames::to(&app);
        let long = b"v".repeat(3000);
        // A literal that goes into the dynamic table, whose first place is 62 (RFC 7541, 2.3.3, 6.2.1).
        let length = [0x7f, 0xb9, 0x16];
        let bomb = [&b"\x40\x01x"[..], &length, &long, &b"\xbe".repeat(10_000)].concat();
        let head = [get_fields("/", &[]), bomb].concat();
        for stream in (1..200).step_by(2) {
            if frames
                .stream
                .write_all(&frame(HEADERS, 5, stream, &head))
                .is_err()
            {
                return;
            }
            let head = |frame: &Received| frame.kind == HEADERS && frame.stream == stream;
            let answer = frames.next_of(head);
            // The connection may be closed as well.
            let Some(answer) = answer else { return };
            assert!(stream > 1 || status_of(&answer.payload) == "431");
        }
    });
}

#[test]
fn heads_without_an_end_are_refused_whoever_sends_them() {
    let app = site().bundle().start(&[]);
    attack(&app, || {
        thread::scope(|scope| {
            for client in 0..16 {
                let app = &app;
                scope.spawn(move || {
                    let head = match client % 3 {
                        0 => format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "v".repeat(2 << 20)),
                        1 => format!(
                            "GET / HTTP/1.1\r\nhost: a\r\n{}",
                            "x: y\r\n".repeat(400_000)
                        ),
                        _ => format!("GET /{}", "p".repeat(2 << 20)),
                    };
                    for _ in 0..4 {
                        let want = if client % 3 == 2 { 414 } else { 431 };
                        raw(app, head.as_bytes()).assert_status(want);
                    }
                });
            }
        });
    });
}

/// Requests by the hundred thousand, with nobody reading the answers: they are answered as far as the
/// kernel holds the answers, and then nothing more is read.
#[test]
fn requests_whose_answers_nobody_reads_wait_outside() {
    let app = site()
        .worker("worker", "hello")
        .bundle()
        .start(&["--body-timeout", "1s"]);
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /worker HTTP/1.1\r\nhost: a\r\n\r\n",
        "HEAD / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n",
        "GET /about HTTP/1.1\r\nhost: a\r\nrange: bytes=0-1\r\n\r\n",
    ] {
        attack(&app, || {
            let mut stream = connect(&app);
            let piece = request.repeat(1000);
            let mut sent = 0;
            while stream.write_all(piece.as_bytes()).is_ok() {
                sent += piece.len();
                assert!(sent < 1 << 30, "not cut off");
            }
        });
    }
}

/// Those who read are served, all of them; and in between others have their turn.
#[test]
fn pipelined_requests_keep_nobody_else_waiting() {
    const CLIENTS: usize = 100;
    const REQUESTS: usize = 1000;
    let app = site().bundle().start(&[]);
    let meanwhile = attack(&app, || {
        let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(&app)).collect();
        let piece = "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(REQUESTS);
        for client in &mut clients {
            client.write_all(piece.as_bytes()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        }
        for mut client in clients {
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            let text = String::from_utf8(all).unwrap();
            assert_eq!(text.matches("HTTP/1.1 200 OK").count(), REQUESTS);
        }
    });
    // Two answers a round. With turns of 128 for each of the others it would be eight rounds.
    assert!(meanwhile >= 20, "{meanwhile} answers");
}

/// Slowloris: many heads that come byte by byte.
#[test]
fn many_slow_heads_are_cut_off() {
    const CLIENTS: usize = 500;
    let app = site().bundle().start(&["--header-timeout", "1s"]);
    attack(&app, || {
        let mut slow: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(&app)).collect();
        let mut head = b"GET / HTTP/1.1\r\nhost: a\r\n"
            .iter()
            .chain(b"x: y\r\n".iter().cycle());
        let mut rounds = 0;
        while !slow.is_empty() {
            let byte = *head.next().unwrap();
            slow.retain_mut(|stream| stream.write_all(&[byte]).is_ok());
            rounds += 1;
            assert!(rounds < 100_000, "{} are still there", slow.len());
        }
    });
}
