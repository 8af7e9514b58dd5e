//! Methods, and the fields of an answer.

use std::collections::BTreeSet;

use super::{CODINGS, noise, site, text};
use crate::support::{Answer, OF_ONE_ANSWER, RunningApp, TestSite};

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let site = site()
        .file("docs/index.html", "docs")
        .file("large.txt", text(5 << 20));
    let check = |app: &RunningApp, path: &str, fields: &[(&str, &str)]| {
        let mut connection = app.connect();
        let get = connection.request("GET", path, fields, b"");
        let head = connection.request("HEAD", path, fields, b"");
        let again = connection.request("GET", path, fields, b"");
        let comparable = |answer: &Answer| {
            let of_all = |name: &str| !OF_ONE_ANSWER.contains(&name);
            let fields = answer.fields.iter().filter(|(name, _)| of_all(name));
            (answer.status, fields.cloned().collect::<BTreeSet<_>>())
        };
        assert_eq!(comparable(&head), comparable(&get), "{path} {fields:?}");
        assert!(head.field("content-length").is_some() && head.field("date").is_some());
        assert!(again.body == get.body);
    };
    site.both_ways(|app| {
        for coding in CODINGS {
            check(app, "/text.txt", &[("accept-encoding", coding)]);
            check(app, "/large.txt", &[("accept-encoding", coding)]);
        }
        check(app, "/noise.bin", &[]);
        check(app, "/docs", &[]);
        check(app, "/nothing", &[]);
        check(app, "/%2e%2e", &[]);
        check(app, "/text.txt", &[("accept-encoding", "*;q=0")]);
        check(app, "/text.txt", &[("if-match", "\"x\"")]);
    });
}

#[test]
fn head_knows_no_ranges() {
    let app = site().bundle().start(&[]);
    for range in ["bytes=0-9", "bytes=0-9,500-509", "bytes=90000-"] {
        let answer = app.request("HEAD", "/text.txt", &[("range", range)], b"");
        answer.assert_status(200);
        assert_eq!(answer.field("content-length"), Some("20000"));
        assert_eq!(answer.field("content-range"), None);
    }
}

#[test]
fn methods_that_assets_do_not_have_are_refused() {
    let check = |app: &RunningApp, method: &str, path: &str, status: u16| {
        let answer = app.request(method, path, &[], b"");
        answer.assert_status(status);
        let allow = answer.field("allow");
        assert_eq!(
            allow,
            (status != 404).then_some("GET, HEAD, OPTIONS"),
            "{method} {path}"
        );
        assert!(status != 204 || answer.field("content-length").is_none());
    };
    site().both_ways(|app| {
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            check(app, method, "/", 405);
            check(app, method, "/text.txt", 405);
            check(app, method, "/nothing", 404);
        }
        for method in ["BREW", "PROPFIND", "get", "GETX"] {
            check(app, method, "/", 501);
        }
        check(app, "OPTIONS", "/", 204);
        check(app, "OPTIONS", "/text.txt", 204);
        check(app, "OPTIONS", "*", 204);
        check(app, "OPTIONS", "/nothing", 404);
        app.request("POST", "/", &[], &[b'x'; 100_000])
            .assert_status(405);
    });
}

#[test]
fn a_file_has_the_type_of_its_name_and_says_so_firmly() {
    let site = TestSite::with_index()
        .file("latin1.html", b"<h1>Caf\xe9</h1>")
        .file("style.css", "a {}")
        .file("app.mjs", "1")
        .file("data.json", "{}")
        .file("logo.SVG", "<svg/>")
        .file("site.webmanifest", "{}")
        .file("plugin.wasm", b"\0asm\x01\0\0\0")
        .file("photo.jpg", noise(100))
        .file("LICENSE", "free");
    let check = |app: &RunningApp, path: &str, want: &str| {
        let answer = app.get(path);
        assert_eq!(
            answer.assert_status(200).field("content-type"),
            Some(want),
            "{path}"
        );
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
        assert!(
            answer
                .field("date")
                .is_some_and(|date| date.ends_with(" GMT"))
        );
    };
    site.both_ways(|app| {
        check(app, "/", "text/html; charset=utf-8");
        check(app, "/latin1", "text/html");
        check(app, "/style.css", "text/css; charset=utf-8");
        check(app, "/app.mjs", "text/javascript; charset=utf-8");
        check(app, "/data.json", "application/json; charset=utf-8");
        check(app, "/logo.SVG", "image/svg+xml; charset=utf-8");
        check(
            app,
            "/site.webmanifest",
            "application/manifest+json; charset=utf-8",
        );
        check(app, "/plugin.wasm", "application/wasm");
        check(app, "/photo.jpg", "image/jpeg");
        check(app, "/LICENSE", "application/octet-stream");
    });
}

