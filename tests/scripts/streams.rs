//! Answers that come in pieces.

use std::fs;
use std::io::ErrorKind;

use super::{handler, logged, worker};
use crate::support::{RunningApp, assert_discreet, post_http2, wait_for};

/// Time enough for whatever a test does.
const NO_LIMIT: [&str; 2] = ["--worker-time", "10m"];

/// How long a body is that nobody may keep in memory, and what would be noticed.
const LONG: usize = 50 << 20;
const FEW: u64 = 8 << 20;

/// A body of [`LONG`] bytes in chunks of 64 KiB, each of its own value.
const LONG_STREAM: &str = "let made = 0; return new Response(new ReadableStream({ pull(controller) {\n\
    if (made === 800) return controller.close();\n\
    controller.enqueue(new Uint8Array(65536).fill(made++ % 251));\n\
    if (made % 16 === 0) console.log(`made ${made} of them`); } }))";

/// The most memory that an app has had so far.
pub(super) fn peak_bytes(app: &RunningApp) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

#[track_caller]
fn assert_long(body: &[u8]) {
    assert_eq!(body.len(), LONG);
    let mut chunks = body.chunks(65536).enumerate();
    assert!(chunks.all(|(n, chunk)| chunk.iter().all(|byte| usize::from(*byte) == n % 251)));
}

#[test]
fn a_chunk_is_sent_before_the_next_one_is_made() {
    let body = "return new Response(new ReadableStream({ async start(controller) {\n\
        controller.enqueue(new TextEncoder().encode('first'));\n\
        await new Promise(done => setTimeout(done, 1e6));\n\
        controller.enqueue(new TextEncoder().encode('second')); controller.close() } }))";
    let later = "const { readable, writable } = new TransformStream(); const writer = writable.getWriter();\n\
        ctx.waitUntil((async () => { await writer.write(new Uint8Array([102, 105, 114, 115, 116]));\n\
        await new Promise(done => setTimeout(done, 1e6)); await writer.close() })());\n\
        return new Response(readable)";
    let site = worker(body).file("later.js", handler(later));
    let app = site.bundle().start(&NO_LIMIT);
    for path in ["/w", "/later"] {
        let mut connection = app.connect();
        connection
            .send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes())
            .unwrap();
        let head = connection.head().unwrap();
        assert_eq!(
            head.assert_status(200).field("transfer-encoding"),
            Some("chunked")
        );
        assert_eq!(head.field("content-length"), None);
        assert_eq!(connection.chunk().unwrap(), b"first", "{path}");
    }
}

#[test]
fn chunks_come_in_order_and_the_connection_goes_on() {
    let body = "const words = ['one ', '', 'two ', 'three']; const encoder = new TextEncoder();\n\
        return new Response(new ReadableStream({ async pull(controller) {\n\
        await new Promise(done => setTimeout(done, 1));\n\
        if (words.length === 0) controller.close();\n\
        else controller.enqueue(encoder.encode(words.shift())); } }))";
    let piped = "const text = new ReadableStream({ start(c) { c.enqueue('a'); c.enqueue('ä'); c.close() } });\n\
        return new Response(text.pipeThrough(new TextEncoderStream()))";
    let site = worker(body).file("piped.js", handler(piped));
    site.both_ways(|app| {
        let mut connection = app.connect();
        for _ in 0..3 {
            let answer = connection.request("GET", "/w", &[], b"");
            assert_eq!(answer.assert_status(200).text(), "one two three");
            let answer = connection.request("GET", "/piped", &[], b"");
            assert_eq!(answer.assert_status(200).text(), "aä");
        }
        assert!(logged(app).is_empty(), "{}", app.log());
    });
}

#[test]
fn a_long_stream_comes_whole_and_is_never_in_memory_whole() {
    let app = worker(LONG_STREAM).bundle().start(&NO_LIMIT);
    // What is allocated once.
    assert_long(&app.get("/w").assert_status(200).body);
    let before = peak_bytes(&app);
    assert_long(&app.get("/w").body);
    let grown = peak_bytes(&app) - before;
    assert!(grown < FEW, "{grown} bytes more");
    assert!(before < LONG as u64 + FEW, "{before} bytes after the first");
}

