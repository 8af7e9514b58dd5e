//! Paths, heads and fields that are wrong or too large.

use super::{answers_until_closed, assert_alive, raw, site, start};
use crate::support::RunningApp;

/// Stands in files that no answer may hold.
const SECRET: &str = "SECRET";

/// Segments that mean the folder above, to somebody.
const UPWARDS: &str = r"
    .. ../.. %2e%2e %2E%2E %2e. .%2e ..%2f.. ..%2F %2e%2e%2f %2e%2e%2fx
    ..%5c ..%5C.. ..\ %5c.. ..\..\ ..%00 %00 ..%252f %252e%252e %252e%252e%252f ..%255c
    %c0%ae%c0%ae %c0%ae. %e0%80%ae%e0%80%ae ..%c0%af ..%c1%9c %uff0e%uff0e %ff%fe
    ..; ..;x . %2e .... .../ % %2 %zz
";

const SURROUNDINGS: [(&str, &str); 4] = [
    ("/", "/etc/passwd"),
    ("/docs/", "/.env"),
    ("/docs/", "/index.html"),
    ("/", ""),
];

const TARGETS: &str = r"
    /.env /%2eenv //.env /./.env /docs/.htpasswd /docs/%2ehtpasswd /about%00 /about%0a /about\
    //etc/passwd ///etc/passwd /%2fetc/passwd /etc/passwd /C:\boot.ini /proc/self/environ
    /file:///etc/passwd file:///etc/passwd ../etc/passwd etc/passwd * /index.html%00.txt
    http://a/../etc/passwd http://a/%2e%2e/.env http://a/etc/passwd http://a/..%2fetc/passwd
    /..?/../etc/passwd
";

#[test]
fn no_path_leads_out_of_the_bundle() {
    #[track_caller]
    fn check(app: &RunningApp, target: &[u8]) {
        let answer = raw(
            app,
            &[b"GET ", target, b" HTTP/1.1\r\nhost: a\r\n\r\n"].concat(),
        );
        let target = String::from_utf8_lossy(target);
        assert!(matches!(answer.status, 400 | 404), "{target}: {answer:?}");
        let text = answer.text();
        assert!(
            !text.contains("root:") && !text.contains(SECRET),
            "{target}: {text}"
        );
    }
    let site = site().file(".env", SECRET).file("docs/.htpasswd", SECRET);
    site.both_ways(|app| {
        for up in UPWARDS.split_whitespace() {
            for (before, after) in SURROUNDINGS {
                check(app, format!("{before}{up}{after}").as_bytes());
            }
            check(
                app,
                format!("/{}etc/passwd", format!("{up}/").repeat(12)).as_bytes(),
            );
        }
        for target in TARGETS.split_whitespace() {
            check(app, target.as_bytes());
        }
        for target in [
            &b"/\0"[..],
            b"/a\0b",
            b"/\xc0\xae\xc0\xae/.env",
            b"/\xff",
            b"/..\xc0\xafetc/passwd",
        ] {
            check(app, target);
        }
        assert_alive(app);
    });
}

#[test]
fn an_absolute_target_is_read_like_its_path() {
    let app = start(&[]);
    let check = |target: &str, status: u16| {
        let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n");
        raw(&app, request.as_bytes()).assert_status(status);
    };
    check("http://localhost/docs/", 200);
    check("http://elsewhere.example/about?q", 200);
    check("http://localhost", 200);
    check("https://localhost/nothing", 404);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    #[track_caller]
    fn check(app: &RunningApp, target: &str, fields: &str, want: &[u16]) {
        let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
        let answer = raw(app, request.as_bytes());
        assert!(
            want.contains(&answer.status),
            "{}, wanted {want:?}",
            answer.status
        );
        assert_alive(app);
    }
    let app = start(&[]);
    let value = |bytes: usize| format!("x: {}\r\n", "v".repeat(bytes));
    let path = |bytes: usize| format!("/{}", "p".repeat(bytes));
    let query = |bytes: usize| format!("/?{}", "q".repeat(bytes));
    check(&app, "/", &value(16_000), &[200]);
    check(&app, "/", &"x: y\r\n".repeat(90), &[200]);
    check(&app, &query(8_000), "", &[200]);
    check(&app, &path(8_000), "", &[404]);
    check(&app, &path(8_192), "", &[414]);
    check(&app, &query(16_000), "", &[414]);
    check(&app, "/", &value(40_000), &[431]);
    check(&app, "/", &value(1_000_000), &[431]);
    check(&app, "/", &value(1000).repeat(60), &[431]);
    check(&app, "/", &"x: y\r\n".repeat(1000), &[431]);
    check(&app, &path(40_000), "", &[414]);
    check(&app, &path(1_000_000), "", &[414]);
    check(&app, &query(70_000), "", &[414]);
    check(&app, &format!("/{}", "a/".repeat(30_000)), "", &[414]);
}