#[test]
fn names_with_a_content_hash_are_kept_and_others_asked_for() {
    const ASK: &str = "public, max-age=0, must-revalidate";
    const KEEP: &str = "public, max-age=31536000, immutable";
    let table = [
        ("/", "index.html", "no-cache"),
        ("/page.3f9c2b1a", "page.3f9c2b1a.html", "no-cache"),
        ("/data.json", "data.json", "no-cache"),
        ("/style.css", "style.css", ASK),
        ("/report-20240115.pdf", "report-20240115.pdf", ASK),
        ("/app.3f9c2b1a.js", "app.3f9c2b1a.js", KEEP),
        ("/a/style-84e720fa.css", "a/style-84e720fa.css", KEEP),
        (
            "/assets/index-BkX3q9Qz.js",
            "assets/index-BkX3q9Qz.js",
            KEEP,
        ),
    ];
    let site = table
        .iter()
        .fold(TestSite::new(), |site, (_, name, _)| site.file(name, name));
    site.both_ways(|app| {
        for (path, name, want) in table {
            let answer = app.get(path);
            assert_eq!(answer.assert_status(200).text(), name);
            assert_eq!(answer.field("cache-control"), Some(want), "{path}");
            let partly = app.get_with(path, &[("range", "bytes=0-0")]);
            assert_eq!(
                partly.assert_status(206).field("cache-control"),
                Some(want),
                "{path}"
            );
        }
    });
}

#[test]
fn an_empty_file_is_an_answer_too() {
    let check = |app: &RunningApp, fields: &[(&str, &str)], status: u16, length: Option<&str>| {
        let answer = app.get_with("/empty.txt", fields);
        assert_eq!(answer.assert_status(status).text(), "");
        assert_eq!(answer.field("content-length"), length, "{fields:?}");
        assert!(answer.field("etag").is_some());
    };
    TestSite::with_index()
        .file("empty.txt", "")
        .both_ways(|app| {
            check(app, &[], 200, Some("0"));
            check(
                app,
                &[("accept-encoding", "zstd, br, gzip")],
                200,
                Some("0"),
            );
            check(app, &[("range", "bytes=-5")], 200, Some("0"));
            check(app, &[("range", "bytes=0-0")], 416, Some("0"));
            check(app, &[("if-none-match", "*")], 304, None);
            app.request("HEAD", "/empty.txt", &[], b"")
                .assert_status(200);
        });
}

/// A plain GET is answered on a short way of its own; with a field that says nothing to an asset it
/// goes the general way. Nobody can tell them apart.
#[test]
fn the_short_way_answers_like_the_general_one() {
    let app = TestSite::with_index()
        .file("404.html", "<h1>Not here</h1>")
        .file("docs/index.html", "docs ".repeat(1000))
        .file("app.3f9c2b1a.js", "let a = 1;\n".repeat(5000))
        .file("empty.txt", "")
        .bundle()
        .start(&[]);
    let sorted = |answer: &Answer| {
        let mut fields = answer.fields.clone();
        fields.retain(|(name, _)| !OF_ONE_ANSWER.contains(&name.as_str()));
        fields.sort();
        fields
    };
    for path in [
        "/",
        "/docs/",
        "/docs/?q=1",
        "/app.3f9c2b1a.js",
        "/empty.txt",
        "/docs",
        "/nothing",
    ] {
        for accept in [
            "identity",
            "gzip, br, zstd",
            "gzip;q=0.5",
            "*;q=0",
            "br, zstd;q=0",
        ] {
            let short = app.get_with(path, &[("accept-encoding", accept)]);
            let general = app.get_with(path, &[("accept-encoding", accept), ("te", "trailers")]);
            assert_eq!(short.status, general.status, "{path} {accept}");
            assert_eq!(sorted(&short), sorted(&general), "{path} {accept}");
            assert_eq!(short.body, general.body, "{path} {accept}");
            assert!(short.field("date").is_some() && general.field("date").is_some());
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order_on_both_ways() {
    let app = TestSite::with_index()
        .file("a.txt", "a")
        .file("b.txt", "b")
        .bundle()
        .start(&[]);
    let mut connection = app.connect();
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nhost: a\r\n{more}\r\n");
    let requests = [
        get("/a.txt", ""),
        get("/b.txt", ""),
        get("/a.txt", "range: bytes=0-0\r\n"),
        get("/b.txt", ""),
        get("/a.txt", ""),
    ];
    connection.send(requests.concat().as_bytes()).unwrap();
    let bodies = [(); 5].map(|()| connection.answer("GET").unwrap().text());
    assert_eq!(bodies, ["a", "b", "a", "b", "a"]);
}
