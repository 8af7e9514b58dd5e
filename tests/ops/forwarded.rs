//! Whose request it is, behind proxies, and who can say so.

use serde_json::{Value, json};

use super::{echoed, field, site};
use crate::support::{RunningApp, TestSite};

const CLAIMS: &[(&str, &str)] = &[
    ("x-forwarded-for", "9.9.9.9, 192.0.2.1, 10.0.0.2"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("forwarded", "for=9.9.9.9;host=evil.example"),
];

/// What the worker is told of its client, on the short way and on the general one.
#[track_caller]
fn told(app: &RunningApp, fields: &[(&str, &str)]) -> Value {
    let [short, general] = [&[][..], &[("te", "trailers")]].map(|more| {
        let got = echoed(&app.get_with("/api/echo", &[fields, more].concat()));
        let names = [
            "host",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "forwarded",
        ];
        json!(names.map(|name| field(&got, name)))
    });
    assert_eq!(short, general);
    short
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let app = site().bundle();
    let alone = app.start(&[]);
    let direct = json!(["localhost", "127.0.0.1", "http", null, null]);
    assert_eq!(told(&alone, &[]), direct);
    assert_eq!(told(&alone, CLAIMS), direct);
    let elsewhere = app.start(&["--trusted-proxy", "10.0.0.0/8,192.0.2.0/24,::1"]);
    assert_eq!(told(&elsewhere, CLAIMS), direct);
    let behind = app.start(&[
        "--trusted-proxy=10.0.0.0/8",
        "--trusted-proxy",
        "127.0.0.0/8",
    ]);
    let want = json!([
        "shop.example",
        "192.0.2.1, 10.0.0.2",
        "https",
        "shop.example",
        null
    ]);
    assert_eq!(told(&behind, CLAIMS), want);
    assert_eq!(told(&behind, &[]), direct);
    let forwarded = [(
        "forwarded",
        "for=9.9.9.9, for=\"[2001:db8::1]:80\";proto=https",
    )];
    let want = json!(["localhost", "2001:db8::1", "https", null, null]);
    assert_eq!(told(&behind, &forwarded), want);
}

#[test]
fn what_else_a_proxy_says_comes_from_a_trusted_one_only() {
    let app = site().bundle();
    let alone = app.start(&[]);
    let behind = app.start(&["--trusted-proxy", "127.0.0.1"]);
    let claims = [
        ("x-forwarded-port", "8443"),
        ("x-forwarded-prefix", "/shop"),
        ("X-Forwarded-User", "admin"),
        ("x-forwarded-client-cert", "Subject=admin"),
        ("X-Real-IP", "9.9.9.9"),
    ];
    for general in [&[][..], &[("te", "trailers")]] {
        let fields = [&claims[..], general].concat();
        let from_anybody = echoed(&alone.get_with("/api/echo", &fields));
        let from_proxy = echoed(&behind.get_with("/api/echo", &fields));
        for (name, value) in claims {
            let name = name.to_ascii_lowercase();
            assert_eq!(field(&from_anybody, &name), None, "{name}");
            assert_eq!(field(&from_proxy, &name), Some(value), "{name}");
        }
    }
}

#[test]
fn a_bad_list_counts_for_nothing() {
    let app = site().bundle().start(&["--trusted-proxy", "127.0.0.1"]);
    let direct = json!(["localhost", "127.0.0.1", "http", null, null]);
    let long = vec!["192.0.2.1"; 65].join(", ");
    for list in [
        "192.0.2.1, who",
        "192.0.2.1;",
        &long,
        "<script>",
        "192.0.2.1 192.0.2.2",
    ] {
        let fields = [("x-forwarded-for", list), ("x-forwarded-proto", "https")];
        assert_eq!(told(&app, &fields), direct, "{list}");
    }
    for list in [
        "for",
        "for=192.0.2.1;for=192.0.2.2",
        "for=\"192.0.2.1",
        "proto=gopher",
    ] {
        assert_eq!(told(&app, &[("forwarded", list)]), direct, "{list}");
    }
}

#[test]
fn the_url_of_a_script_is_the_one_that_the_client_has() {
    let script = "export default { fetch: (request) => new Response(request.url) }";
    let app = TestSite::new().file("w.js", script).bundle();
    let behind = app.start(&["--trusted-proxy", "127.0.0.1"]);
    let alone = app.start(&[]);
    for general in [&[][..], &[("te", "trailers")]] {
        let fields = [CLAIMS, general].concat();
        assert_eq!(
            behind.get_with("/w?a", &fields).text(),
            "https://shop.example/w?a"
        );
        assert_eq!(
            alone.get_with("/w?a", &fields).text(),
            "http://localhost/w?a"
        );
    }
}

#[test]
fn the_variable_does_what_the_flag_does_and_nonsense_is_refused() {
    let app = site().bundle();
    let mut command = app.command(&[]);
    command.env("WWS_TRUSTED_PROXY", "10.0.0.0/8,127.0.0.1");
    let running = RunningApp::start(command);
    assert_eq!(told(&running, CLAIMS)[1], "192.0.2.1, 10.0.0.2");
    let ended = RunningApp::try_start(app.command(&["--trusted-proxy", "proxy.example"]));
    let ended = ended.err().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.log.contains("10.0.0.0/8"), "{}", ended.log);
}
