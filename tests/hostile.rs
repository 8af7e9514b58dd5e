//! Clients that are broken, malicious or slow: each gets its answer, and nobody else notices.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Answer, Connection, PATIENCE, RunningApp, TestSite};

/// Stands in files that no answer may hold.
const SECRET: &str = "SECRET";

fn site() -> TestSite {
    TestSite::with_index()
        .file("docs/index.html", "docs")
        .file("about.html", "about")
}

fn start(arguments: &[&str]) -> RunningApp {
    site().bundle().start(arguments)
}

/// A file that fits into no buffer of the kernel, and is decoded as it is sent.
const LARGE_BYTES: usize = 24 << 20;

fn large_site() -> TestSite {
    site().file("large.txt", "A line.\n".repeat(LARGE_BYTES / 8))
}

#[track_caller]
fn assert_alive(app: &RunningApp) {
    assert_eq!(app.get("/").assert_status(200).text(), "<h1>Home</h1>");
}

/// A connection whose bytes are read as they come.
fn connect(app: &RunningApp) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", app.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether an error says that the server has closed the connection, and not that we waited.
fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// Waits until the server closes the connection; gives the answers that came before.
#[track_caller]
fn answers_until_closed(connection: &mut Connection) -> Vec<Answer> {
    let mut answers = Vec::new();
    loop {
        match connection.answer("GET") {
            Ok(answer) => answers.push(answer),
            Err(error) if is_closed(&error) => return answers,
            Err(error) => panic!("not closed: {error}, after {answers:?}"),
        }
    }
}

/// The answer to bytes that are sent as they are, on a connection of their own.
#[track_caller]
fn raw(app: &RunningApp, bytes: &[u8]) -> Answer {
    let mut connection = app.connect();
    // The server may have refused, and closed, before it has read all of it.
    let _ = connection.send(bytes);
    let begin = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    connection
        .answer("GET")
        .unwrap_or_else(|error| panic!("{begin:?}: {error}"))
}

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
    check(&app, &query(16_000), "", &[200]);
    check(&app, &path(16_000), "", &[404]);
    check(&app, "/", &value(40_000), &[431]);
    check(&app, "/", &value(1_000_000), &[431]);
    check(&app, "/", &value(1000).repeat(60), &[431]);
    check(&app, "/", &"x: y\r\n".repeat(1000), &[431]);
    check(&app, &path(40_000), "", &[414, 431]);
    check(&app, &path(1_000_000), "", &[414, 431]);
    check(&app, &query(70_000), "", &[414, 431]);
    check(&app, &format!("/{}", "a/".repeat(30_000)), "", &[414, 431]);
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
    check(&app, b"GET / HTTP/9.9\r\nhost: a\r\n\r\n");
    check(&app, b"GET / HTTP/2.0\r\nhost: a\r\n\r\n");
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
    check("GET / HTTP/1.1\r\nhost:", 200);
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
    assert!(connection.to_end().unwrap().is_empty());
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
    let many = b"gzip;q=0.5,".repeat(2000);
    check(&app, &[b"accept-encoding: ", &many, b"\r\n"]);
    check(
        &app,
        &[b"if-none-match: ", &b"\"x\",".repeat(5000), b"\r\n"],
    );
    check(&app, &[b"range: bytes=", &b"0-,".repeat(5000), b"\r\n"]);
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

