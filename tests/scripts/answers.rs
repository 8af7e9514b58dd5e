//! What becomes of the response of a script.

use serde_json::json;

use super::{handler, json_of, worker};
use crate::support::TestSite;

#[test]
fn any_status_of_an_answer_is_sent() {
    let site = worker(
        "return new Response(null, { status: Number(new URL(request.url).search.slice(1)) })",
    );
    site.both_ways(|app| {
        let mut connection = app.connect();
        for status in [
            200, 201, 202, 203, 204, 205, 206, 299, 300, 304, 400, 404, 418, 451, 500, 503, 599,
        ] {
            let answer = connection.request("GET", &format!("/w?{status}"), &[], b"");
            assert_eq!(answer.assert_status(status).body, b"");
        }
        assert!(!app.log().contains("worker_failed"), "{}", app.log());
        // RangeError.
        for status in [100, 199, 600, 0] {
            app.get(&format!("/w?{status}")).assert_status(500);
        }
    });
}

#[test]
fn fields_are_sent_as_often_as_they_were_given() {
    let body = "const headers = new Headers({ 'X-A': '1', 'content-type': 'text/x' });\n\
        headers.append('x-a', '2'); headers.append('set-cookie', 'a=1; Path=/');\n\
        headers.append('Set-Cookie', 'b=2'); headers.append('set-cookie', 'b=2');\n\
        const response = new Response('a', { headers }); response.headers.set('x-late', 'yes');\n\
        response.headers.set('x-bytes', 'ä'); return response;";
    worker(body).both_ways(|app| {
        let answer = app.get("/w");
        let cookies: Vec<&str> = answer.assert_status(200).all("set-cookie").collect();
        assert_eq!(cookies, ["a=1; Path=/", "b=2", "b=2"]);
        assert_eq!(answer.all("x-a").collect::<Vec<_>>().join(", "), "1, 2");
        assert_eq!(answer.field("content-type"), Some("text/x"));
        assert_eq!(answer.field("x-late"), Some("yes"));

        let mut connection = app.connect();
        let head = b"GET /w HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        connection.send(head).unwrap();
        let bytes = connection.read_to_end().unwrap();
        // A character is a byte, as fetch has it.
        let want = b"x-bytes: \xe4\r\n";
        assert!(bytes.windows(want.len()).any(|part| part == want));
    });
}

#[test]
fn fields_of_the_connection_are_the_servers() {
    let body = "return new Response('12345', { headers: { 'content-length': '3', connection: 'close',\n\
        'transfer-encoding': 'chunked', 'keep-alive': 'x', upgrade: 'h2c', 'x-a': '1' } })";
    worker(body).both_ways(|app| {
        let mut connection = app.connect();
        for _ in 0..2 {
            let answer = connection.request("GET", "/w", &[], b"");
            assert_eq!(answer.assert_status(200).text(), "12345");
            assert_eq!(answer.field("content-length"), Some("5"));
            assert_eq!(answer.field("x-a"), Some("1"));
            for name in ["connection", "transfer-encoding", "keep-alive", "upgrade"] {
                assert_eq!(answer.field(name), None);
            }
        }
    });
}

#[test]
fn a_body_of_any_kind_is_sent_with_its_type() {
    const ALL: &str = "const all = Uint8Array.from({ length: 256 }, (_, n) => n);";
    let all: Vec<u8> = (0..=255).collect();
    #[track_caller]
    fn check(expression: &str, media_type: Option<&str>, want: &[u8]) {
        let site = worker(&format!("{ALL} return new Response({expression})"));
        site.both_ways(|app| {
            let answer = app.get("/w");
            assert_eq!(answer.assert_status(200).body, want, "{expression}");
            let length = want.len().to_string();
            assert_eq!(
                answer.field("content-length"),
                Some(length.as_str()),
                "{expression}"
            );
            assert_eq!(answer.field("content-type"), media_type, "{expression}");
        });
    }
    let text = Some("text/plain;charset=UTF-8");
    check(
        "'grö\u{1f600}\\0\\ud800'",
        text,
        "grö\u{1f600}\0\u{fffd}".as_bytes(),
    );
    check("''", text, b"");
    check("7", text, b"7");
    check("all", None, &all);
    check("all.buffer", None, &all);
    check("all.subarray(3, 6)", None, &[3, 4, 5]);
    check("new DataView(all.buffer, 250)", None, &all[250..]);
    check("new Uint16Array([1, 258])", None, &[1, 0, 2, 1]);
    check(
        "new Blob([all, 'x'], { type: 'image/png' })",
        Some("image/png"),
        &[&all[..], b"x"].concat(),
    );
    check(
        "new URLSearchParams({ a: 'ä b', c: '&' })",
        Some("application/x-www-form-urlencoded;charset=UTF-8"),
        b"a=%C3%A4+b&c=%26",
    );
    check("null", None, b"");
}

