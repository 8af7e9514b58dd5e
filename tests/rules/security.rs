//! `security_headers = true`.

use super::{get, site};
use crate::support::TestSite;

const FIELDS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "SAMEORIGIN"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
];

#[test]
fn every_answer_has_them_and_whoever_says_otherwise_is_right() {
    let own =
        "export default () => new Response('own', { headers: { 'x-frame-options': 'DENY' } });\n";
    let site = site()
        .file("api/own.js", own)
        .file(
            "_headers",
            "/about\n  Referrer-Policy: no-referrer\n  ! X-Frame-Options\n",
        )
        .file("_redirects", "/old /about\n")
        .file(
            "wws.toml",
            "site.security_headers = true\nworkers.scripts = ['api/*.js']",
        );
    site.both_ways(|app| {
        for path in ["/", "/a.css", "/about.html", "/old", "/none", "/docs"] {
            let answer = get(app, path, &[]);
            for (name, value) in FIELDS {
                assert_eq!(answer.field(name), Some(value), "{path} {name}");
            }
        }
        let about = get(app, "/about", &[]);
        assert_eq!(about.field("referrer-policy"), Some("no-referrer"));
        assert_eq!(about.field("x-frame-options"), None);
        let worker = app.get("/api/own");
        assert_eq!(
            worker.assert_status(200).field("x-frame-options"),
            Some("DENY")
        );
        assert_eq!(
            worker.field("cross-origin-opener-policy"),
            Some("same-origin")
        );
        let bad = app.get("/%zz");
        assert_eq!(
            bad.assert_status(400).field("x-frame-options"),
            Some("SAMEORIGIN")
        );
    });
}

#[test]
fn without_it_there_are_none() {
    let app = TestSite::new()
        .worker("w", "hello")
        .file("public/a.txt", "a")
        .bundle()
        .start(&[]);
    for path in ["/w", "/a.txt"] {
        assert_eq!(
            app.get(path).assert_status(200).field("x-frame-options"),
            None
        );
    }
}
