//! Parts of a file.

use super::{CODINGS, decoded, named, noise, site, text};
use crate::support::{RunningApp, TestSite};

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