#[test]
fn what_is_no_request_gets_400_and_the_connection_is_closed() {
    #[track_caller]
    fn check(app: &RunningApp, bytes: &[u8]) {
        let mut connection = app.connect();
        let _ = connection.send(bytes);
        let text = String::from_utf8_lossy(bytes);
        let answers = answers_until_closed(&mut connection);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{text:?}");
        assert_alive(app);
    }
    let app = start(&[]);
    check(&app, b"hello\r\n\r\n");
    check(&app, b"GET\r\n\r\n");
    check(&app, b"GET /\r\n\r\n");
    check(&app, b"GET / HTTP/1.1 x\r\nhost: a\r\n\r\n");
    check(&app, b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n");
    check(&app, b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n");
    check(&app, b"GET / http/1.1\r\nhost: a\r\n\r\n");
    check(&app, b"G\xffT / HTTP/1.1\r\nhost: a\r\n\r\n");
    check(
        &app,
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
    );
    check(
        &app,
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 a TLS client hello in the clear",
    );
    check(&app, b"GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n");
    check(&app, b"GET / HTTP/1.1\r\nhost : a\r\n\r\n");
    check(
        &app,
        b"GET / HTTP/1.1\r\nhost: a\r\nx: a\r\n folded\r\n\r\n",
    );
    check(&app, b"GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n");
    check(&app, b"GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n");
    check(&app, b"GET / HTTP/1.1\r\nhost: a\r\n: x\r\n\r\n");
}

/// hyper refuses some targets too, without a word, a line in the log, or an id.
#[test]
fn what_stands_in_no_uri_is_refused_like_all_that_is_refused() {
    let app = site()
        .worker("hello", "hello")
        .bundle()
        .start(&["--log-format", "json"]);
    let targets: [&[u8]; 7] = [
        b"/zzz\"<>",
        b"/hello`",
        b"/hello?a=\"b\"",
        b"/zzz\xe9",
        b"/?\xc3",
        b"http://a%20b/x",
        b"http://a/<",
    ];
    for method in ["GET", "POST"] {
        for target in targets {
            let request = [
                method.as_bytes(),
                b" ",
                target,
                b" HTTP/1.1\r\nhost: a\r\n\r\n",
            ];
            let answer = raw(&app, &request.concat());
            answer.assert_status(400);
            let text = answer.text();
            assert!(text.contains("<h1>400 Bad Request</h1>"), "{text}");
            assert_eq!(answer.field("connection"), Some("close"));
            let line = app.log_line(answer.field("x-request-id").unwrap());
            assert!(line.contains("\"REFUSED\""), "{line}");
        }
    }
    assert_alive(&app);
}

/// Browsers encode less than RFC 3986 asks for, and other clients less than browsers.
#[test]
fn what_clients_leave_as_it_is_in_targets_is_served() {
    let app = start(&[]);
    let query = "a=b|c^d&e[]={f}&'g'=\\h`i`&\u{e4}=\u{20ac}\u{1f980}";
    for fields in [&[][..], &[("te", "trailers")]] {
        app.get_with(&format!("/about?{query}"), fields)
            .assert_status(200);
        app.get_with("/about|^[]{}'\"\u{e4}", fields)
            .assert_status(404);
    }
    app.get("/about?a=\"b\"&c=<d>").assert_status(200);
}

#[test]
fn another_version_of_http_gets_505() {
    let app = start(&[]);
    for version in ["0.9", "1.2", "2.0", "3.0", "9.9"] {
        let mut connection = app.connect();
        let request = format!("GET / HTTP/{version}\r\nhost: a\r\n\r\n");
        connection.send(request.as_bytes()).unwrap();
        let answers = answers_until_closed(&mut connection);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [505], "{version}");
    }
}

#[test]
fn http_1_1_needs_one_host() {
    let app = start(&[]);
    let check = |head: &str, status: u16| {
        raw(&app, format!("{head}\r\n\r\n").as_bytes()).assert_status(status);
    };
    check("GET / HTTP/1.1", 400);
    check("GET / HTTP/1.1\r\nhost: a\r\nhost: a", 400);
    check("GET / HTTP/1.1\r\nhost: a\r\nHost: b", 400);
    check("GET http://a/ HTTP/1.1", 400);
    check("OPTIONS * HTTP/1.1", 400);
    check("GET / HTTP/1.1\r\nhost:", 400);
    check("GET / HTTP/1.1\r\nHOST: a", 200);
    check("GET / HTTP/1.0", 200);
    check("GET /docs/ HTTP/1.0\r\nhost: a", 200);
}

#[test]
fn http_1_0_closes_after_its_answer_unless_asked_not_to() {
    let app = start(&[]);
    let mut connection = app.connect();
    for last in ["connection: keep-alive\r\n", ""] {
        connection
            .send(format!("GET / HTTP/1.0\r\n{last}\r\n").as_bytes())
            .unwrap();
        connection.answer("GET").unwrap().assert_status(200);
    }
    assert!(connection.read_to_end().unwrap().is_empty());
}

const CONDITIONS: &str = "range accept-encoding if-none-match if-modified-since \
    if-unmodified-since if-range accept cookie connection";

const GARBAGE: [&[u8]; 8] = [
    b"\x80\xff\xfe",
    b"\"",
    b"",
    b",,;;=,,",
    b"W/ bytes",
    b"\xf0\x9f\xa6\x80",
    b"-1",
    b"br;q=nan",
];

#[test]
fn fields_that_make_no_sense_are_as_if_they_were_not_there() {
    #[track_caller]
    fn check(app: &RunningApp, fields: &[&[u8]]) {
        let request = [
            b"GET /about HTTP/1.1\r\nhost: a\r\n",
            &fields.concat()[..],
            b"\r\n",
        ];
        let answer = raw(app, &request.concat());
        answer.assert_status(200);
        assert_eq!(
            answer.text(),
            "about",
            "{}",
            String::from_utf8_lossy(&fields.concat())
        );
    }
    let app = start(&[]);
    for garbage in GARBAGE {
        for name in CONDITIONS.split_whitespace() {
            check(&app, &[name.as_bytes(), b": ", garbage, b"\r\n"]);
        }
    }
    let many = b"gzip;q=0.5,".repeat(1000);
    check(&app, &[b"accept-encoding: ", &many, b"\r\n"]);
    check(
        &app,
        &[b"if-none-match: ", &b"\"x\",".repeat(3000), b"\r\n"],
    );
    check(&app, &[b"range: bytes=", &b"0-,".repeat(4000), b"\r\n"]);
    check(
        &app,
        &[b"if-modified-since: Thu, 99 Foo 2099 99:99:99 GMT\r\n"],
    );
    check(
        &app,
        &[b"upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAA\r\n"],
    );
    check(
        &app,
        &[b"x-forwarded-host: evil\r\nx-original-url: /.env\r\nx-rewrite-url: /.env\r\n"],
    );
    // A condition that nothing can fulfil does not hold.
    let answer = raw(
        &app,
        b"GET /about HTTP/1.1\r\nhost: a\r\nif-match: garbage\r\n\r\n",
    );
    answer.assert_status(412);
}
