//! What a script reads of a request.

use serde_json::{Value, json};

use super::{handler, json_of, project, worker};
use crate::support::{RunningApp, TestSite, request_http2};

/// Answers with all that it can tell of a request.
const ECHO: &str = "return Response.json({ method: request.method, url: request.url,\n\
    headers: [...request.headers], params: request.params, of_context: ctx.params,\n\
    has_body: request.body !== null, body: [...new Uint8Array(await request.arrayBuffer())] });";

#[test]
fn the_method_is_the_clients() {
    worker(ECHO).both_ways(|app| {
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "x-own",
        ] {
            let body = if method == "GET" { "" } else { "ab" };
            let got = json_of(&app.request(method, "/w", &[], body.as_bytes()));
            assert_eq!(got["method"], method);
            assert_eq!(got["body"], json!(body.as_bytes()));
            assert_eq!(got["has_body"], !body.is_empty());
        }
    });
}

#[test]
fn the_url_is_absolute_with_the_host_that_the_client_named() {
    worker(ECHO)
        .file("files/[...rest].js", handler(ECHO))
        .both_ways(|app| {
            #[track_caller]
            fn check(app: &RunningApp, target: &str, host: &str, want: &str) {
                let got = json_of(&app.get_with(target, &[("host", host)]));
                assert_eq!(got["url"], want, "{target} of {host}");
            }
            check(app, "/w", "localhost", "http://localhost/w");
            check(
                app,
                "/w?a=1&a=2&%C3%A4",
                "example.org:81",
                "http://example.org:81/w?a=1&a=2&%C3%A4",
            );
            check(app, "/w?", "[::1]:81", "http://[::1]:81/w?");
            check(
                app,
                "http://other.example/w?x",
                "localhost",
                "http://other.example/w?x",
            );
            check(
                app,
                "/files/a%20b//c?/..;",
                "a",
                "http://a/files/a%20b//c?/..;",
            );
        });
}

#[test]
fn the_host_is_a_field_over_http_2_too() {
    let body = "return new Response(`${request.headers.get('host')} ${request.url}`)";
    let app = worker(body)
        .bundle()
        .start(&["--trusted-proxy", "127.0.0.1"]);
    let text = |fields: &[(&str, &str)]| {
        let answer = request_http2(&app, "GET", "/w?a", fields);
        String::from_utf8(answer.body).unwrap()
    };
    let host = format!("localhost:{}", app.port());
    assert_eq!(text(&[]), format!("{host} http://{host}/w?a"));
    assert_eq!(
        text(&[("host", &host)]),
        format!("{host} http://{host}/w?a")
    );
    let behind = [("x-forwarded-host", "shop.example")];
    assert_eq!(text(&behind), "shop.example http://shop.example/w?a");
}

#[test]
fn a_url_is_written_as_url_writes_it() {
    #[track_caller]
    fn check(app: &RunningApp, target: &str, host: &str) {
        let answer = app.get_with(target, &[("host", host)]);
        let text = answer.assert_status(200).text();
        let (url, written) = text.split_once(' ').unwrap();
        assert_eq!(url, written, "{target} of {host}");
    }
    let body = "return new Response(`${request.url} ${new URL(request.url).href}`)";
    let app = worker(body)
        .file("a/[...b].js", handler(body))
        .bundle()
        .start(&[]);
    for target in [
        "/w",
        "/w?",
        "/w?a=%zz",
        "/%77",
        "/a//b;c=d?e",
        "/a/b~!$()*,:@",
        "/w?q={}|^`",
    ] {
        check(&app, target, "localhost:8080");
    }
    check(&app, "/w", "example.org:80");
    check(&app, "/w", "EXAMPLE.org");
    check(&app, "/w?q='", "localhost");
    check(&app, "http://EXAMPLE.org:80/w", "localhost");
}