#[test]
fn requests_sent_at_once_are_answered_in_their_order() {
    let app = site()
        .file("large.txt", "A line.\n".repeat(1 << 16))
        .bundle()
        .start(&[]);
    let table = [
        ("GET", "/about", 200, "about"),
        ("GET", "/nothing/..", 400, ""),
        ("HEAD", "/about", 200, ""),
        ("GET", "/docs/", 200, "docs"),
        ("POST", "/about", 405, ""),
        ("OPTIONS", "*", 204, ""),
        ("GET", "/docs", 307, ""),
        ("GET", "/large.txt", 200, ""),
        ("GET", "/", 200, "<h1>Home</h1>"),
    ];
    let mut connection = app.connect();
    let mut requests = String::new();
    for (method, path, ..) in table.repeat(30) {
        requests += &format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    connection.send(requests.as_bytes()).unwrap();
    for (method, path, status, body) in table.repeat(30) {
        let answer = connection.answer(method).unwrap();
        answer.assert_status(status);
        assert!(
            body.is_empty() || answer.text() == body,
            "{method} {path}: {answer:?}"
        );
    }
    assert_alive(&app);
}

/// Each of these is read as one request by some servers and as two by others. Ours answers the
/// first at most, and never what was hidden behind it.
#[test]
fn no_request_can_be_smuggled_in_another() {
    #[track_caller]
    fn check(app: &RunningApp, head: &str, body: &str, want: u16) {
        let mut connection = app.connect();
        let smuggled = "GET /docs/ HTTP/1.1\r\nhost: a\r\n\r\n";
        let request = format!("{head}\r\nhost: a\r\n\r\n{body}{smuggled}");
        let _ = connection.send(request.as_bytes());
        let answers = answers_until_closed(&mut connection);
        assert_eq!(answers.len(), 1, "{head}: {answers:?}");
        answers[0].assert_status(want);
        assert_alive(app);
    }
    let app = start(&[]);
    for (method, plain) in [("GET", 200), ("POST", 405)] {
        let check = |fields: &str, body: &str, want: u16| {
            check(
                &app,
                &format!("{method} / HTTP/1.1\r\n{fields}"),
                body,
                want,
            );
        };
        // Both: hyper reads the chunks, and closes after its answer.
        check(
            "content-length: 5\r\ntransfer-encoding: chunked",
            "0\r\n\r\n",
            plain,
        );
        check(
            "transfer-encoding: chunked\r\ncontent-length: 50",
            "0\r\n\r\n",
            plain,
        );
        check("content-length: 5\r\ncontent-length: 6", "12345", 400);
        check("content-length: 5, 6", "12345", 400);
        check("content-length: +5", "12345", 400);
        check("content-length: -5", "12345", 400);
        check("content-length: 0x5", "12345", 400);
        check("content-length: 5 5", "12345", 400);
        check("content-length:", "12345", 400);
        check("content-length: 99999999999999999999999", "12345", 400);
        check("transfer-encoding: gzip", "12345", 400);
        check("transfer-encoding: chunked, identity", "0\r\n\r\n", 400);
        check("transfer-encoding: xchunked", "0\r\n\r\n", 400);
        check("transfer-encoding:\u{b}chunked", "0\r\n\r\n", 400);
        check("transfer-encoding : chunked", "0\r\n\r\n", 400);
        // An answer is given before the body is read, and the connection closed after that.
        check("transfer-encoding: chunked", "zz\r\n\r\n", plain);
        check("transfer-encoding: chunked", "-1\r\n\r\n", plain);
        check(
            "transfer-encoding: chunked",
            "fffffffffffffffff\r\n\r\n",
            plain,
        );
        check(
            "transfer-encoding: chunked",
            "5\r\n123456\r\n0\r\n\r\n",
            plain,
        );
        check("transfer-encoding: chunked", "0x0\r\n\r\n", plain);
    }
    check(
        &app,
        "GET / HTTP/1.0\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
        400,
    );
}

#[test]
fn a_body_that_an_asset_has_no_use_for_ends_the_connection_and_is_not_read_as_a_request() {
    let app = start(&[]);
    let smuggled = "GET /docs/ HTTP/1.1\r\nhost: a\r\n\r\n";
    for (method, status) in [("POST", 405), ("GET", 200)] {
        let length = smuggled.len();
        let mut connection = app.connect();
        let request =
            format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{smuggled}");
        connection.send(request.as_bytes()).unwrap();
        let answer = connection.answer(method).unwrap();
        answer.assert_status(status);
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(connection.answer(method).is_err(), "the body was answered");
    }
    // One that is announced and does not come keeps nobody.
    app.request("POST", "/", &[("content-length", "1000000000000")], b"")
        .assert_status(405);
    let expect = [("expect", "100-continue"), ("content-length", "5")];
    app.request("POST", "/", &expect, b"").assert_status(405);
    assert_alive(&app);
}

/// The time between two bytes of a slow client.
const PACE: Duration = Duration::from_millis(50);

/// Sends a head byte by byte until the server closes the connection; `others` do what they want
/// in between. More bytes than these come in no time that a test gives.
#[track_caller]
fn is_cut_off(connection: &mut Connection, head: &str, others: impl Fn()) {
    for byte in head
        .bytes()
        .chain(b"x-long: ".iter().copied())
        .chain([b'a'; 100])
    {
        if connection.send(&[byte]).is_err() {
            return;
        }
        others();
        std::thread::sleep(PACE);
    }
    panic!("the server still waits for the rest");
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off_and_others_are_served() {
    let app = start(&["--header-timeout", "300ms"]);
    let begin = Instant::now();
    let mut slow = app.connect();
    is_cut_off(&mut slow, "GET / HTTP/1.1\r\nhost: a\r\n", || {
        assert_alive(&app)
    });
    assert!(begin.elapsed() >= Duration::from_millis(300));
    // The second head on a connection has no more time than the first.
    let mut slow = app.connect();
    slow.request("GET", "/", &[], b"").assert_status(200);
    is_cut_off(&mut slow, "GET / HTTP/1.1\r\nhost: a\r\n", || {
        assert_alive(&app)
    });
}

#[test]
fn a_head_that_begins_like_that_of_http_2_has_no_more_time() {
    let app = start(&["--header-timeout", "300ms"]);
    let mut slow = app.connect();
    slow.send(b"PRINT / HTTP/1.1\r\nhost: a\r\n").unwrap();
    is_cut_off(&mut slow, "", || assert_alive(&app));
}

#[test]
fn half_a_preface_of_http_2_has_no_more_time() {
    let app = start(&["--header-timeout", "300ms"]);
    let mut silent = app.connect();
    silent.send(&PREFACE[..20]).unwrap();
    assert!(answers_until_closed(&mut silent).is_empty());
    assert_alive(&app);
}

#[test]
fn a_client_that_says_nothing_is_given_the_time_of_a_head() {
    let app = start(&["--header-timeout", "300ms"]);
    let begin = Instant::now();
    let mut silent = app.connect();
    assert!(answers_until_closed(&mut silent).is_empty());
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_alive(&app);
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let app = start(&["--idle-timeout", "300ms"]);
    let mut connection = app.connect();
    let begin = Instant::now();
    for _ in 0..3 {
        connection.request("GET", "/", &[], b"").assert_status(200);
        std::thread::sleep(PACE);
    }
    assert!(answers_until_closed(&mut connection).is_empty());
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_alive(&app);
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let app = large_site().bundle().start(&["--body-timeout", "300ms"]);
    for coding in ["identity", "zstd"] {
        let mut connection = app.connect();
        let request =
            format!("GET /large.txt HTTP/1.1\r\nhost: a\r\naccept-encoding: {coding}\r\n\r\n");
        connection.send(request.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let answer = connection.answer("GET");
        // What is small enough for the kernel to hold has been sent.
        assert!(coding == "zstd" || answer.is_err_and(|error| is_closed(&error)));
        assert_alive(&app);
    }
}

#[test]
fn clients_that_do_not_read_keep_nobody_from_a_large_file() {
    let app = large_site().bundle().start(&["--body-timeout", "10m"]);
    let mut slow: Vec<TcpStream> = Vec::new();
    for client in 0..40 {
        let mut stream = connect(&app);
        stream
            .write_all(b"GET /large.txt HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let begun = stream.read_exact(&mut [0; 12]);
        assert!(
            begun.is_ok(),
            "{client} others that do not read keep all the rest waiting"
        );
        slow.push(stream);
    }
    let answer = app.get("/large.txt");
    assert_eq!(answer.assert_status(200).body.len(), LARGE_BYTES);
}

/// A connection without blocking: `None` if nothing has come.
fn first_bytes(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = [0; 1024];
    match stream.read(&mut bytes) {
        Ok(count) => Some(bytes[..count].to_vec()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_connection_too_many_waits_until_one_goes() {
    let app = start(&["--max-connections", "2"]);
    let (mut first, mut second) = (app.connect(), app.connect());
    first.request("GET", "/", &[], b"").assert_status(200);
    second.request("GET", "/", &[], b"").assert_status(200);
    let mut third = connect(&app);
    third
        .write_all(b"GET /about HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    for _ in 0..20 {
        first.request("GET", "/", &[], b"").assert_status(200);
        second.request("GET", "/", &[], b"").assert_status(200);
    }
    third.set_nonblocking(true).unwrap();
    assert_eq!(first_bytes(&mut third), None);
    drop(first);
    third.set_nonblocking(false).unwrap();
    assert!(
        first_bytes(&mut third)
            .unwrap()
            .starts_with(b"HTTP/1.1 200 OK")
    );
    second.request("GET", "/", &[], b"").assert_status(200);
}

fn resident_bytes(app: &RunningApp) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn an_idle_connection_takes_at_most_16_kib() {
    const CONNECTIONS: u64 = 2000;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .unwrap();
    let app = start(&[]);
    assert_alive(&app);
    let before = resident_bytes(&app);
    let connections: Vec<Connection> = (0..CONNECTIONS)
        .map(|_| {
            let mut connection = app.connect();
            connection
                .request("GET", "/about", &[], b"")
                .assert_status(200);
            connection
        })
        .collect();
    let each = resident_bytes(&app).saturating_sub(before) / CONNECTIONS;
    assert!(each <= 16 << 10, "{each} bytes each");
    assert_alive(&app);
    for mut connection in connections {
        connection
            .request("GET", "/docs/", &[], b"")
            .assert_status(200);
    }
}

#[test]
fn connections_that_go_away_halfway_leave_nothing_behind() {
    let app = large_site().bundle().start(&[]);
    assert_alive(&app);
    let open_files = || {
        fs::read_dir(format!("/proc/{}/fd", app.pid()))
            .unwrap()
            .count()
    };
    let before = open_files();
    for round in 0..200 {
        let mut connection = app.connect();
        let request: &[u8] = match round % 4 {
            0 => b"",
            1 => b"GET / HT",
            2 => b"GET /large.txt HTTP/1.1\r\nhost: a\r\n\r\n",
            _ => b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc",
        };
        connection.send(request).unwrap();
    }
    let end = Instant::now() + PATIENCE;
    while open_files() > before {
        assert!(
            Instant::now() < end,
            "{} files are open, {before} before",
            open_files()
        );
        assert_alive(&app);
    }
}

/// A frame of HTTP/2: type, flags, and what it carries.
type Frame = (u8, u8, Vec<u8>);

fn read_frame(stream: &mut TcpStream) -> io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], head[4], payload))
}

const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn http2(app: &RunningApp) -> TcpStream {
    let mut stream = connect(app);
    stream.write_all(PREFACE).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap().0, SETTINGS);
    stream
}

#[test]
fn http_2_is_spoken_to_those_who_know_before() {
    let app = start(&["--header-timeout", "300ms", "--idle-timeout", "600ms"]);
    let mut stream = http2(&app);
    // GET http://a/about: three fields of HPACK's static table, two literals.
    let fields = b"\x82\x86\x41\x01a\x44\x06/about";
    let length = u8::try_from(fields.len()).unwrap();
    for id in [1, 3] {
        stream
            .write_all(&[0, 0, length, 1, 0x5, 0, 0, 0, id])
            .unwrap();
        stream.write_all(fields).unwrap();
        let data = std::iter::from_fn(|| Some(read_frame(&mut stream).unwrap()));
        assert_eq!(
            data.into_iter().find(|frame| frame.0 == DATA).unwrap().2,
            b"about"
        );
        // Longer than a head may take: this connection is only idle.
        std::thread::sleep(Duration::from_millis(400));
    }
    // And closed after the time for that.
    while read_frame(&mut stream).is_ok() {}
    assert_alive(&app);
}

#[test]
fn broken_http_2_ends_its_connection_only() {
    let app = start(&[]);
    let check = |bytes: &[u8]| {
        let mut stream = http2(&app);
        stream.write_all(bytes).unwrap();
        let error = loop {
            if let Err(error) = read_frame(&mut stream) {
                break error;
            }
        };
        assert!(is_closed(&error), "{error}");
        assert_alive(&app);
    };
    check(b"\xff\xff\xff\0\0\0\0\0\0");
    check(b"\0\0\x04\x01\x05\0\0\0\x01\xff\xff\xff\xff");
    check(b"\0\0\0\0\0\0\0\0\0");
    check(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
}
