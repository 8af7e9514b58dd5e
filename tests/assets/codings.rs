//! Which coding a client gets, and that it decodes to what was bundled.

use super::{CODINGS, decoded, named, noise, site, text};
use crate::support::{RunningApp, TestSite};

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
