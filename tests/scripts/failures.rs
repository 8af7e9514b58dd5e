//! What a client gets, and what the log says, when a script fails.

use super::{handler, project, worker};
use crate::support::{RunningApp, TestSite, assert_discreet};

/// A time limit that nothing here comes near.
const LONG: [&str; 2] = ["--worker-time", "10m"];
const SHORT: [&str; 2] = ["--worker-time", "300ms"];

/// A request fails, twice; the log names route, file, status and why; and the app goes on.
#[track_caller]
fn check_site(site: TestSite, flags: &[&str], status: u16, logged: &[&str]) {
    let site = site.file("fine.js", handler("return new Response('fine')"));
    let app = site.bundle().start(flags);
    for _ in 0..2 {
        check_failure(&app, status, logged);
    }
}

#[track_caller]
fn check_failure(app: &RunningApp, status: u16, logged: &[&str]) {
    let answer = app.get("/w");
    assert_eq!(answer.status, status, "{}", app.log());
    assert_discreet(&answer);
    let line = app.log_line("worker_failed");
    assert!(
        line.starts_with("worker_failed route=/w worker=w."),
        "{line}"
    );
    assert!(
        line.contains(&format!(" status={status} reason=")),
        "{line}"
    );
    for part in logged {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
    assert_eq!(app.get("/fine").assert_status(200).text(), "fine");
}

/// The body of a handler fails.
#[track_caller]
fn check(body: &str, flags: &[&str], status: u16, logged: &[&str]) {
    check_site(worker(body), flags, status, logged);
}

#[test]
fn an_exception_is_500_and_named_with_file_and_line() {
    check(
        "throw new TypeError('on purpose')",
        &[],
        500,
        &["TypeError: on purpose", "w.js:1:"],
    );
    check("\n\nnull.x", &[], 500, &["TypeError", "w.js:3:"]);
    check("throw 'a string'", &[], 500, &["a string"]);
    check("throw undefined", &[], 500, &["undefined"]);
    check("throw { toString() { throw 1 } }", &[], 500, &[]);
    check(
        "throw new Error('two\\nlines')",
        &[],
        500,
        &["two", "lines"],
    );
    check(
        "throw new Error('a', { cause: new Error('the cause') })",
        &[],
        500,
        &["the cause"],
    );
    check(
        "await Promise.reject(new Error('rejected'))",
        &[],
        500,
        &["Error: rejected", "w.js:1:"],
    );
    check(
        "return Promise.any([Promise.reject(1)])",
        &[],
        500,
        &["AggregateError"],
    );
    check("nowhere()", &[], 500, &["ReferenceError", "nowhere"]);
    check(
        "await fetch('https://example.org')",
        &[],
        500,
        &["TypeError: fetch: ", "allowed_hosts"],
    );
}

#[test]
fn an_exception_is_500_in_every_form_of_a_handler() {
    let forms = [
        "export default function () {\n  throw new Error('on purpose') }",
        "export default { fetch() {\n  throw new Error('on purpose') } }",
        "addEventListener('fetch', () => {\n  throw new Error('on purpose') })",
        "addEventListener('fetch', event => event.respondWith((async () => {\n  throw new Error('on purpose') })()))",
        "export default () => new Promise((_, fail) => setTimeout(() =>\n  fail(new Error('on purpose')), 1))",
    ];
    for form in forms {
        check_site(
            project(&[("w.js", form)]),
            &[],
            500,
            &["Error: on purpose", "w.js:2:"],
        );
    }
}

#[test]
fn a_stack_names_the_lines_of_typescript_as_they_were_written() {
    let entry = "import { Level, fail } from './_lib';\n\ninterface Env {\n  a: string;\n}\n\
        type Handler = (request: Request) => Promise<Response>;\n\n\
        const handler: Handler = async (request) => {\n  const level: Level = Level.High;\n\
        \x20 return fail<string>(level);\n};\nexport default handler;\n";
    let lib = "export enum Level {\n  Low,\n  High,\n}\n\n\
        export function fail<T>(level: Level): T & never {\n\
        \x20 throw new Error(`level ${level}`);\n}\n";
    let site = project(&[("w.ts", entry), ("_lib.ts", lib)]);
    check_site(
        site,
        &[],
        500,
        &["Error: level 1", "_lib.ts:7:", "w.ts:10:"],
    );
}

#[test]
fn what_is_no_response_is_502() {
    for (expression, named) in [
        ("undefined", "undefined"),
        ("null", "null"),
        ("'text'", "'text'"),
        ("({ status: 200 })", "status: 200"),
        ("Response", "Response"),
        ("Promise.resolve(7)", "7"),
        ("Response.error()", "Response.error()"),
    ] {
        check(
            &format!("return {expression}"),
            &[],
            502,
            &["Response", named],
        );
    }
    check("", &[], 502, &["Response"]);
    check(
        "const r = new Response('a'); await r.text(); return r",
        &[],
        502,
        &["the body of the response has been used already"],
    );
    let silent = project(&[("w.js", "addEventListener('fetch', () => {})")]);
    check_site(silent, &[], 502, &["no listener has called respondWith"]);
}

#[test]
fn a_field_that_cannot_be_sent_is_an_exception() {
    check(
        "return new Response('', { headers: { 'a b': '1' } })",
        &[],
        500,
        &["TypeError", "w.js:1:"],
    );
    check(
        "return new Response('', { headers: { a: '1\\r\\nb: 2' } })",
        &[],
        500,
        &["TypeError"],
    );
    check(
        "return new Response('', { headers: { a: '\\u20ac' } })",
        &[],
        500,
        &["TypeError"],
    );
    let many = "const h = new Headers(); for (let n = 0; n < 2000; n++) h.append(`x-${n}`, '');\n\
        return new Response('', { headers: h })";
    check(many, &[], 502, &["2001 header fields"]);
}

#[test]
fn a_loop_without_end_is_504() {
    check("for (;;);", &SHORT, 504, &["`time`", "300ms"]);
    check("for (;;) await null;", &SHORT, 504, &["`time`", "300ms"]);
    check(
        "const f = () => queueMicrotask(f); f(); await new Promise(() => {})",
        &SHORT,
        504,
        &["`time`"],
    );
    check(
        "await new Promise(done => setTimeout(done, 1e6))",
        &SHORT,
        504,
        &["`time`", "300ms"],
    );
    check(
        "const f = () => setTimeout(f, 0); f(); await new Promise(() => {})",
        &SHORT,
        504,
        &["`time`"],
    );
    check(
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        &SHORT,
        504,
        &["`time`", "300ms"],
    );
    check(
        "try { for (;;); } catch {} finally { for (;;); }",
        &SHORT,
        504,
        &["`time`", "300ms"],
    );
}

#[test]
fn more_memory_than_there_is_is_500() {
    let buffers = "const all = []; for (;;) all.push(new Uint8Array(1 << 20))";
    check(buffers, &LONG, 500, &["`memory`", "128MiB"]);
    let flags = [&LONG[..], &["--worker-memory", "16MiB"]].concat();
    check(buffers, &flags, 500, &["`memory`", "16MiB"]);
    check(
        "const all = []; for (;;) all.push({ a: {} })",
        &flags,
        500,
        &["`memory`", "16MiB"],
    );
    check(
        "return new Response('x'.repeat(20 << 20))",
        &flags,
        500,
        &["`memory`", "16MiB"],
    );
}

#[test]
fn memory_that_is_not_there_can_be_caught() {
    let body = "const all = []; try { for (;;) all.push(new Uint8Array(1 << 20)) } catch (e) {\n\
        all.length = 0; return new Response(e.constructor.name) }";
    worker(body).both_ways(|app| {
        for _ in 0..2 {
            assert_eq!(app.get("/w").assert_status(200).text(), "InternalError");
        }
    });
}

#[test]
fn recursion_without_end_can_be_caught() {
    #[track_caller]
    fn check_caught(recursion: &str) {
        let body = format!(
            "try {{ {recursion} }} catch (e) {{ return new Response(e.constructor.name) }}"
        );
        worker(&body).both_ways(|app| {
            for _ in 0..2 {
                let answer = app.get("/w");
                assert_eq!(answer.text(), "RangeError", "{recursion}: {}", app.log());
            }
        });
    }
    check_caught("const f = n => 1 + f(n + 1); f(0)");
    check_caught("function f(a, b, c) { let d = [a, b, c]; return [f(...d)] } f(1, 2, 3)");
    check_caught("const f = async n => { await f(n + 1) }; await f(0)");
    check_caught("class A { get a() { return this.a } } new A().a");
    check_caught("const a = { toString() { return `${a}` } }; `${a}`");
    check_caught("const f = () => [1].map(f); f()");
    check_caught("const f = () => [2, 1].sort(f); f()");
    check_caught("const f = () => 'a'.replace(/a/, f); f()");
    check_caught("const f = new Proxy(() => {}, { apply: () => f() }); f()");
}

#[test]
fn recursion_without_end_that_nobody_catches_is_500() {
    let failed = ["RangeError", "stack"];
    check("const f = () => f() + 1; f()", &[], 500, &failed);
    check(
        "const f = async () => { await f() }; await f()",
        &[],
        500,
        &failed,
    );
}

#[test]
fn what_is_nested_deeply_fails_in_words() {
    let list = "let a = []; for (let n = 0; n < 1e5; n++) a = [a];";
    check(
        &format!("{list} JSON.stringify(a)"),
        &[],
        500,
        &["RangeError"],
    );
    check(
        &format!("{list} structuredClone(a)"),
        &[],
        500,
        &["RangeError"],
    );
    check(&format!("{list} String(a)"), &[], 500, &["RangeError"]);
    check(
        &format!("{list} a.flat(Infinity)"),
        &[],
        500,
        &["RangeError"],
    );
    check("JSON.parse('['.repeat(1e6))", &[], 500, &["it threw"]);
    check("new RegExp('('.repeat(1e5))", &[], 500, &["it threw"]);
    let proxies = "let p = {}; for (let n = 0; n < 1e5; n++) p = new Proxy(p, {}); p.x";
    check(proxies, &[], 500, &["RangeError"]);
}

#[test]
fn a_promise_that_nothing_can_settle_is_500_at_once() {
    check(
        "await new Promise(() => {})",
        &LONG,
        500,
        &["never answer", "promise"],
    );
    check(
        "await new Promise(done => setTimeout(() => {}, 5))",
        &LONG,
        500,
        &["never answer"],
    );
    let listener = "addEventListener('fetch', e => e.respondWith(new Promise(() => {})))";
    check_site(
        project(&[("w.js", listener)]),
        &LONG,
        500,
        &["never answer"],
    );
}

#[test]
fn a_body_of_an_answer_above_its_limit_is_502() {
    let flags = ["--worker-response-body", "1KiB"];
    check(
        "return new Response('x'.repeat(1025))",
        &flags,
        502,
        &["`response_body`", "1KiB"],
    );
    check(
        "return new Response(new Uint8Array(20 << 20))",
        &[],
        502,
        &["`response_body`", "16MiB"],
    );
    let app = worker("return new Response('x'.repeat(1024))")
        .bundle()
        .start(&flags);
    assert_eq!(app.get("/w").assert_status(200).body.len(), 1024);
}

#[test]
fn a_body_of_a_request_above_its_limit_is_413() {
    let site = worker("return new Response(String((await request.arrayBuffer()).byteLength))");
    let app = site.bundle().start(&["--worker-request-body", "1KiB"]);
    let post = |length| app.request("POST", "/w", &[], &vec![b'x'; length]);
    for _ in 0..2 {
        assert_eq!(post(1024).assert_status(200).text(), "1024");
        assert_discreet(post(1025).assert_status(413));
    }
    let line = app.log_line("worker_failed");
    for part in ["worker=w.js status=413", "`request_body`", "1KiB"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[test]
fn code_from_strings_fails_or_runs_but_never_ends_the_app() {
    let app = worker("return new Response(String(new Function('return 6 * 7')()))")
        .bundle()
        .start(&[]);
    assert!(matches!(app.get("/w").status, 200 | 500));
    app.get("/w");
    assert!(!app.log().contains("panicked"), "{}", app.log());
}
