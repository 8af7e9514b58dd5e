//! Static answers: codings, validators, ranges, methods, paths and their fields.

use std::collections::BTreeSet;
use std::io::Read;

use crate::support::{Answer, RunningApp, TestSite, wws};

/// Text that shrinks in every coding.
fn text(bytes: usize) -> Vec<u8> {
    let lines =
        (0_u64..).flat_map(|n| format!("Line {n} of a text that says little.\n").into_bytes());
    lines.take(bytes).collect()
}

/// Bytes that shrink in none.
fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise
}

/// A site with a text of 20,000 bytes, stored in every coding, and noise of as many, stored raw.
fn site() -> TestSite {
    TestSite::with_index()
        .file("text.txt", text(20_000))
        .file("noise.bin", noise(20_000))
}

const CODINGS: [&str; 4] = ["zstd", "br", "gzip", "identity"];

/// What stands in `content-encoding` when a coding was asked for.
fn named(coding: &str) -> Option<&str> {
    Some(coding).filter(|coding| *coding != "identity")
}

fn decoded(answer: &Answer, plain_length: usize) -> Vec<u8> {
    let body = &answer.body[..];
    match answer.field("content-encoding") {
        None => body.to_vec(),
        Some("zstd") => zstd::decode_all(body).unwrap(),
        Some("br") => {
            let mut plain = Vec::new();
            brotlic::DecompressorReader::new(body)
                .read_to_end(&mut plain)
                .unwrap();
            plain
        }
        Some("gzip") => {
            let mut plain = vec![0; plain_length];
            let length = libdeflater::Decompressor::new().gzip_decompress(body, &mut plain);
            assert_eq!(length.unwrap(), plain_length);
            plain
        }
        Some(coding) => panic!("nobody asked for {coding}"),
    }
}

#[track_caller]
fn etag(app: &RunningApp, path: &str, coding: &str) -> String {
    let answer = app.get_with(path, &[("accept-encoding", coding)]);
    answer.assert_status(200).field("etag").unwrap().to_owned()
}

#[test]
fn every_coding_comes_back_byte_for_byte() {
    #[track_caller]
    fn check(app: &RunningApp, path: &str, coding: &str, plain: &[u8], want: Option<&str>) {
        let answer = app.get_with(path, &[("accept-encoding", coding)]);
        answer.assert_status(200);
        assert_eq!(answer.field("content-encoding"), want, "{path}");
        assert_eq!(
            answer.field("content-length"),
            Some(&*answer.body.len().to_string())
        );
        assert!(decoded(&answer, plain.len()) == plain, "{path} in {coding}");
        assert!(want.is_none() || answer.body.len() < plain.len());
    }
    site().both_ways(|app| {
        for coding in CODINGS {
            check(app, "/text.txt", coding, &text(20_000), named(coding));
            check(app, "/noise.bin", coding, &noise(20_000), None);
        }
    });
}

#[test]
fn the_client_gets_the_coding_that_it_likes_best() {
    let app = site().bundle().start(&[]);
    let check = |accepted: &str, want: &[&str]| {
        let answer = app.get_with("/text.txt", &[("accept-encoding", accepted)]);
        let coding = answer
            .assert_status(200)
            .field("content-encoding")
            .unwrap_or("identity");
        assert!(want.contains(&coding), "{accepted:?} got {coding}");
        assert!(decoded(&answer, 20_000) == text(20_000));
    };
    check("gzip, br, zstd", &["zstd", "br", "gzip"]);
    check("gzip, deflate, br, zstd", &["zstd", "br", "gzip"]);
    check("*", &["zstd", "br", "gzip"]);
    check("gzip;q=1, zstd;q=0.1", &["gzip"]);
    check("zstd;q=0.8,br;q=0.9 , gzip;q=0.7", &["br"]);
    check("gzip;q=0, *", &["zstd", "br"]);
    check("zstd;q=0, br;q=0, *;q=0.001", &["gzip"]);
    check("GZip", &["gzip"]);
    check("x-gzip", &["gzip"]);
    check("gzip ; Q=0.5", &["gzip"]);
    check("identity;q=0, br", &["br"]);
    check("identity;q=0.9, gzip;q=0.5", &["identity"]);
    check("identity, gzip;q=0.5", &["identity"]);
    check("*;q=0, identity", &["identity"]);
    check("gzip;q=0", &["identity"]);
    check("deflate, compress, dcb, aes128gcm", &["identity"]);
    check("", &["identity"]);
    let answer = app.get("/text.txt");
    assert_eq!(answer.field("content-encoding"), None);
}

