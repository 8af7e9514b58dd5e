//! What a client gets, and what the log says, when a worker fails.

use super::{assert_discreet, wait_for, writes};
use crate::support::TestSite;

#[test]
fn a_worker_that_fails_is_answered_for_and_its_failure_logged() {
    #[track_caller]
    fn check(of_guest: &str, flags: &[&str], status: u16, logged: &[&str]) {
        let site = TestSite::new()
            .worker("w/x", of_guest)
            .worker("hello", "hello");
        let app = site.bundle().start(flags);
        for _ in 0..2 {
            let answer = app.get("/w/x");
            assert_discreet(answer.assert_status(status));
            assert_eq!(answer.field("set-cookie"), None);
            assert_eq!(
                app.get("/hello").assert_status(200).text(),
                "hello from wat"
            );
        }
        app.log_line("worker_failed");
        let lines = || Some(app.log()).filter(|log| log.lines().count() >= 2);
        for line in wait_for(lines).lines() {
            let begin = format!("worker_failed route=/w/x worker=w/x.wasm status={status} reason=");
            assert!(line.starts_with(&begin), "{line}");
            assert!(
                logged.iter().all(|part| line.contains(part)),
                "{logged:?} in {line}"
            );
        }
    }
    check(
        "loop_forever",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check(
        "sleep",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check(
        "loop_in_start",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check(
        "component_loop",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check("grow_memory", &[], 500, &["`memory`", "128MiB"]);
    check(
        "grow_memory",
        &["--worker-memory", "1MiB"],
        500,
        &["`memory`", "1MiB"],
    );
    check("start_large", &[], 500, &["`memory`", "128MiB", "200MiB"]);
    check("huge_response", &[], 502, &["`response_body`", "16MiB"]);
    check("not_json", &[], 502, &["JSON"]);
    check("nothing", &[], 502, &["wrote nothing"]);
    check("bad_status", &[], 502, &["status 99"]);
    check("bad_header", &[], 502, &["x-note"]);
    check("trap", &[], 500, &["trapped", "unreachable"]);
    check("exit_3", &[], 500, &["exit code 3"]);
    check("component_fails", &[], 500, &["exit code 1"]);
    check("deep_recursion", &[], 500, &["stack"]);
}

#[test]
fn output_of_any_shape_is_answered_for() {
    #[track_caller]
    fn check(output: &str, status: u16) {
        let site = TestSite::new()
            .file("w/x.wasm", writes(output))
            .worker("hello", "hello");
        let app = site.bundle().start(&[]);
        let answer = app.get("/w/x");
        assert_discreet(answer.assert_status(status));
        assert!(
            app.log_line("worker_failed")
                .contains("worker=w/x.wasm status=502")
        );
        app.get("/hello").assert_status(200);
    }
    check("null", 502);
    check("{}", 502);
    check(r#"{"data":null}"#, 502);
    check(r#"{"data":["a"]}"#, 502);
    check(r#"{"data":"a","status":"200"}"#, 502);
    check(r#"{"data":"a","status":100}"#, 502);
    check(r#"{"data":"a","status":600}"#, 502);
    check(r#"{"data":"a"} and more"#, 502);
    check(r#"{"data":"a","base64":true}"#, 502);
    check(r#"{"data":"a","headers":{"":"b"}}"#, 502);
    check(r#"{"data":"a","headers":{"a b":"b"}}"#, 502);
    check(r#"{"data":"a","headers":{"a":{"b":"c"}}}"#, 502);
    check(&format!("{}1", r#"{"data":"#.repeat(20_000)), 502);
}

#[test]
fn more_fields_than_an_answer_can_have_are_refused() {
    #[track_caller]
    fn check(headers: &str) {
        let output = format!(r#"{{"data":"a","headers":{headers}}}"#);
        let site = TestSite::new()
            .file("w.wasm", writes(&output))
            .file("index.html", "home");
        let app = site.bundle().start(&[]);
        let mut connection = app.connect();
        connection
            .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let answer = connection
            .answer("GET")
            .unwrap_or_else(|e| panic!("{e}: {}", app.log()));
        assert_discreet(answer.assert_status(502));
        assert!(
            app.log_line("worker_failed")
                .contains("worker=w.wasm status=502")
        );
        assert_eq!(app.get("/").text(), "home");
    }
    let names: String = (0..40_000).map(|i| format!(r#""x-{i}":"","#)).collect();
    check(&format!(r#"{{{names}"x":""}}"#));
    let values = r#""","#.repeat(40_000);
    check(&format!(r#"{{"x":[{values}""]}}"#));
}

#[test]
fn the_last_words_of_a_worker_that_is_stopped_are_logged() {
    let site = TestSite::new().worker("w", "last_words");
    let app = site.bundle().start(&["--worker-time", "200ms"]);
    app.get("/w").assert_status(504);
    app.log_line("worker_failed");
    assert!(
        app.log()
            .contains("worker_log route=/w line=\"last words\""),
        "{}",
        app.log()
    );
}

#[test]
fn an_endless_log_is_cut() {
    let site = TestSite::new().worker("w", "log_forever");
    let app = site.bundle().start(&["--worker-time", "60s"]);
    let mut connection = app.connect();
    connection
        .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    app.log_line("the rest of its log is dropped");
    drop(connection);
    let log = app.log();
    // 256 KiB of a guest, and what stands around each line.
    assert!(log.len() < 4 << 20, "{} bytes", log.len());
}