#[test]
fn json_and_redirects_have_their_fields() {
    let site = TestSite::new()
        .file("json.js", handler("return Response.json({ a: ['ä', null] }, { status: 201, headers: { 'x-a': '1' } })"))
        .file("here.js", handler("return Response.redirect('https://example.org/a b?ä')"))
        .file("there.js", handler("return Response.redirect(new URL('/x', request.url), 308)"));
    site.both_ways(|app| {
        let answer = app.get("/json");
        assert_eq!(answer.assert_status(201).text(), r#"{"a":["ä",null]}"#);
        assert_eq!(answer.field("content-type"), Some("application/json"));
        assert_eq!(answer.field("x-a"), Some("1"));
        let answer = app.get("/here");
        let location = answer.assert_status(302).field("location");
        assert_eq!(location, Some("https://example.org/a%20b?%C3%A4"));
        let answer = app.get("/there");
        assert_eq!(
            answer.assert_status(308).field("location"),
            Some("http://localhost/x")
        );
    });
}

#[test]
fn a_form_is_sent_as_it_is_read() {
    let site = TestSite::new()
        .file(
            "w.js",
            handler("const form = new FormData(); form.append('a', 'ä\\r\\nb');\n\
                form.append('f', new File([new Uint8Array([0, 255])], 'x\\\".bin')); return new Response(form)"),
        )
        .file(
            "back.js",
            handler("const form = await request.formData(); const file = form.get('f');\n\
                return Response.json([form.get('a'), file.name, [...await file.bytes()]])"),
        );
    site.both_ways(|app| {
        let answer = app.get("/w");
        let media_type = answer.assert_status(200).field("content-type").unwrap();
        assert!(
            media_type.starts_with("multipart/form-data; boundary="),
            "{media_type}"
        );
        let back = app.request(
            "POST",
            "/back",
            &[("content-type", media_type)],
            &answer.body,
        );
        assert_eq!(json_of(&back), json!(["ä\r\nb", "x\".bin", [0, 255]]));
    });
}

#[test]
fn what_a_script_does_after_its_answer_comes_after_it() {
    // Nobody waits a minute for this answer.
    let body = "ctx.waitUntil(new Promise(done => setTimeout(done, 1e6)));\n\
        ctx.waitUntil(new Promise(done => setTimeout(done, 20)).then(() => console.log('afterwards')));\n\
        return new Response('answer')";
    let listener = "addEventListener('fetch', event => { event.waitUntil(later());\n\
        event.respondWith(new Response('answer')) });\n\
        async function later() { await new Promise(done => setTimeout(done, 20)); console.log('later') }";
    let site = worker(body).file("event.js", listener);
    site.both_ways(|app| {
        assert_eq!(app.get("/w").assert_status(200).text(), "answer");
        app.log_line("worker_log route=/w line=afterwards");
        assert_eq!(app.get("/event").assert_status(200).text(), "answer");
        app.log_line("worker_log route=/event line=later");
    });
}

#[test]
fn what_comes_after_the_answer_is_within_the_limits() {
    let wait =
        "ctx.waitUntil(new Promise(done => setTimeout(done, 1e6))); return new Response('a')";
    let spin = "ctx.waitUntil((async () => { await null; for (;;); })()); return new Response('a')";
    let never = "ctx.waitUntil(new Promise(() => {})); return new Response('a')";
    let throws = "ctx.waitUntil(Promise.reject(new Error('oops'))); return new Response('a')";
    #[track_caller]
    fn check(body: &str, logged: &[&str]) {
        let site = worker(body).file("fine.js", handler("return new Response('fine')"));
        let flags = ["--worker-time", "300ms", "--worker-concurrency", "1"];
        let app = site.bundle().start(&flags);
        assert_eq!(app.get("/w").assert_status(200).text(), "a");
        for part in logged {
            let line = app.log_line(part);
            assert!(
                line.starts_with("worker_log route=/w level=error "),
                "{line}"
            );
        }
        assert_eq!(app.get("/fine").text(), "fine");
        assert_eq!(app.get("/w").text(), "a");
    }
    check(
        wait,
        &["after its answer took longer than its limit `time` of 300ms"],
    );
    check(
        never,
        &["a promise given to waitUntil that is never settled"],
    );
    check(throws, &["waitUntil: Error: oops", "w.js:1:"]);
    check(
        spin,
        &["after its answer took longer than its limit `time` of 300ms"],
    );
}