#[test]
fn a_client_that_accepts_nothing_gets_406() {
    let app = site().bundle().start(&[]);
    let check = |path: &str, accepted: &str| {
        let answer = app.get_with(path, &[("accept-encoding", accepted)]);
        answer.assert_status(406);
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"));
        assert_eq!(answer.field("etag"), None);
    };
    check("/text.txt", "*;q=0");
    check("/text.txt", "identity;q=0");
    check("/text.txt", "identity;q=0, deflate");
    check("/noise.bin", "identity;q=0, *;q=0");
}

#[test]
fn every_answer_of_a_negotiated_resource_varies() {
    let app = site().file("404.html", text(5000)).bundle().start(&[]);
    let check = |method: &str, path: &str, fields: &[(&str, &str)], status: u16| {
        for coding in CODINGS {
            let fields = [fields, &[("accept-encoding", coding)]].concat();
            let answer = app.request(method, path, &fields, b"");
            answer.assert_status(status);
            assert_eq!(answer.field("vary"), Some("Accept-Encoding"), "{answer:?}");
        }
    };
    check("GET", "/text.txt", &[], 200);
    check("HEAD", "/text.txt", &[], 200);
    check("GET", "/text.txt", &[("range", "bytes=0-9")], 206);
    check("GET", "/text.txt", &[("range", "bytes=0-9,500-509")], 206);
    check("GET", "/text.txt", &[("range", "bytes=90000-")], 416);
    check("GET", "/text.txt", &[("if-none-match", "*")], 304);
    check("GET", "/nothing", &[], 404);
    assert_eq!(app.get("/noise.bin").field("vary"), None);
    assert_eq!(app.get("/text.txt").field("vary"), Some("Accept-Encoding"));
}

#[test]
fn etags_are_strong_differ_per_coding_and_outlive_a_restart() {
    let bundled = site().bundle();
    let etags = |app: &RunningApp| CODINGS.map(|coding| etag(app, "/text.txt", coding));
    let first = etags(&bundled.start(&[]));
    assert!(
        first
            .iter()
            .all(|tag| tag.starts_with('"') && tag.ends_with('"')),
        "{first:?}"
    );
    assert_eq!(BTreeSet::from_iter(&first).len(), CODINGS.len());
    assert_eq!(etags(&bundled.start(&[])), first);
    let changed = site().file("text.txt", text(20_001)).bundle().start(&[]);
    assert!(etags(&changed).iter().all(|tag| !first.contains(tag)));
}

#[test]
fn if_none_match_saves_what_the_client_has() {
    let check = |app: &RunningApp, tags: &str, coding: &str, status: u16| {
        let fields = [("if-none-match", tags), ("accept-encoding", coding)];
        for method in ["GET", "HEAD"] {
            app.request(method, "/text.txt", &fields, b"")
                .assert_status(status);
        }
    };
    site().both_ways(|app| {
        let [zstd, .., plain] = CODINGS.map(|coding| etag(app, "/text.txt", coding));
        check(app, &plain, "identity", 304);
        check(app, &zstd, "zstd", 304);
        check(app, &zstd, "identity", 200);
        check(app, &format!("W/{plain}"), "identity", 304);
        check(app, &format!("\"a,b\", W/\"x\" ,{plain}"), "identity", 304);
        check(app, &format!("{plain}, {zstd}"), "zstd", 304);
        check(app, "*", "br", 304);
        check(app, "\"other\"", "identity", 200);
        check(app, plain.trim_matches('"'), "identity", 200);
        app.get_with("/nothing", &[("if-none-match", "*")])
            .assert_status(404);
        app.request("POST", "/text.txt", &[("if-none-match", "*")], b"")
            .assert_status(405);
    });
}

/// RFC 9110, 15.4.5.
#[test]
fn a_304_repeats_what_a_cache_needs_and_nothing_else() {
    let app = site().bundle().start(&[]);
    for coding in CODINGS {
        let fields = [("accept-encoding", coding)];
        let whole = app.get_with("/text.txt", &fields);
        let tag = whole.field("etag").unwrap();
        let mut connection = app.connect();
        let fields = [fields[0], ("if-none-match", tag)];
        let answer = connection.request("GET", "/text.txt", &fields, b"");
        answer.assert_status(304);
        for name in ["etag", "vary", "cache-control"] {
            assert_eq!(answer.field(name), whole.field(name), "{name}");
        }
        assert!(answer.field("date").is_some());
        for name in [
            "content-type",
            "content-length",
            "content-encoding",
            "transfer-encoding",
        ] {
            assert_eq!(answer.field(name), None, "{name}");
        }
        // Nothing lies between this answer and the next.
        connection.request("GET", "/", &[], b"").assert_status(200);
    }
}