#[test]
fn a_slow_reader_slows_down_the_script() {
    let site = worker(LONG_STREAM).file("other.js", handler("return new Response('other')"));
    let app = site.bundle().start(&NO_LIMIT);
    for _ in 0..50 {
        app.get("/other").assert_status(200);
    }
    let before = peak_bytes(&app);
    let mut connection = app.connect();
    connection
        .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    app.log_line("made 16 of");
    // Time enough to make all of it.
    for _ in 0..500 {
        app.get("/other").assert_status(200);
    }
    assert!(!app.log().contains("made 800 of"), "{}", app.log());
    let grown = peak_bytes(&app) - before;
    assert!(grown < FEW, "{grown} bytes more");
    assert_long(&connection.answer("GET").unwrap().assert_status(200).body);
    app.log_line("made 800 of");
}

#[test]
fn a_client_that_goes_away_ends_the_stream_and_is_signalled() {
    let body = "request.signal.addEventListener('abort',\n\
        () => console.log(`aborted ${request.signal.aborted} ${request.signal.reason.name}`));\n\
        return new Response(new ReadableStream({\n\
        start(controller) { controller.enqueue(new Uint8Array(9)) },\n\
        async pull(controller) { await new Promise(done => setTimeout(done, 5));\n\
          controller.enqueue(new Uint8Array(9)) },\n\
        cancel(reason) { console.log(`cancelled ${reason.name}`) } }))";
    let app = worker(body).bundle().start(&NO_LIMIT);
    let mut connection = app.connect();
    connection
        .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    connection.head().unwrap().assert_status(200);
    connection.chunk().unwrap();
    drop(connection);
    app.log_line("worker_log route=/w line=\"aborted true AbortError\"");
    app.log_line("worker_log route=/w line=\"cancelled AbortError\"");
}

/// Clients go away as soon as the script has logged `here`; the only place is free again.
#[track_caller]
fn check_place_is_left(body: &str) {
    let site = worker(&format!(
        "if (request.url.endsWith('?fine')) return new Response('fine'); {body}"
    ));
    let places = ["--worker-concurrency", "1", "--worker-queue", "8"];
    let app = site.bundle().start(&[&NO_LIMIT[..], &places[..]].concat());
    for n in 1..=10 {
        let mut connection = app.connect();
        connection
            .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        wait_for(|| (app.log().matches("line=here").count() >= n).then_some(()));
        drop(connection);
        let answer = app.get("/w?fine");
        assert_eq!(answer.text(), "fine", "{}", app.log());
    }
}

#[test]
fn a_client_that_goes_away_leaves_its_place_to_others() {
    check_place_is_left(
        "console.log('here'); await new Promise(done => setTimeout(done, 1e6)); return new Response('')",
    );
    check_place_is_left(
        "return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(9));\n\
         console.log('here'); setTimeout(() => c.close(), 1e6) } }))",
    );
}

#[test]
fn a_client_that_goes_away_from_an_endless_stream_leaves_its_place_to_others() {
    check_place_is_left(
        "console.log('here');\n\
         return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)) } }))",
    );
}

/// Whoever waits for the next piece of an answer is not idle.
#[test]
fn a_stream_may_pause_for_longer_than_a_connection_may_be_idle() {
    let site = worker(
        "let calls = 0; return new Response(new ReadableStream({ async pull(controller) {\n\
         if (calls++ === 2) return controller.close();\n\
         await new Promise(done => setTimeout(done, 700));\n\
         controller.enqueue(new TextEncoder().encode('piece ')) } }))",
    );
    // The first time that a connection looks is when a head has to be there.
    let app = site
        .bundle()
        .start(&["--idle-timeout", "300ms", "--header-timeout", "300ms"]);
    assert_eq!(app.get("/w").assert_status(200).text(), "piece piece ");
    let posted = app.connect().request("POST", "/w", &[], b"a");
    assert_eq!(posted.assert_status(200).text(), "piece piece ");
    let answer = post_http2(&app, "/w", b"a", http::HeaderMap::new());
    assert_eq!(answer.body, b"piece piece ");
}

