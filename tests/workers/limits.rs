//! What a worker may take: time, memory, bodies, and places among others.

use std::sync::mpsc;
use std::thread;

use super::{assert_discreet, begin_loop, rust_worker, wait_for};
use crate::support::{Connection, PATIENCE, TestSite, guest};

#[test]
fn limits_beyond_the_address_space_are_kept_all_the_same() {
    let site = TestSite::new()
        .worker("hello", "hello")
        .worker("grow", "grow_memory");
    let flags = ["--worker-concurrency", "10000", "--worker-memory", "4GiB"];
    let app = site.bundle().start(&flags);
    app.get("/hello").assert_status(200);
}

#[test]
fn a_limit_can_be_raised() {
    let site = TestSite::new().worker("large", "start_large");
    let app = site.bundle().start(&["--worker-memory", "256MiB"]);
    assert_eq!(app.get("/large").assert_status(200).text(), "200 MiB");
}

#[test]
fn a_body_may_be_as_long_as_its_limit_and_no_longer() {
    let site = TestSite::new().file("binary.wasm", rust_worker("binary"));
    let app = site.bundle();
    let body = |length: usize| vec![b'x'; length];

    let running = app.start(&["--worker-request-body", "1KiB"]);
    let post =
        |fields: &[(&str, &str)], body: &[u8]| running.request("POST", "/binary", fields, body);
    assert_eq!(post(&[], &body(1024)).assert_status(200).body, body(1024));
    assert_discreet(post(&[], &body(1025)).assert_status(413));
    let line = running.log_line("worker_failed");
    assert!(
        line.contains("`request_body`") && line.contains("1KiB"),
        "{line}"
    );
    assert!(line.contains("worker=binary.wasm status=413"), "{line}");
    let chunks = |length: usize| {
        let data = String::from_utf8(body(length)).unwrap();
        format!(
            "200\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            &data[..512],
            length - 512,
            &data[512..]
        )
    };
    let chunked = [("transfer-encoding", "chunked")];
    assert_eq!(
        post(&chunked, chunks(1024).as_bytes())
            .assert_status(200)
            .body,
        body(1024)
    );
    assert_discreet(post(&chunked, chunks(1025).as_bytes()).assert_status(413));
    // The length that is announced is enough: nobody has to send it first.
    let mut connection = running.connect();
    let head =
        "POST /binary HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5000\r\n\r\n";
    connection.send(head.as_bytes()).unwrap();
    connection.answer("POST").unwrap().assert_status(413);

    let running = app.start(&["--worker-response-body", "1KiB"]);
    let post = |length| running.request("POST", "/binary", &[], &body(length));
    assert_eq!(post(1024).assert_status(200).body, body(1024));
    assert_discreet(post(1025).assert_status(502));
    let line = running.log_line("worker_failed");
    assert!(
        line.contains("`response_body`") && line.contains("1KiB"),
        "{line}"
    );
}

#[test]
fn a_client_reads_413_even_while_it_sends_a_long_body() {
    let site = TestSite::new().file("binary.wasm", rust_worker("binary"));
    let app = site.bundle().start(&["--worker-request-body", "1KiB"]);
    let body = vec![b'x'; 4 << 20];
    for _ in 0..10 {
        app.request("POST", "/binary", &[], &body)
            .assert_status(413);
    }
}

#[test]
fn a_flag_beats_the_workers_limits_which_beat_those_of_the_site() {
    #[track_caller]
    fn check(of_site: &str, of_worker: &str, flags: &[&str], want: &str) {
        let table = |limit: &str| format!("[limits]\n{limit}\n");
        let site = TestSite::new()
            .worker("w", "hello")
            .file("w.toml", table(of_worker))
            .file("wws.toml", table(of_site));
        let app = site.bundle().start(flags);
        app.request("POST", "/w", &[], &[b'x'; 100])
            .assert_status(413);
        let line = app.log_line("worker_failed");
        assert!(
            line.contains(&format!("`request_body` of {want}\"")),
            "{line}"
        );
    }
    let flag = ["--worker-request-body", "30B"];
    check("request_body = \"10B\"", "", &[], "10B");
    check("request_body = \"10B\"", "time = \"1s\"", &[], "10B");
    check(
        "request_body = \"10B\"",
        "request_body = \"20B\"",
        &[],
        "20B",
    );
    check(
        "request_body = \"10B\"",
        "request_body = \"20B\"",
        &flag,
        "30B",
    );
    check("", "request_body = \"20B\"", &flag, "30B");
    check("request_body = \"10B\"", "", &flag, "30B");
    check(
        "time = \"1s\"",
        "",
        &["--worker-time", "2s", flag[0], flag[1]],
        "30B",
    );
}