/// RFC 9110, 8.6: it would have to be that of the 200.
#[test]
fn a_304_to_head_claims_no_other_length_than_the_200() {
    let app = site().bundle().start(&[]);
    let answer = app.request("HEAD", "/text.txt", &[("if-none-match", "*")], b"");
    answer.assert_status(304);
    let length = answer.field("content-length");
    assert!(length.is_none() || length == Some("20000"), "{answer:?}");
}

#[test]
fn if_match_refuses_other_content() {
    let app = site().bundle().start(&[]);
    let [zstd, .., plain] = CODINGS.map(|coding| etag(&app, "/text.txt", coding));
    let check = |fields: &[(&str, &str)], status: u16| {
        app.get_with("/text.txt", fields).assert_status(status);
    };
    check(&[("if-match", &plain)], 200);
    check(&[("if-match", "*")], 200);
    check(&[("if-match", &format!("\"x\", {plain}"))], 200);
    check(&[("if-match", &plain), ("range", "bytes=0-0")], 206);
    check(&[("if-match", &plain), ("if-none-match", &plain)], 304);
    check(&[("if-match", "\"x\"")], 412);
    check(&[("if-match", &format!("W/{plain}"))], 412);
    check(&[("if-match", &zstd)], 412);
    check(&[("if-match", "\"x\""), ("range", "bytes=0-0")], 412);
    check(&[("if-match", "\"x\""), ("if-none-match", &plain)], 412);
    app.get_with("/nothing", &[("if-match", "\"x\"")])
        .assert_status(404);
}

#[test]
fn if_range_gives_the_whole_where_the_content_is_another() {
    let app = site().bundle().start(&[]);
    let [zstd, .., plain] = CODINGS.map(|coding| etag(&app, "/text.txt", coding));
    let check = |validator: &str, coding: &str, status: u16| {
        let fields = [
            ("if-range", validator),
            ("range", "bytes=5-9"),
            ("accept-encoding", coding),
        ];
        app.get_with("/text.txt", &fields).assert_status(status);
    };
    check(&plain, "identity", 206);
    check(&zstd, "zstd", 206);
    check(&zstd, "identity", 200);
    check("\"x\"", "identity", 200);
    check(&format!("W/{plain}"), "identity", 200);
    check("Tue, 14 Nov 2023 22:13:20 GMT", "identity", 200);
}

#[test]
fn dates_count_when_the_bundle_was_given_one() {
    const THEN: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const AFTER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";
    let site = site();
    let bundled = site.bundle();
    let check = |fields: &[(&str, &str)], status: u16, last_modified: Option<&str>| {
        let app = bundled.start(&[]);
        let answer = app.get_with("/text.txt", fields);
        answer.assert_status(status);
        assert_eq!(answer.field("last-modified"), last_modified);
    };
    check(&[], 200, None);
    check(&[("if-modified-since", AFTER)], 200, None);
    check(&[("if-unmodified-since", BEFORE)], 200, None);

    let mut command = wws();
    command
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .arg("bundle")
        .arg(site.path());
    assert!(
        command
            .arg("-o")
            .arg(bundled.path())
            .output()
            .unwrap()
            .status
            .success()
    );
    check(&[], 200, Some(THEN));
    check(&[("if-modified-since", THEN)], 304, Some(THEN));
    check(&[("if-modified-since", AFTER)], 304, Some(THEN));
    check(
        &[("if-modified-since", "Tuesday, 14-Nov-23 22:13:20 GMT")],
        304,
        Some(THEN),
    );
    check(&[("if-modified-since", BEFORE)], 200, Some(THEN));
    check(&[("if-modified-since", "yesterday")], 200, Some(THEN));
    check(
        &[("if-modified-since", AFTER), ("if-none-match", "\"x\"")],
        200,
        Some(THEN),
    );
    check(&[("if-unmodified-since", THEN)], 200, Some(THEN));
    check(&[("if-unmodified-since", BEFORE)], 412, None);
    check(
        &[("if-unmodified-since", BEFORE), ("if-match", "*")],
        200,
        Some(THEN),
    );
    check(
        &[("if-range", THEN), ("range", "bytes=0-0")],
        206,
        Some(THEN),
    );
    check(
        &[("if-range", AFTER), ("range", "bytes=0-0")],
        200,
        Some(THEN),
    );
}

