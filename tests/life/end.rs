//! How an app ends, and who is answered before it does.

use std::time::{Duration, Instant};

use super::{check_end, open_request, sleeper, small_site};
use crate::support::{Connection, PATIENCE, TestSite};

/// Waits until nothing listens on that port, so the first signal has arrived.
fn wait_until_closed(port: u16) {
    let end = Instant::now() + PATIENCE;
    while Connection::open(port).is_ok() {
        assert!(Instant::now() < end, "it still listens");
        std::thread::yield_now();
    }
}

#[test]
fn term_and_int_end_it_with_0() {
    let app = small_site().bundle();
    for signal in ["TERM", "INT"] {
        check_end(app.start(&[]), signal);
        let running = app.start(&[]);
        running.get("/hello").assert_status(200);
        check_end(running, signal);
    }
    for signal in ["TERM", "INT"] {
        check_end(small_site().serve(&[]), signal);
    }
}

#[test]
fn an_open_request_is_answered_before_the_end() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(500))
        .bundle();
    for signal in ["TERM", "INT"] {
        let mut running = app.start(&[]);
        let mut connection = open_request(&running);
        running.signal(signal);
        wait_until_closed(running.port());
        let answer = connection.answer("GET").unwrap();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "slept for 10 s")
        );
        assert_eq!(
            connection.read_to_end().unwrap(),
            b"",
            "the connection is closed behind it"
        );
        assert_eq!(running.wait(), Some(0), "{}", running.log());
        assert!(!running.log().contains("cut_off"), "{}", running.log());
    }
}

#[test]
fn an_endless_worker_is_timed_out_before_the_end() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(60_000))
        .bundle();
    let mut running = app.start(&["--worker-time", "500ms"]);
    let mut connection = open_request(&running);
    running.signal("TERM");
    connection.answer("GET").unwrap().assert_status(504);
    assert_eq!(running.wait(), Some(0), "{}", running.log());
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let app = TestSite::with_index().bundle();
    let mut running = app.start(&[]);
    let (mut used, mut unused) = (running.connect(), running.connect());
    used.request("GET", "/", &[], b"").assert_status(200);
    running.get("/").assert_status(200);
    let begin = Instant::now();
    running.signal("TERM");
    assert_eq!(used.read_to_end().unwrap(), b"");
    assert_eq!(running.wait(), Some(0));
    // The grace period and every timeout of a connection are 10 s and more.
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "it took {:?}",
        begin.elapsed()
    );
    assert!(!running.log().contains("cut_off"), "{}", running.log());
    assert_eq!(unused.read_to_end().unwrap_or_default(), b"");
}

#[test]
fn a_second_signal_ends_it_now() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(60_000))
        .bundle();
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut running = app.start(&["--worker-time", "60s", "--grace-period", "60s"]);
        let _open = open_request(&running);
        let begin = Instant::now();
        running.signal(first);
        wait_until_closed(running.port());
        running.signal(second);
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "it took {:?}",
            begin.elapsed()
        );
        assert!(
            ended
                .log
                .contains("cut_off connections=1 reason=\"a second signal\""),
            "{}",
            ended.log
        );
    }
}

#[test]
fn the_end_of_the_grace_period_ends_it() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(60_000))
        .bundle();
    let mut running = app.start(&["--worker-time", "60s", "--grace-period", "300ms"]);
    let _open = open_request(&running);
    let begin = Instant::now();
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    let took = begin.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(20),
        "{took:?}"
    );
    assert!(
        ended.log.contains("reason=\"the grace period is over\""),
        "{}",
        ended.log
    );
}

#[test]
fn a_hangup_does_not_end_it() {
    let running = TestSite::with_index().bundle().start(&[]);
    for _ in 0..3 {
        running.signal("HUP");
        running.get("/").assert_status(200);
    }
    check_end(running, "TERM");
}
