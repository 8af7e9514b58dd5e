//! Components that fail: the client learns that, and nothing else; the log says why.

use std::io::ErrorKind;

use super::{BOTH, each_version, each_version_both_ways, site, site_with};
use crate::support::{RunningApp, TestSite, assert_discreet, check_refusal};

/// Asks for a path, whose answer has to be `status`, and the log to hold all of `logged`.
#[track_caller]
fn check(app: &RunningApp, path: &str, status: u16, logged: &[&str]) {
    for method in ["GET", "POST"] {
        let answer = app.request(method, path, &[], b"");
        assert_discreet(answer.assert_status(status));
    }
    let line = app.log_line("worker_failed");
    let status = format!("route=/[...path] worker=[...path].wasm status={status}");
    for part in [&[&*status], logged].concat() {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
    // Nobody else notices.
    assert_eq!(app.get("/hello").assert_status(200).text(), "hello");
}

#[test]
fn a_trap_is_500() {
    each_version_both_ways(|app| check(app, "/trap", 500, &["it trapped", "unreachable"]));
}

#[test]
fn an_end_without_an_answer_is_502() {
    let app = site("http_p2").bundle().start(&[]);
    check(&app, "/no-answer", 502, &["without an answer"]);
}

#[test]
fn an_error_instead_of_an_answer_is_502() {
    each_version(&[], |app| check(app, "/error", 502, &["as asked"]));
}

#[test]
fn a_component_that_takes_too_long_is_504() {
    for path in ["/loop", "/wait-forever"] {
        each_version(&["--worker-time", "300ms"], |app| {
            check(app, path, 504, &["`time` of 300ms"]);
        });
    }
}

#[test]
fn a_component_that_wants_too_much_memory_is_500() {
    each_version(&["--worker-memory", "8MiB"], |app| {
        check(app, "/grow", 500, &["`memory`", "8MiB"]);
    });
}

/// Asks for a path whose answer breaks off, after `begins`.
#[track_caller]
fn check_breaks_off(app: &RunningApp, method: &str, path: &str, begins: &[u8]) {
    let mut connection = app.connect();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    connection.send(head.as_bytes()).unwrap();
    let head = connection.head().unwrap();
    if head.status == 500 {
        // It was known before anything had been sent.
        return;
    }
    head.assert_status(200);
    assert_eq!(connection.chunk().unwrap(), begins);
    // Never an end that looks like one.
    let error = connection.chunk().unwrap_err();
    let kinds = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert_eq!(app.get("/hello").assert_status(200).text(), "hello");
}

#[test]
fn a_trap_in_the_middle_of_an_answer_breaks_it_off() {
    each_version(&[], |app| {
        for method in ["GET", "PUT"] {
            check_breaks_off(app, method, "/trap-late", b"before\n");
        }
        app.log_line("unreachable");
    });
    // This one has surely begun.
    let app = site("http_p3").bundle().start(&[]);
    check_breaks_off(&app, "GET", "/trap-late", b"before\n");
    let line = app.log_line("level=error");
    for part in ["after the beginning of its answer", "unreachable"] {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

#[test]
fn the_limit_of_time_counts_to_the_end_of_the_answer() {
    each_version(&["--worker-time", "100ms"], |app| {
        check_breaks_off(app, "GET", "/sse", b"data: 1\n\n");
        app.log_line("`time` of 100ms");
    });
}

#[test]
fn a_handler_of_another_version_is_named() {
    let site = TestSite::new()
        .file("four.wasm", handler("wasi:http/handler@0.4.0"))
        .file("old.wasm", handler("wasi:http/incoming-handler@0.1.0"));
    let advice = "wasi:http 0.2 and 0.3 are supported";
    check_refusal(
        &site,
        &["four.wasm", "wasi:http/handler@0.4.0", advice, "--ignore"],
    );
    check_refusal(&site, &["old.wasm", "wasi:http/incoming-handler@0.1.0"]);
}

/// A component that exports an empty instance: by that its kind is told.
fn handler(export: &str) -> Vec<u8> {
    let text = format!(
        "(component (component $nothing) (instance $handler (instantiate $nothing))
            (export \"{export}\" (instance $handler)))"
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn a_handler_that_handles_nothing_is_refused_with_what_it_lacks() {
    #[track_caller]
    fn check(export: &str) {
        let site = TestSite::new().file("w.wasm", handler(export));
        check_refusal(&site, &["w.wasm", "handle"]);
    }
    check("wasi:http/incoming-handler@0.2.0");
    check("wasi:http/handler@0.3.0");
}

#[test]
fn an_import_that_nothing_offers_is_named_with_what_there_is() {
    let text = "(component
        (import \"example:storage/shelf@1.2.3\" (instance (export \"open\" (func (result u32)))))
        (component $nothing) (instance $handler (instantiate $nothing))
        (export \"wasi:http/incoming-handler@0.2.0\" (instance $handler)))";
    let site = TestSite::new().file("w.wasm", wat::parse_str(text).unwrap());
    check_refusal(
        &site,
        &["w.wasm", "example:storage/shelf@1.2.3", "wasi:keyvalue"],
    );
}

#[test]
fn reuse_is_refused_where_it_cannot_be() {
    let site = site_with("http_p2", "[worker]\nreuse = 2\n");
    let want = ["[...path].toml:2:1:", "wasi:http 0.3", "remove reuse"];
    check_refusal(&site, &want);
    for zero in ["0", "'2'", "-1"] {
        let site = site_with("http_p3", &format!("[worker]\nreuse = {zero}\n"));
        check_refusal(&site, &["[...path].toml:2:"]);
    }
}

#[test]
fn a_component_that_is_damaged_is_refused() {
    for name in BOTH {
        let wasm = super::component(name);
        let site = TestSite::new().file("w.wasm", &wasm[..wasm.len() / 2]);
        check_refusal(&site, &["w.wasm", "damaged", "--ignore"]);
    }
}