#[test]
fn a_limit_holds_for_the_worker_that_has_it_and_no_other() {
    let site = TestSite::new()
        .worker("short", "sleep")
        .file("short.toml", "limits.time = \"100ms\"")
        .worker("large", "start_large")
        .file("large.toml", "limits.memory = \"300MiB\"")
        .file("small.wasm", guest("start_large"));
    let app = site.bundle().start(&[]);
    app.get("/short").assert_status(504);
    app.get("/large").assert_status(200);
    app.get("/small").assert_status(500);
}

#[test]
fn more_requests_than_may_run_are_told_to_come_back() {
    let site = TestSite::new()
        .worker("w", "loop_on_query")
        .file(
            "w.toml",
            "[limits]\nconcurrency = 1\nqueue = 0\ntime = \"10m\"",
        )
        .worker("hello", "hello");
    let app = site.bundle().start(&[]);
    let loops = begin_loop(&app, "/w");
    let answer = app.get("/w");
    assert_discreet(answer.assert_status(503));
    let seconds: u32 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
    let line = app.log_line("worker_failed");
    for part in [
        "route=/w worker=w.wasm status=503",
        "1 requests run",
        "`concurrency`",
        "`queue`",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    // The places of one worker are not those of another.
    app.get("/hello").assert_status(200);
    drop(loops);
}

#[test]
fn a_request_in_the_queue_is_answered_when_a_place_is_free() {
    let site = TestSite::new().worker("w", "loop_on_query");
    let flags = [
        "--worker-concurrency",
        "1",
        "--worker-queue",
        "1",
        "--worker-time",
        "10m",
    ];
    let app = site.bundle().start(&flags);
    let loops = begin_loop(&app, "/w");
    thread::scope(|scope| {
        let (sender, answers) = mpsc::channel();
        for _ in 0..2 {
            let (sender, app) = (sender.clone(), &app);
            scope.spawn(move || sender.send(app.get("/w")));
        }
        // One of them waits; the other one finds the queue full, whichever came first.
        answers.recv_timeout(PATIENCE).unwrap().assert_status(503);
        assert!(answers.try_recv().is_err());
        drop(loops);
        let answer = answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answer.status, 200, "{}", app.log());
        assert_eq!(answer.text(), "no query");
    });
}

#[test]
fn a_request_that_waits_longer_than_its_time_is_told_to_come_back() {
    let site = TestSite::new().worker("w", "loop_on_query");
    let flags = [
        "--worker-concurrency",
        "1",
        "--worker-queue",
        "8",
        "--worker-time",
        "2s",
    ];
    let app = site.bundle().start(&flags);
    // Each takes the whole time that the others may wait.
    let mut loops: Vec<Connection> = (0..6).map(|_| app.connect()).collect();
    for connection in &mut loops {
        connection
            .send(b"GET /w?loop HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
    }
    let mut statuses: Vec<u16> = loops
        .iter_mut()
        .map(|connection| connection.answer("GET").unwrap().status)
        .collect();
    statuses.sort();
    statuses.dedup();
    assert_eq!(statuses, [503, 504]);
}

#[test]
fn endless_loops_do_not_slow_down_anything_else() {
    let site = TestSite::with_index()
        .file("style.css", "p {}")
        .worker("w", "loop_on_query")
        .worker("hello", "hello");
    let flags = ["--worker-concurrency", "8", "--worker-time", "10m"];
    let app = site.bundle().start(&flags);
    let loops: Vec<Connection> = (0..8).map(|_| begin_loop(&app, "/w")).collect();
    let mut connection = app.connect();
    for _ in 0..200 {
        let answer = connection.request("GET", "/style.css", &[], b"");
        assert_eq!(answer.assert_status(200).text(), "p {}");
    }
    for _ in 0..50 {
        connection
            .request("GET", "/hello", &[], b"")
            .assert_status(200);
    }
    // All of that was while the loops ran, and none of it because one of them ended.
    assert!(!app.log().contains("worker_failed"), "{}", app.log());
    drop(loops);
}

#[test]
fn a_client_that_goes_away_leaves_its_place_to_others() {
    let site = TestSite::new().worker("w", "loop_on_query");
    let flags = [
        "--worker-concurrency",
        "1",
        "--worker-queue",
        "0",
        "--worker-time",
        "10m",
    ];
    let app = site.bundle().start(&flags);
    for _ in 0..20 {
        drop(begin_loop(&app, "/w"));
        let answer = wait_for(|| Some(app.get("/w")).filter(|answer| answer.status != 503));
        assert_eq!(answer.status, 200, "{}", app.log());
    }
}

#[test]
fn a_body_that_stands_still_is_given_up() {
    let site = TestSite::new().worker("w", "hello");
    let app = site.bundle().start(&["--body-timeout", "200ms"]);
    let mut connection = app.connect();
    let head = "POST /w HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345";
    connection.send(head.as_bytes()).unwrap();
    assert_discreet(connection.answer("POST").unwrap().assert_status(408));
    let line = app.log_line("worker_failed");
    assert!(
        line.contains("worker=w.wasm status=408") && line.contains("200ms"),
        "{line}"
    );
}