#[test]
fn one_range_gives_those_bytes() {
    let (text, noise) = (text(20_000), noise(20_000));
    let check = |app: &RunningApp, range: &str, start: usize, end: usize| {
        for (path, plain) in [("/text.txt", &text), ("/noise.bin", &noise)] {
            let answer = app.get_with(path, &[("range", range)]);
            answer.assert_status(206);
            let want = format!("bytes {start}-{}/20000", end - 1);
            assert_eq!(answer.field("content-range"), Some(&*want), "{range}");
            assert!(answer.body == plain[start..end], "{path} {range}");
            let whole = app.get(path);
            for name in [
                "etag",
                "content-type",
                "cache-control",
                "vary",
                "accept-ranges",
            ] {
                assert_eq!(answer.field(name), whole.field(name), "{name}");
            }
        }
    };
    site().both_ways(|app| {
        check(app, "bytes=0-0", 0, 1);
        check(app, "bytes=100-299", 100, 300);
        check(app, "bytes=19999-", 19_999, 20_000);
        check(app, "bytes=-1", 19_999, 20_000);
        check(app, "bytes=-500", 19_500, 20_000);
        check(app, "bytes=-99999", 0, 20_000);
        check(app, "bytes=0-", 0, 20_000);
        check(app, "bytes=100-99999999999999999999999", 100, 20_000);
        check(app, "Bytes=7-7", 7, 8);
        // Near or overlapping ranges become one, and those beyond the end are left out.
        check(app, "bytes=0-9,5-20", 0, 21);
        check(app, "bytes=50-60, 0-0", 0, 61);
        check(app, "bytes=5-9,30000-30001,-0", 5, 10);
    });
}

#[test]
fn a_range_that_is_none_is_ignored() {
    let app = site().bundle().start(&[]);
    let check = |range: &str| {
        let answer = app.get_with("/text.txt", &[("range", range)]);
        answer.assert_status(200);
        assert_eq!(answer.field("content-range"), None);
        assert_eq!(answer.field("accept-ranges"), Some("bytes"));
        assert!(answer.body == text(20_000), "{range}");
    };
    check("bytes");
    check("bytes=");
    check("bytes=-");
    check("bytes=9-5");
    check("bytes=a-b");
    check("bytes=0x1-2");
    check("bytes=1-2-3");
    check("bytes=,");
    check("lines=1-2");
    check("bytes 1-2");
    // More ranges than an honest client asks for.
    let many: Vec<String> = (0..40).map(|n| format!("{0}-{0}", n * 400)).collect();
    check(&format!("bytes={}", many.join(",")));
}

#[test]
fn bytes_that_are_not_there_get_416() {
    let site = site()
        .file("empty.txt", "")
        .file("app.3f9c2b1a.js", text(5000));
    let check = |app: &RunningApp, path: &str, range: &str, want: &str| {
        let answer = app.get_with(path, &[("range", range)]);
        answer.assert_status(416);
        assert_eq!(answer.field("content-range"), Some(want), "{range}");
        assert_eq!(answer.text(), "");
    };
    site.both_ways(|app| {
        check(app, "/text.txt", "bytes=20000-", "bytes */20000");
        check(
            app,
            "/text.txt",
            "bytes=99999999999999999999999-",
            "bytes */20000",
        );
        check(app, "/text.txt", "bytes=-0", "bytes */20000");
        check(
            app,
            "/noise.bin",
            "bytes=20000-20000,30000-",
            "bytes */20000",
        );
        check(app, "/empty.txt", "bytes=0-", "bytes */0");
    });
}

/// A cache that does not look at `Range` would give it to everybody (RFC 9111, 3).
#[test]
fn no_cache_may_keep_a_416() {
    let app = site()
        .file("app.3f9c2b1a.js", text(5000))
        .bundle()
        .start(&[]);
    let answer = app.get_with("/app.3f9c2b1a.js", &[("range", "bytes=90000-")]);
    let cache = answer
        .assert_status(416)
        .field("cache-control")
        .unwrap_or_default();
    assert!(
        !cache.contains("max-age") && !cache.contains("public"),
        "{cache}"
    );
}

