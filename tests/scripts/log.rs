//! What a script writes to the log.

use super::{logged, worker};

#[test]
fn each_line_has_the_route_and_its_level() {
    let body = "console.log('a b', 1, { c: [null, 'x'] }); console.info('info'); console.debug('debug');\n\
        console.warn('warn'); console.error('%s is %d', 'error', 4); console.log('one\\ntwo');\n\
        return new Response('')";
    let site = super::project(&[("api/[id].js", &super::handler(body))]);
    site.both_ways(|app| {
        app.get("/api/7").assert_status(200);
        app.log_line("two");
        let want = [
            "worker_log route=/api/[id] line=\"a b 1 { c: [ null, 'x' ] }\"",
            "worker_log route=/api/[id] line=info",
            "worker_log route=/api/[id] level=debug line=debug",
            "worker_log route=/api/[id] level=warn line=warn",
            "worker_log route=/api/[id] level=error line=\"error is 4\"",
            "worker_log route=/api/[id] line=one",
            "worker_log route=/api/[id] line=two",
        ];
        assert_eq!(logged(app), want);
    });
}

#[test]
fn an_error_is_logged_with_its_stack_in_the_authors_files() {
    let source = "import { fail } from './_lib.ts';\n\
        export default () => {\n  try { fail() } catch (error) { console.error(error) }\n\
        return new Response('') }";
    let lib = "interface Nothing {}\n\nexport function fail(): never {\n  throw new RangeError('far');\n}\n";
    super::project(&[("w.js", source), ("_lib.ts", lib)]).both_ways(|app| {
        app.get("/w").assert_status(200);
        app.log_line("RangeError: far");
        let line = app.log_line("_lib.ts:4:");
        assert!(
            line.starts_with("worker_log route=/w level=error line=\""),
            "{line}"
        );
        app.log_line("w.js:3:");
    });
}

#[test]
fn no_line_of_the_log_can_be_forged() {
    let body = "console.log('a\\tb \\x1b[2K\\rworker_failed route=/other\\u2028x'); return new Response('')";
    let app = worker(body).bundle().start(&[]);
    app.get("/w").assert_status(200);
    let line = app.log_line("worker_failed");
    assert!(
        line.starts_with("worker_log route=/w line=\"a\\tb"),
        "{line}"
    );
    assert!(!app.log().contains(['\x1b', '\r', '\t']), "{:?}", app.log());
}

#[test]
fn a_rejection_that_nobody_catches_is_logged_and_the_answer_sent() {
    let body =
        "Promise.reject(new Error('nobody')); await null; await null; return new Response('fine')";
    worker(body).both_ways(|app| {
        assert_eq!(app.get("/w").assert_status(200).text(), "fine");
        let line = app.log_line("nobody");
        assert!(
            line.starts_with("worker_log route=/w level=error "),
            "{line}"
        );
    });
}

#[test]
fn an_exception_after_respond_with_is_logged_and_the_answer_sent() {
    let source = "addEventListener('fetch', event => { event.respondWith(new Response('fine'));\n\
        throw new Error('afterwards') })";
    super::project(&[("w.js", source)]).both_ways(|app| {
        assert_eq!(app.get("/w").assert_status(200).text(), "fine");
        let line = app.log_line("afterwards");
        assert!(
            line.starts_with("worker_log route=/w level=error "),
            "{line}"
        );
    });
}

#[test]
fn an_endless_log_is_cut() {
    let app = worker("for (;;) console.log('x'.repeat(100))")
        .bundle()
        .start(&["--worker-time", "500ms"]);
    app.get("/w").assert_status(504);
    app.log_line("the rest of its log is dropped");
    let log = app.log();
    // 256 KiB of a script, and what stands around each line.
    assert!(log.len() < 4 << 20, "{} bytes", log.len());
}

#[test]
fn what_is_logged_at_the_top_level_is_said_when_bundling() {
    let site = super::project(&[(
        "w.js",
        "console.log('made', 3); export default () => new Response('')",
    )]);
    let summary = site.summary(&[]);
    assert!(
        summary.contains("note     w.js logs: made 3\n"),
        "{summary}"
    );
    let app = site.bundle().start(&[]);
    app.get("/w").assert_status(200);
    assert_eq!(app.log(), "");
}
