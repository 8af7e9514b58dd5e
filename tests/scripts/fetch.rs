//! Calls to other servers: the other server is an app too.

use serde_json::json;

use super::streams::peak_bytes;
use super::{handler, json_of, project};
use crate::support::{RunningApp, TestSite, assert_discreet};

/// What other servers answer with.
const UPSTREAM: &str = "const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/away') return Response.redirect(new URL('/echo', request.url), 302);
    if (pathname === '/loop') return Response.redirect(request.url, 302);
    if (pathname === '/gzip') {
      const body = new Blob(['x'.repeat(10000)]).stream().pipeThrough(new CompressionStream('gzip'));
      return new Response(body, { headers: { 'content-encoding': 'gzip' } });
    }
    if (pathname === '/first') return new Response(new ReadableStream({ async start(controller) {
      controller.enqueue(new TextEncoder().encode('first'));
      await new Promise((done) => setTimeout(done, 1e6)); } }));
    if (pathname === '/long') {
      let left = Number(searchParams.get('pieces'));
      return new Response(new ReadableStream({ pull(controller) {
        if (left-- === 0) controller.close(); else controller.enqueue(new Uint8Array(65536)); } }));
    }
    return Response.json({ method: request.method, body: await request.text(),
      headers: Object.fromEntries(request.headers) })";

/// The other server.
fn upstream() -> RunningApp {
    let site = TestSite::new().file("[...path].js", handler(UPSTREAM));
    site.bundle().start(&["--worker-time", "10m"])
}

/// A script that may call it, at `env.UPSTREAM`; `more` is for its TOML file.
fn caller(upstream: &RunningApp, body: &str, more: &str) -> TestSite {
    let port = upstream.port();
    let toml = format!(
        "[vars]\nUPSTREAM = \"http://127.0.0.1:{port}\"\n\
         [features.http_requests]\nallowed_hosts = [\"127.0.0.1:{port}\"]\nallow_http = true\n{more}"
    );
    project(&[("w.js", &handler(body)), ("w.toml", &toml)])
}

const PRIVATE: &str = "allow_private = true\n";

#[test]
fn a_request_and_its_answer_pass_through() {
    let upstream = upstream();
    let body =
        "const url = new URL('/echo', env.UPSTREAM); return fetch(new Request(url, request))";
    caller(&upstream, body, PRIVATE).both_ways(|app| {
        let fields = [("x-mine", "1"), ("connection", "keep-alive")];
        let echo = json_of(&app.request("POST", "/w", &fields, b"\xc3\xa4b"));
        assert_eq!(echo["method"], "POST");
        assert_eq!(echo["body"], "äb");
        assert_eq!(echo["headers"]["x-mine"], "1");
        let host = format!("127.0.0.1:{}", upstream.port());
        assert_eq!(echo["headers"]["host"], json!(host));
    });
}

#[test]
fn each_mode_of_redirects_does_what_it_says() {
    let upstream = upstream();
    let body = "const [to, loop] = ['/away', '/loop'].map((path) => env.UPSTREAM + path);
        const followed = await fetch(to); const manual = await fetch(to, { redirect: 'manual' });
        const failed = await Promise.allSettled([fetch(to, { redirect: 'error' }), fetch(loop)]);
        return Response.json([followed.redirected, new URL(followed.url).pathname, manual.status,
          new URL(manual.headers.get('location')).pathname,
          ...failed.map(({ reason }) => [reason.name, reason.cause.code])])";
    let app = caller(&upstream, body, PRIVATE).bundle().start(&[]);
    let refused = json!(["TypeError", "redirect"]);
    let want = json!([true, "/echo", 302, "/echo", refused, refused]);
    assert_eq!(json_of(&app.get("/w")), want);
}

#[test]
fn a_coded_answer_is_decoded_or_handed_on_as_it_is() {
    let upstream = upstream();
    let body = "const answer = await fetch(env.UPSTREAM + '/gzip');
        return new Response((await answer.text()).length + String(answer.headers.get('content-encoding')))";
    let proxy = "return fetch(env.UPSTREAM + '/gzip', request)";
    let site = caller(&upstream, body, PRIVATE);
    let toml = std::fs::read(site.path().join("w.toml")).unwrap();
    let site = site.file("p.js", handler(proxy)).file("p.toml", toml);
    let app = site.bundle().start(&[]);
    assert_eq!(app.get("/w").text(), "10000null");
    let coded = app.get_with("/p", &[("accept-encoding", "gzip")]);
    assert_eq!(coded.field("content-encoding"), Some("gzip"));
    assert!(
        coded.body.len() < 1000 && coded.body.starts_with(&[31, 139]),
        "{coded:?}"
    );
    let plain = app.get("/p");
    assert_eq!(plain.field("content-encoding"), None);
    assert_eq!(plain.body.len(), 10000);
}