#[test]
fn several_ranges_come_as_parts() {
    let app = site().bundle().start(&[]);
    let check = |coding: &str, range: &str, want: &[(usize, usize)]| {
        let whole = app.get_with("/text.txt", &[("accept-encoding", coding)]);
        let answer = app.get_with(
            "/text.txt",
            &[("accept-encoding", coding), ("range", range)],
        );
        answer.assert_status(206);
        assert_eq!(answer.field("content-range"), None);
        assert_eq!(answer.field("content-encoding"), named(coding));
        assert_eq!(answer.field("etag"), whole.field("etag"));
        let length = whole.body.len();
        let mut body: Vec<u8> = Vec::new();
        let kind = answer.field("content-type").unwrap();
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        for &(start, end) in want {
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Range: bytes {start}-{}/{length}\r\n\r\n",
                end - 1
            );
            body.extend(head.as_bytes());
            body.extend(&whole.body[start..end]);
        }
        body.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert!(answer.body == body, "{coding} {range}: {}", answer.text());
    };
    check("identity", "bytes=0-9,500-509", &[(0, 10), (500, 510)]);
    check("identity", "bytes=500-509,0-9", &[(0, 10), (500, 510)]);
    check(
        "identity",
        "bytes= 0-0 ,, 600-699,-1",
        &[(0, 1), (600, 700), (19_999, 20_000)],
    );
    check(
        "identity",
        "bytes=0-100,50-150,9000-9001,99999-",
        &[(0, 151), (9000, 9002)],
    );
    check("zstd", "bytes=0-9,200-209", &[(0, 10), (200, 210)]);
    check("gzip", "bytes=0-9,200-209", &[(0, 10), (200, 210)]);
}

#[test]
fn ranges_count_in_the_bytes_that_are_sent() {
    let check = |app: &RunningApp, coding: &str| {
        let accept = ("accept-encoding", coding);
        let whole = app.get_with("/text.txt", &[accept]);
        let length = whole.body.len();
        let mut joined = Vec::new();
        for (range, start, end) in [
            ("bytes=0-9".to_owned(), 0, 10),
            (format!("bytes=10-{}", length - 6), 10, length - 5),
            ("bytes=-5".to_owned(), length - 5, length),
        ] {
            let answer = app.get_with("/text.txt", &[accept, ("range", &range)]);
            answer.assert_status(206);
            let want = format!("bytes {start}-{}/{length}", end - 1);
            assert_eq!(answer.field("content-range"), Some(&*want));
            assert_eq!(answer.field("content-encoding"), named(coding));
            assert_eq!(answer.field("etag"), whole.field("etag"));
            joined.extend(answer.body);
        }
        assert!(joined == whole.body, "{coding}");
        let beyond = [accept, ("range", &format!("bytes={length}-"))];
        app.get_with("/text.txt", &beyond).assert_status(416);
    };
    site().both_ways(|app| CODINGS.iter().for_each(|coding| check(app, coding)));
}

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
            let fields = answer.fields.iter().filter(|(name, _)| name != "date");
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

