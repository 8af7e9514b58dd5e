//! Instances of 0.3 components that answer several requests.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::site_with;
use crate::support::{
    Connection, RunningApp, TestSite, assert_becomes_free, assert_discreet, occupy, wait_for,
};

fn shared(reuse: u32, limits: &str) -> TestSite {
    let toml = format!("[worker]\nreuse = {reuse}\n[limits]\n{limits}\n");
    site_with("http_p3", &toml)
}

/// How many requests the instance has had that answers this one.
#[track_caller]
fn count(app: &RunningApp) -> u32 {
    app.get("/count").assert_status(200).text().parse().unwrap()
}

#[test]
fn an_instance_answers_as_many_requests_as_it_may() {
    let app = shared(3, "").bundle().start(&[]);
    let mut counts = Vec::new();
    // An instance that has nothing to do for a while ends before.
    wait_for(|| {
        counts.push(count(&app));
        counts.ends_with(&[1, 2, 3, 1]).then_some(())
    });
    assert!(counts.iter().all(|count| *count <= 3), "{counts:?}");
    let served = shared(3, "").serve(&[]);
    wait_for(|| (count(&served) == 3).then_some(()));
}

/// Begins a request.
#[track_caller]
fn begin(app: &RunningApp, path: &str) -> Connection {
    let mut connection = app.connect();
    let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    connection.send(head.as_bytes()).unwrap();
    connection
}

/// What some requests wait for, and long enough to do something meanwhile.
const WAIT: (&str, Duration) = ("/wait?2000", Duration::from_secs(2));

#[track_caller]
fn begin_waits(app: &RunningApp) -> Vec<Connection> {
    (0..3).map(|_| begin(app, WAIT.0)).collect()
}

#[test]
fn an_instance_answers_several_requests_at_a_time() {
    let app = shared(100_000, "").bundle();
    // Where an instance is busy for a moment, another one may be made.
    wait_for(|| {
        let app = app.start(&[]);
        let begun = Instant::now();
        let mut waits = begin_waits(&app);
        // More than have been answered: the others are those that wait.
        let shares = (1..50).any(|answered| count(&app) > answered);
        let meanwhile = begun.elapsed() < WAIT.1;
        for wait in &mut waits {
            let answer = wait.answer("GET").unwrap();
            assert_eq!(answer.assert_status(200).text(), "waited");
        }
        (shares && meanwhile).then_some(())
    });
}

#[test]
fn a_trap_in_a_shared_instance_is_told_and_the_next_requests_go_on() {
    let app = shared(100_000, "").bundle().start(&[]);
    wait_for(|| {
        let mut waits = begin_waits(&app);
        count(&app);
        assert_discreet(app.get("/trap").assert_status(500));
        assert_eq!(app.get("/hello").assert_status(200).text(), "hello");
        // Where the trap was in another instance than theirs, it is of no concern to them.
        let lost = waits.iter_mut().filter_map(|wait| {
            let answer = wait.answer("GET").unwrap();
            let is_lost = [500, 503].contains(&answer.status);
            assert!(is_lost || answer.text() == "waited", "{answer:?}");
            is_lost.then_some(())
        });
        (lost.count() > 0).then_some(())
    });
    let line = app.log_line("worker_failed");
    assert!(
        line.contains("status=500") && line.contains("trapped"),
        "{line}"
    );
    let line = app.log_line("unreachable");
    assert!(
        line.starts_with("worker_log route=/[...path] level=error "),
        "{line}"
    );
}

#[test]
fn a_trap_breaks_off_the_answers_of_its_instance() {
    let app = shared(100_000, "").bundle().start(&[]);
    let mut connection = app.connect();
    connection
        .send(b"GET /trap-late HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    connection.head().unwrap().assert_status(200);
    assert_eq!(connection.chunk().unwrap(), b"before\n");
    let error = connection.chunk().unwrap_err();
    let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
    app.log_line("unreachable");
    assert_eq!(app.get("/hello").assert_status(200).text(), "hello");
}

#[test]
fn too_much_memory_is_500_and_names_the_limit() {
    let app = shared(100_000, "memory = \"8MiB\"").bundle().start(&[]);
    assert_discreet(app.get("/grow").assert_status(500));
    let line = app.log_line("`memory`");
    assert!(line.contains("8MiB"), "{line}");
    assert_eq!(app.get("/hello").assert_status(200).text(), "hello");
}

#[test]
fn a_request_that_takes_too_long_is_504_and_the_others_go_on() {
    let app = shared(100_000, "time = \"500ms\"").bundle().start(&[]);
    for path in ["/wait-forever", "/loop"] {
        assert_discreet(app.get(path).assert_status(504));
        let line = app.log_line("status=504");
        assert!(line.contains("`time` of 500ms"), "{line}");
        assert_eq!(app.get("/hello").assert_status(200).text(), "hello");
    }
}

#[test]
fn an_error_of_one_request_is_502_and_leaves_its_instance_alone() {
    let app = shared(100_000, "").bundle().start(&[]);
    wait_for(|| {
        let before = count(&app);
        assert_discreet(app.get("/error").assert_status(502));
        (count(&app) == before + 2).then_some(())
    });
    assert!(app.log_line("worker_failed").contains("as asked"));
}

#[test]
fn a_client_that_goes_away_leaves_its_place_to_others() {
    let limits = "concurrency = 1\nqueue = 0\ntime = \"10m\"";
    let app = shared(100_000, limits).bundle().start(&[]);
    for path in ["/wait-forever", "/loop"] {
        for _ in 0..5 {
            drop(occupy(&app, path, "/hello"));
            assert_becomes_free(&app, "/hello");
        }
    }
    for _ in 0..5 {
        let mut stream = TcpStream::connect(("127.0.0.1", app.port())).unwrap();
        stream
            .write_all(b"GET /big?1000000 HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        assert_ne!(stream.peek(&mut [0]).unwrap(), 0);
        drop(stream);
        assert_becomes_free(&app, "/hello");
    }
}

#[test]
fn requests_that_were_given_up_take_no_place_from_other_workers() {
    let limits = "concurrency = 4\ntime = \"10m\"";
    let site = shared(100_000, limits).file("other.wasm", super::component("hello_p2"));
    let app = site.bundle().start(&[]);
    for _ in 0..40 {
        let given_up = begin(&app, "/wait-forever");
        // It has surely come by then.
        count(&app);
        drop(given_up);
    }
    assert_eq!(app.get("/other").assert_status(200).text(), "hello");
}

#[test]
fn a_long_answer_comes_whole_beside_others() {
    let app = shared(100_000, "time = \"10m\"").bundle().start(&[]);
    let mut connection = app.connect();
    connection
        .send(b"GET /big?50 HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    connection.head().unwrap().assert_status(200);
    let mut length = 0;
    loop {
        let piece = connection.chunk().unwrap();
        if piece.is_empty() {
            break;
        }
        length += piece.len();
        if length % (8 << 20) < piece.len() {
            assert_eq!(app.get("/hello").text(), "hello");
        }
    }
    assert_eq!(length, 50 << 20);
}