#[test]
fn the_first_piece_of_an_answer_arrives_before_the_second_is_made() {
    let upstream = upstream();
    let app = caller(&upstream, "return fetch(env.UPSTREAM + '/first')", PRIVATE)
        .bundle()
        .start(&["--worker-time", "10m"]);
    let mut connection = app.connect();
    connection
        .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    connection.head().unwrap().assert_status(200);
    assert_eq!(connection.chunk().unwrap(), b"first");
}

#[test]
fn a_long_answer_is_never_in_memory_whole() {
    let upstream = upstream();
    let limits = "allow_private = true\n[limits]\noutbound_response = \"100MiB\"\n";
    let body = "return fetch(env.UPSTREAM + '/long?pieces=800')";
    let app = caller(&upstream, body, limits)
        .bundle()
        .start(&["--worker-time", "10m"]);
    assert_eq!(app.get("/w").assert_status(200).body.len(), 800 * 65536);
    let before = peak_bytes(&app);
    assert_eq!(app.get("/w").body.len(), 800 * 65536);
    let grown = peak_bytes(&app) - before;
    assert!(grown < 8 << 20, "{grown} more bytes");
}

#[test]
fn an_answer_above_its_limit_breaks_off_with_words() {
    let upstream = upstream();
    let limits = "allow_private = true\n[limits]\noutbound_response = \"1MiB\"\n";
    let body = "const answer = await fetch(env.UPSTREAM + '/long?pieces=100');
        const error = await answer.arrayBuffer().catch((error) => error);
        return Response.json([error.name, error.cause.code, error.message])";
    let app = caller(&upstream, body, limits).bundle().start(&[]);
    let answer = json_of(&app.get("/w"));
    assert_eq!(
        (&answer[0], &answer[1]),
        (&json!("TypeError"), &json!("too-large"))
    );
    assert!(
        answer[2].as_str().unwrap().contains("outbound_response"),
        "{answer}"
    );
}

#[test]
fn a_refused_call_names_the_rule_to_change() {
    let upstream = upstream();
    #[track_caller]
    fn check(site: &TestSite, to: &str, want: &str) {
        let app = site.bundle().start(&[]);
        let answer = json_of(&app.get(&format!("/w?{to}")));
        assert_eq!(
            (&answer[0], &answer[1]),
            (&json!("TypeError"), &json!("refused")),
            "{answer}"
        );
        assert!(answer[2].as_str().unwrap().contains(want), "{answer}");
    }
    let body = "const to = new URL(request.url).search.slice(1) || env.UPSTREAM;
        const error = await fetch(to).catch((error) => error);
        return Response.json([error.name, error.cause.code, error.message])";
    check(&caller(&upstream, body, ""), "", "allow_private");
    check(
        &caller(&upstream, body, PRIVATE),
        "http://127.0.0.2/",
        "allowed_hosts",
    );
    check(
        &project(&[("w.js", &handler(body))]),
        "http://127.0.0.1/",
        "allowed_hosts",
    );
    let posts = "allow_private = true\nallowed_methods = [\"POST\"]\n";
    check(&caller(&upstream, body, posts), "", "allowed_methods");
}

#[test]
fn a_call_that_nobody_catches_is_500_and_says_why_in_the_log() {
    let site = project(&[("w.js", &handler("return fetch('https://example.org/')"))]);
    let app = site.bundle().start(&[]);
    assert_discreet(app.get("/w").assert_status(500));
    assert!(app.log_line("worker_failed").contains("allowed_hosts"));
}

#[test]
fn a_body_is_sent_as_it_is_made() {
    let upstream = upstream();
    let body = "const words = ['one ', 'two ', 'three'];
        const stream = new ReadableStream({ async pull(controller) {
          await new Promise((done) => setTimeout(done, 1));
          if (words.length === 0) controller.close();
          else controller.enqueue(new TextEncoder().encode(words.shift())); } });
        return fetch(env.UPSTREAM + '/echo', { method: 'PUT', body: stream, duplex: 'half' })";
    let app = caller(&upstream, body, PRIVATE).bundle().start(&[]);
    let echo = json_of(&app.get("/w"));
    assert_eq!(
        (&echo["method"], &echo["body"]),
        (&json!("PUT"), &json!("one two three"))
    );
}

#[test]
fn a_call_takes_no_longer_than_its_signal_allows() {
    let upstream = upstream();
    let body =
        "const answer = await fetch(env.UPSTREAM + '/first', { signal: AbortSignal.timeout(50) });
        const error = await answer.text().catch((error) => error); return new Response(error.name)";
    let app = caller(&upstream, body, PRIVATE).bundle().start(&[]);
    assert_eq!(app.get("/w").text(), "TimeoutError");
}