/// What a path gives: a file by its contents, or an address to go on to.
enum Gives {
    File(&'static str),
    Way(&'static str),
    Nothing,
}
use Gives::{File, Nothing, Way};

#[track_caller]
fn check_path(app: &RunningApp, path: &str, want: &Gives) {
    let answer = app.get(path);
    match want {
        File(contents) => assert_eq!(answer.assert_status(200).text(), *contents, "{path}"),
        Way(to) => assert_eq!(
            answer.assert_status(307).field("location"),
            Some(*to),
            "{path}"
        ),
        Nothing => assert_eq!(answer.status, 404, "{path}"),
    }
}

#[test]
fn pages_have_clean_urls() {
    let site = TestSite::new()
        .file("index.html", "home")
        .file("about.html", "about")
        .file("docs/index.html", "docs")
        .file("docs/guide.html", "guide")
        .file("twice.html", "page")
        .file("twice/index.html", "folder")
        .file("both", "file")
        .file("both.html", "page of the file")
        .file("a b/index.html", "spaced")
        .file("v1.2/notes.html", "notes")
        .file("files/only.txt", "text");
    site.both_ways(|app| {
        for (path, want) in [
            ("/", File("home")),
            ("/index.html", Way("/")),
            ("/index", Nothing),
            ("/about", File("about")),
            ("/about?q=1", File("about")),
            ("/about.html", Way("/about")),
            ("/about.html?a=1&b=%20?c", Way("/about?a=1&b=%20?c")),
            ("/about.html?", Way("/about?")),
            ("/about/", Way("/about")),
            ("/about//", Way("/about")),
            ("/docs", Way("/docs/")),
            ("/docs?q=x", Way("/docs/?q=x")),
            ("/docs/", File("docs")),
            ("/docs/index.html", Way("/docs/")),
            ("/docs/index.html/", Way("/docs/index.html")),
            ("/docs/guide", File("guide")),
            ("/docs/guide.html", Way("/docs/guide")),
            ("/twice", File("page")),
            ("/twice/", File("folder")),
            ("/twice.html", Way("/twice")),
            ("/twice/index.html", Way("/twice/")),
            ("/both", File("file")),
            ("/both.html", File("page of the file")),
            ("/a%20b", Way("/a%20b/")),
            ("/a%20b/", File("spaced")),
            ("/v1.2/notes", File("notes")),
            ("/files/only.txt", File("text")),
            ("/files/only.txt/", Way("/files/only.txt")),
            ("/files/", Nothing),
            ("/files", Nothing),
            // Never to another host.
            ("//docs", Way("/docs/")),
            ("//about.html", Way("/about")),
            ("/%61bout", File("about")),
            ("/about.htm", Nothing),
        ] {
            check_path(app, path, &want);
        }
    });
}

#[test]
fn redirects_keep_the_method_and_are_not_for_ever() {
    let app = TestSite::with_index()
        .file("docs/index.html", "docs")
        .bundle()
        .start(&[]);
    for method in ["GET", "HEAD", "POST"] {
        let answer = app.request(method, "/docs", &[], b"");
        answer.assert_status(307);
        assert_eq!(answer.field("content-length"), Some("0"));
    }
}

#[test]
fn the_nearest_404_page_upwards_answers() {
    let site = TestSite::with_index()
        .file("404.html", text(3000))
        .file("docs/404.html", "docs 404")
        .file("docs/a/b/c/page.html", "page");
    let root = String::from_utf8(text(3000)).unwrap();
    let check = |app: &RunningApp, path: &str, want: &str| {
        let answer = app.get(path);
        assert_eq!(answer.assert_status(404).text(), want, "{path}");
        assert_eq!(
            answer.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.field("cache-control"), Some("no-cache"));
    };
    site.both_ways(|app| {
        check(app, "/x", &root);
        check(app, "/x/y/z", &root);
        check(app, "/docs", &root);
        check(app, "/docsx/y", &root);
        check(app, "/docs/x", "docs 404");
        check(app, "/docs/", "docs 404");
        check(app, "/docs/a/b/c/d", "docs 404");
        check(app, "/docs/x/", "docs 404");
        for coding in CODINGS {
            let fields = [
                ("accept-encoding", coding),
                ("range", "bytes=0-9"),
                ("if-none-match", "*"),
            ];
            let answer = app.get_with("/x", &fields);
            assert_eq!(
                answer.assert_status(404).field("content-encoding"),
                named(coding)
            );
            assert!(decoded(&answer, 3000) == text(3000));
        }
        let head = app.request("HEAD", "/x", &[], b"");
        assert_eq!(
            head.assert_status(404).field("content-length"),
            Some("3000")
        );
    });
}

#[test]
fn without_a_404_page_there_is_a_built_in_one() {
    let app = TestSite::with_index().bundle().start(&[]);
    let answer = app.get("/%3Cscript%3E");
    answer.assert_status(404);
    assert_eq!(
        answer.field("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.text().contains("404") && !answer.text().contains("script"));
}

#[test]
fn dot_files_are_not_served_but_the_well_known_are() {
    let site = TestSite::with_index()
        .file(".env", "SECRET=1")
        .file(".git/config", "SECRET=1")
        .file("docs/.htaccess", "SECRET=1")
        .file("docs/.well-known/x", "SECRET=1")
        .file(".well-known/security.txt", "well known")
        .file(".well-known/acme-challenge/Token_1-2", "token");
    site.both_ways(|app| {
        for path in [
            "/.env",
            "/.git/config",
            "/docs/.htaccess",
            "/docs/.well-known/x",
            "/%2eenv",
        ] {
            check_path(app, path, &Nothing);
        }
        check_path(app, "/.well-known/security.txt", &File("well known"));
        check_path(app, "/.well-known/acme-challenge/Token_1-2", &File("token"));
    });
}

/// All bytes encoded that may be, slashes aside.
fn percent_encoded(name: &str) -> String {
    let encoded = name.bytes().map(|byte| match byte {
        b'/' => "/".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

const NAMES: &str = "a b.txt| leading|trailing |ü.txt|日本語/ページ.txt|🦀.txt|e\u{301}.txt|é.txt|\
    100%.txt|%41.txt|%2e%2e|%|what?.txt|a#b.txt|line\nbreak.txt|tab\t|\u{1}|a+b.txt|a&b=c;d.txt|\
    quote\"'`.txt|<b>.txt|[x]{y}^~|a:b@c|.well-known/...|.well-known/..a|a..|C:|~user|con";

#[test]
fn any_name_is_served_under_its_percent_encoded_path() {
    let long = format!("{}.txt", "long".repeat(49));
    let deep = format!("{}deep.txt", "folder/".repeat(60));
    let names: Vec<&str> = NAMES.split('|').chain([&*long, &*deep]).collect();
    let site = names
        .iter()
        .fold(TestSite::with_index(), |site, name| site.file(name, name));
    site.both_ways(|app| {
        let mut connection = app.connect();
        for name in &names {
            let path = format!("/{}", percent_encoded(name));
            let lower = path.replace("%2E", "%2e").replace("%C3", "%c3");
            for path in [&path, &lower] {
                let answer = connection.request("GET", path, &[], b"");
                assert_eq!(answer.assert_status(200).text(), *name, "{path}");
            }
            let answer = connection.request("GET", &format!("{path}/"), &[], b"");
            let location = answer.assert_status(307).field("location").unwrap();
            assert_eq!(
                connection.request("GET", location, &[], b"").text(),
                *name,
                "{location}"
            );
        }
        // Decoded once, and only once.
        check_path(app, "/A.txt", &Nothing);
        check_path(app, "/%2541.txt", &File("%41.txt"));
    });
}

#[test]
fn case_is_kept() {
    let site = TestSite::with_index()
        .file("Read.TXT", "upper")
        .file("read.txt", "lower");
    site.both_ways(|app| {
        check_path(app, "/Read.TXT", &File("upper"));
        check_path(app, "/read.txt", &File("lower"));
        check_path(app, "/READ.TXT", &Nothing);
        check_path(app, "/INDEX.HTML", &Nothing);
    });
}

#[test]
fn all_paths_begin_with_the_prefix() {
    fn check_prefix(app: &RunningApp, prefix: &str) {
        let at = |path: &str| format!("{prefix}{path}");
        let way = |path: &str, to: &str| {
            let answer = app.get(&at(path));
            assert_eq!(
                answer.assert_status(307).field("location"),
                Some(&*at(to)),
                "{path}"
            );
        };
        way("", "/");
        way("?q=1", "/?q=1");
        way("/docs", "/docs/");
        way("/about.html?x", "/about?x");
        way("/about/", "/about");
        check_path(app, &at("/"), &File("<h1>Home</h1>"));
        check_path(app, &at("/about"), &File("about"));
        check_path(app, &at("about"), &Nothing);
        check_path(app, "/", &Nothing);
        check_path(app, "/about", &Nothing);
        assert_eq!(
            app.get(&at("/docs/x")).assert_status(404).text(),
            "docs 404"
        );
        assert_eq!(app.get(&at("/x")).assert_status(404).text(), "root 404");
        assert_eq!(app.get("/elsewhere").assert_status(404).text(), "root 404");
    }
    let site = TestSite::with_index()
        .file("about.html", "about")
        .file("docs/index.html", "docs")
        .file("docs/404.html", "docs 404")
        .file("404.html", "root 404");
    let bundled = site.bundle_with(&["--prefix", "/p"]);
    check_prefix(&bundled.start(&[]), "/p");
    check_prefix(&bundled.start(&["--prefix", "/other/q/"]), "/other/q");
    check_prefix(&bundled.start(&["--prefix", "/a%20b"]), "/a%20b");
    check_prefix(&site.serve(&["--prefix", "p"]), "/p");
    check_path(&bundled.start(&["--prefix", "/"]), "/about", &File("about"));
}

#[test]
fn a_path_that_only_begins_like_the_prefix_gets_the_404_page_of_the_root() {
    let site = TestSite::with_index()
        .file("404.html", "root 404")
        .file("docs/404.html", "docs 404");
    let app = site.bundle_with(&["--prefix", "/p"]).start(&[]);
    for path in ["/px", "/px/y", "/pdocs/x", "/docs/x"] {
        assert_eq!(
            app.get(path).assert_status(404).text(),
            "root 404",
            "{path}"
        );
    }
}

#[test]
fn identical_contents_are_stored_once() {
    let size = |site: &TestSite| std::fs::metadata(site.bundle().path()).unwrap().len();
    let contents = noise(1 << 20);
    let site = TestSite::with_index().file("0.bin", &contents);
    let one = size(&site);
    let site = (1..20).fold(site, |site, n| {
        site.file(&format!("{n}/copy.bin"), &contents)
    });
    let twenty = size(&site);
    assert!(twenty < one + (64 << 10), "{one} and {twenty} bytes");
    let app = site.bundle().start(&[]);
    assert!(app.get("/0.bin").body == contents && app.get("/19/copy.bin").body == contents);
}

#[test]
fn a_large_file_comes_whole_and_in_ranges() {
    const LENGTH: usize = (4 << 20) + 12_345;
    let site = TestSite::with_index()
        .file("text.txt", text(LENGTH))
        .file("noise.bin", noise(LENGTH));
    let check = |app: &RunningApp, path: &str, plain: &[u8], coding: &str| {
        let accept = ("accept-encoding", coding);
        let whole = app.get_with(path, &[accept]);
        whole.assert_status(200);
        assert!(decoded(&whole, LENGTH) == plain, "{path} in {coding}");
        let length = whole.body.len();
        let cut = [
            (0, 1),
            (length / 2, length / 2 + 70_000),
            (length - 1, length),
        ];
        for (start, end) in cut {
            let end = end.min(length);
            let range = format!("bytes={start}-{}", end - 1);
            let answer = app.get_with(path, &[accept, ("range", &range)]);
            let want = format!("bytes {start}-{}/{length}", end - 1);
            assert_eq!(
                answer.assert_status(206).field("content-range"),
                Some(&*want)
            );
            assert!(
                answer.body == whole.body[start..end],
                "{path} in {coding}, {range}"
            );
        }
        // Several ranges are answered with them, or with the whole.
        let answer = app.get_with(path, &[accept, ("range", "bytes=0-9,1000-1009")]);
        assert!(answer.status == 206 || answer.assert_status(200).body == whole.body);
        let beyond = format!("bytes={length}-");
        app.get_with(path, &[accept, ("range", &beyond)])
            .assert_status(416);
    };
    site.both_ways(|app| {
        for coding in CODINGS {
            check(app, "/text.txt", &text(LENGTH), coding);
            check(app, "/noise.bin", &noise(LENGTH), coding);
        }
    });
}

#[test]
fn many_clients_get_the_same_bytes_at_once() {
    let (small, large) = (text(2 << 20), text(5 << 20));
    let site = TestSite::with_index()
        .file("small.txt", &small)
        .file("large.txt", &large);
    let app = site.bundle().start(&[]);
    std::thread::scope(|scope| {
        for client in 0..40 {
            let (app, path, plain) = match client % 2 {
                0 => (&app, "/small.txt", &small),
                _ => (&app, "/large.txt", &large),
            };
            let coding = CODINGS[(client / 2) % 4];
            scope.spawn(move || {
                let answer = app.get_with(path, &[("accept-encoding", coding)]);
                assert!(
                    decoded(&answer, plain.len()) == *plain,
                    "{path} in {coding}"
                );
            });
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

#[test]
fn only_the_codings_that_were_asked_for_are_stored() {
    let check = |encodings: &str, accepted: &str, want: Option<&str>| {
        let app = site().bundle_with(&["--encodings", encodings]).start(&[]);
        let answer = app.get_with("/text.txt", &[("accept-encoding", accepted)]);
        assert_eq!(
            answer.assert_status(200).field("content-encoding"),
            want,
            "{encodings}"
        );
        assert!(decoded(&answer, 20_000) == text(20_000));
    };
    check("gzip", "gzip, br, zstd", Some("gzip"));
    check("gzip", "br, zstd", None);
    check("br,gzip", "identity", None);
    check("zstd", "gzip, br, zstd;q=0.1", Some("zstd"));
}

#[test]
fn a_served_folder_says_what_it_found_and_where_it_listens() {
    let site = TestSite::with_index()
        .file("a.txt", "a")
        .worker("api/hello", "hello");
    let app = site.serve(&["--prefix", "/p"]);
    let output = app.output();
    let has = |parts: &[&str]| {
        assert!(
            output
                .lines()
                .any(|line| parts.iter().all(|part| line.contains(part))),
            "{output}"
        );
    };
    has(&["/p/api/hello", "api/hello.wasm"]);
    has(&["/p/", "2 assets"]);
    has(&[&format!("Listening on http://127.0.0.1:{}", app.port())]);
    app.get("/p/a.txt").assert_status(200);
}