#[test]
fn header_fields_come_as_they_were_sent() {
    let body = "const h = request.headers;\n\
        return Response.json({ a: h.get('X-A'), b: h.get('x_b-c'), empty: h.get('x-empty'),\n\
          none: h.get('x-none'), has: h.has('X-EMPTY'), cookie: h.get('cookie'),\n\
          bytes: [...h.get('x-bytes')].map(c => c.charCodeAt(0)), names: [...h.keys()] });";
    worker(body).both_ways(|app| {
        let fields = [
            ("X-A", "1"),
            ("cookie", "a=1"),
            ("x_b-c", " once "),
            ("x-a", "2, 3"),
            ("x-empty", ""),
            ("cookie", "b=2"),
            ("x-bytes", "ä"),
        ];
        let got = json_of(&app.get_with("/w", &fields));
        assert_eq!(got["a"], "1, 2, 3");
        assert_eq!(got["b"], "once");
        assert_eq!((&got["empty"], &got["has"]), (&json!(""), &json!(true)));
        assert_eq!(got["none"], Value::Null);
        // RFC 6265, 5.4: cookies are joined by a semicolon, if at all.
        assert!(
            matches!(got["cookie"].as_str(), Some("a=1; b=2" | "a=1, b=2")),
            "{got}"
        );
        // Each byte is a character, as fetch has it.
        assert_eq!(got["bytes"], json!([0xc3, 0xa4]));
        // What every worker is told beside what the client sent.
        let told = [
            "traceparent",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-request-id",
        ];
        let names = got["names"].as_array().unwrap();
        let (told_here, sent): (Vec<&Value>, Vec<&Value>) = names
            .iter()
            .partition(|name| told.iter().any(|told| name == told));
        assert_eq!(told_here, told);
        assert_eq!(
            sent,
            ["cookie", "host", "x-a", "x-bytes", "x-empty", "x_b-c"]
        );
    });
}

#[test]
fn parts_in_brackets_come_as_parameters() {
    let site = ["users/[id]", "users/[id]/posts/[post]", "files/[...rest]"]
        .iter()
        .fold(TestSite::new(), |site, name| {
            site.file(&format!("{name}.js"), handler(ECHO))
        });
    site.both_ways(|app| {
        #[track_caller]
        fn check(app: &RunningApp, path: &str, want: &Value) {
            let got = json_of(&app.get(path));
            assert_eq!((&got["params"], &got["of_context"]), (want, want), "{path}");
        }
        check(app, "/users/7?id=8", &json!({ "id": "7" }));
        check(app, "/users/%C3%A4%20%25", &json!({ "id": "ä %" }));
        check(app, "/users/__proto__", &json!({ "id": "__proto__" }));
        check(app, "/users/7/posts/x", &json!({ "id": "7", "post": "x" }));
        check(app, "/files", &json!({ "rest": "" }));
        check(
            app,
            "/files/a/b%20c/d.txt",
            &json!({ "rest": "a/b c/d.txt" }),
        );
    });
    let app = worker(ECHO).bundle().start(&[]);
    assert_eq!(json_of(&app.get("/w"))["params"], json!({}));
}

#[test]
fn a_binary_body_comes_whole() {
    let all: Vec<u8> = (0..=255).collect();
    let long: Vec<u8> = all.iter().copied().cycle().take(3_000_001).collect();
    let site = TestSite::new()
        .file(
            "buffer.js",
            handler("return new Response(await request.arrayBuffer())"),
        )
        .file(
            "bytes.js",
            handler("return new Response(await request.bytes())"),
        )
        .file(
            "blob.js",
            handler("return new Response(await request.blob())"),
        )
        .file("body.js", handler("return new Response(request.body)"))
        .file(
            "reader.js",
            handler(
                "const parts = []; for await (const part of request.body ?? []) parts.push(part);\n\
                     return new Response(new Blob(parts))",
            ),
        )
        .file(
            "clone.js",
            handler(
                "const copy = request.clone(); await request.text();\n\
                     return new Response(await copy.arrayBuffer())",
            ),
        );
    site.both_ways(|app| {
        for path in ["/buffer", "/bytes", "/blob", "/body", "/reader", "/clone"] {
            for body in [&all, &long] {
                let answer = app.request("POST", path, &[], body);
                assert!(
                    answer.assert_status(200).body == *body,
                    "{path}: {} bytes",
                    body.len()
                );
            }
            assert_eq!(app.request("POST", path, &[], b"").body, b"", "{path}");
        }
        let chunks = b"3\r\nab\0\r\n4;ext=1\r\n\xff\xfefg\r\n0\r\n\r\n";
        let chunked = [("transfer-encoding", "chunked")];
        let answer = app.request("POST", "/buffer", &chunked, chunks);
        assert_eq!(answer.body, b"ab\0\xff\xfefg");
    });
}