#[test]
fn a_stream_that_fails_breaks_the_answer_off() {
    #[track_caller]
    fn check(then: &str, logged: &[&str]) {
        let body = format!(
            "let calls = 0; return new Response(new ReadableStream({{ async pull(controller) {{\n\
             if (calls++ === 0) return controller.enqueue(new TextEncoder().encode('first'));\n\
             await new Promise(done => setTimeout(done, 20)); {then} }} }}))"
        );
        let site = worker(&body).file("fine.js", handler("return new Response('fine')"));
        site.both_ways(|app| {
            let mut connection = app.connect();
            connection
                .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
                .unwrap();
            connection.head().unwrap().assert_status(200);
            assert_eq!(connection.chunk().unwrap(), b"first");
            let error = connection.chunk().unwrap_err();
            let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            assert!(kinds.contains(&error.kind()), "{then}: {error}");
            let line = app.log_line("broke off");
            assert!(
                line.starts_with("worker_log route=/w level=error "),
                "{line}"
            );
            for part in logged {
                assert!(line.contains(part), "{part:?} is not in {line}");
            }
            assert_eq!(app.get("/fine").text(), "fine");
        });
    }
    check("controller.error(new Error('midway'))", &["Error: midway"]);
    check("throw new Error('midway')", &["Error: midway"]);
    check("await null; null.x", &["TypeError", "null"]);
    check("controller.enqueue('text')", &["TypeError"]);
    check("controller.enqueue({})", &["TypeError"]);
}

#[test]
fn a_stream_that_never_ends_is_ended_by_the_limit_or_at_once() {
    #[track_caller]
    fn check(then: &str, logged: &[&str]) {
        let body = format!(
            "return new Response(new ReadableStream({{ async start(controller) {{\n\
             controller.enqueue(new TextEncoder().encode('first'));\n\
             await new Promise(done => setTimeout(done, 20)); {then} }} }}))"
        );
        let site = worker(&body).file("fine.js", handler("return new Response('fine')"));
        let app = site.bundle().start(&["--worker-time", "300ms"]);
        let mut connection = app.connect();
        connection
            .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        connection.head().unwrap().assert_status(200);
        assert_eq!(connection.chunk().unwrap(), b"first");
        assert!(connection.chunk().is_err(), "{then}");
        let line = app.log_line("level=error");
        for part in logged {
            assert!(line.contains(part), "{part:?} is not in {line}");
        }
        assert_eq!(app.get("/fine").text(), "fine");
    }
    check(
        "await new Promise(done => setTimeout(done, 1e6))",
        &["`time` of 300ms"],
    );
    check("for (;;);", &["`time` of 300ms"]);
    check("await new Promise(() => {})", &["a stream without an end"]);
}

#[test]
fn a_stream_that_fails_before_anything_is_sent_is_500() {
    #[track_caller]
    fn check(source: &str, logged: &str) {
        let site = worker(&format!(
            "return new Response(new ReadableStream({source}))"
        ));
        site.both_ways(|app| {
            assert_discreet(app.get("/w").assert_status(500));
            app.log_line(logged);
            let line = app.log_line("worker_failed");
            assert!(line.contains("route=/w worker=w.js status=500"), "{line}");
        });
    }
    check(
        "{ start(c) { c.error(new Error('at once')) } }",
        "Error: at once",
    );
    check(
        "{ start(c) { c.enqueue(new Uint8Array(9)) }, pull() { throw new Error('second') } }",
        "Error: second",
    );
    // However long it takes, as long as the script does not wait for anything.
    check(
        "{ async pull(c) { for (let at = 0; at < 99; at++) await null; c.enqueue(new Uint8Array(9));\n\
         for (const end = Date.now() + 50; Date.now() < end;); throw new Error('later') } }",
        "Error: later",
    );
    check(
        "{ start(c) { c.enqueue(new Uint8Array(9)); return new Promise(() => {}) } }",
        "a stream without an end",
    );
}