#[test]
fn text_and_json_are_read_as_utf8() {
    let site = TestSite::new()
        .file(
            "text.js",
            handler("return new Response(await request.text())"),
        )
        .file(
            "json.js",
            handler("return Response.json(await request.json())"),
        )
        .file(
            "bad.js",
            handler("try { await request.json() } catch (e) { return new Response(e.name) }"),
        );
    site.both_ways(|app| {
        let post = |path: &str, body: &[u8]| app.request("POST", path, &[], body).text();
        assert_eq!(
            post("/text", "größer \u{1f600}\0\r\n".as_bytes()),
            "größer \u{1f600}\0\r\n"
        );
        assert_eq!(post("/text", b"\xef\xbb\xbfa\xffb"), "a\u{fffd}b");
        assert_eq!(
            post("/json", r#"[1, {"ä": null}, "\ud83d\ude00"]"#.as_bytes()),
            "[1,{\"ä\":null},\"\u{1f600}\"]"
        );
        assert_eq!(post("/bad", b"{"), "SyntaxError");
        assert_eq!(post("/bad", b""), "SyntaxError");
    });
}

#[test]
fn forms_are_read_with_their_files() {
    let body = "const form = await request.formData(); const list = [];\n\
        for (const [name, value] of form) list.push(typeof value === 'string' ? [name, value]\n\
          : [name, value.name, value.type, [...new Uint8Array(await value.arrayBuffer())]]);\n\
        return Response.json(list);";
    worker(body).both_ways(|app| {
        let urlencoded = [("content-type", "application/x-www-form-urlencoded")];
        let answer = app.request("POST", "/w", &urlencoded, b"a=1&a=%C3%A4+b&c&=d");
        let want = json!([["a", "1"], ["a", "ä b"], ["c", ""], ["", "d"]]);
        assert_eq!(json_of(&answer), want);

        let mut form = b"--XY\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n\
            two\r\nlines\r\n--XY\r\nContent-Disposition: form-data; name=\"file\"; \
            filename=\"\xc3\xa4 b.bin\"\r\nContent-Type: image/png\r\n\r\n"
            .to_vec();
        let bytes: Vec<u8> = (0..=255).collect();
        form.extend(&bytes);
        form.extend(b"\r\n--XY--\r\n");
        let multipart = [("content-type", "multipart/form-data; boundary=XY")];
        let answer = app.request("POST", "/w", &multipart, &form);
        let want = json!([
            ["text", "two\r\nlines"],
            ["file", "ä b.bin", "image/png", bytes]
        ]);
        assert_eq!(json_of(&answer), want);
    });
}

#[test]
fn a_body_is_read_once() {
    let body = "const first = await request.text(); const used = request.bodyUsed; let second;\n\
        try { second = await request.text() } catch (e) { second = e.constructor.name }\n\
        return Response.json({ first, used, second });";
    let site = worker(body)
        .file(
            "uncaught.js",
            handler("await request.text(); await request.json()"),
        )
        .file("fine.js", handler("return new Response(request.bodyUsed)"));
    site.both_ways(|app| {
        let got = json_of(&app.request("POST", "/w", &[], b"body"));
        assert_eq!(
            got,
            json!({ "first": "body", "used": true, "second": "TypeError" })
        );
        app.request("POST", "/uncaught", &[], b"{}")
            .assert_status(500);
        assert!(
            app.log_line("worker_failed").contains("TypeError"),
            "{}",
            app.log()
        );
        assert_eq!(app.request("POST", "/fine", &[], b"x").text(), "false");
    });
}

#[test]
fn the_body_is_a_string_where_the_configuration_says_so() {
    let source = "addEventListener('fetch', event => event.respondWith(answer(event.request)));\n\
        const answer = request => new Response(`${typeof request.body} ${request.body}`)";
    let site = project(&[
        ("w.js", source),
        ("w.toml", "[worker]\nbody = \"text\"\n"),
        ("other.js", source),
        ("other.toml", "[worker]\nbody = \"stream\"\n"),
    ]);
    site.both_ways(|app| {
        let post = |path: &str, body: &[u8]| app.request("POST", path, &[], body).text();
        assert_eq!(post("/w", "grö\u{1f600}".as_bytes()), "string grö\u{1f600}");
        assert_eq!(post("/w", b"\xff"), "string \u{fffd}");
        assert_eq!(app.get("/w").text(), "string ");
        assert_eq!(post("/other", b"a"), "object [object ReadableStream]");
        assert_eq!(app.get("/other").text(), "object null");
    });
}

#[test]
fn head_is_answered_with_the_fields_of_get_and_no_body() {
    let site = worker("console.log(request.method); return new Response('12345')").file(
        "stream.js",
        handler(
            "return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(9)) },\n\
             cancel() { console.log('cancelled') } }), { headers: { 'x-a': '1' } })",
        ),
    );
    site.both_ways(|app| {
        let mut connection = app.connect();
        for _ in 0..2 {
            let head = connection.request("HEAD", "/w", &[], b"");
            assert_eq!(head.assert_status(200).field("content-length"), Some("5"));
            assert_eq!(head.field("content-type"), Some("text/plain;charset=UTF-8"));
        }
        app.log_line("line=HEAD");
        // What is endless is not made for nobody.
        let head = connection.request("HEAD", "/stream", &[], b"");
        assert_eq!(head.assert_status(200).field("x-a"), Some("1"));
        app.log_line("cancelled");
        let get = connection.request("GET", "/w", &[], b"");
        assert_eq!(get.assert_status(200).text(), "12345");
    });
}

/// RFC 9110, 8.6 and 9.3.2.
#[test]
fn the_length_of_an_answer_to_head_is_the_one_that_get_has_or_none() {
    let body = "const length = new URL(request.url).searchParams.get('l');\n\
        const headers = length === null ? {} : { 'content-length': length };\n\
        const status = Number(request.headers.get('x-status') ?? 200);\n\
        return new Response(request.headers.get('x-body'), { status, headers });";
    let app = worker(body).bundle().start(&[]);
    let check = |path: &str, fields: &[(&str, &str)], want: Option<&str>| {
        let mut connection = app.connect();
        for _ in 0..2 {
            let answer = connection.request("HEAD", path, fields, b"");
            assert_eq!(answer.field("content-length"), want, "{path} {fields:?}");
        }
        let answer = request_http2(&app, "HEAD", path, fields);
        let length = answer.fields.get("content-length");
        let length = length.map(|length| length.to_str().unwrap());
        assert_eq!(length, want, "HTTP/2: {path} {fields:?}");
        assert_eq!(answer.body, b"");
    };
    check("/w?l=1234", &[], Some("1234"));
    check("/w?l=0", &[], Some("0"));
    check("/w", &[], None);
    for none in ["-1", "x", "1,1", "18446744073709551616"] {
        check(&format!("/w?l={none}"), &[], None);
    }
    check("/w?l=1234", &[("x-status", "204")], None);
    check("/w?l=1234", &[("x-body", "12345")], Some("5"));
    check("/w", &[("x-body", "12345")], Some("5"));
    // To any other method it is what was sent.
    let answer = app.get_with("/w?l=1234", &[("te", "trailers")]);
    assert_eq!(answer.field("content-length"), Some("0"));
    assert_eq!(app.get("/w?l=1234").field("content-length"), Some("0"));
}
