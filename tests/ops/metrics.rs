//! What is counted, and where it can be read.

use super::{Admin, Case, site};
use crate::support::{TestSite, wait_for};

#[test]
fn requests_are_counted_by_route_and_status() {
    let admin = Admin::start(&site().bundle(), &[]);
    let mut connection = admin.app.connect();
    let cases: &[Case] = &[
        ("GET", "/", &[], 200, "assets"),
        ("GET", "/", &[("te", "trailers")], 200, "assets"),
        ("GET", "/long.txt", &[("range", "bytes=0-9")], 206, "assets"),
        ("HEAD", "/", &[], 200, "assets"),
        ("DELETE", "/", &[], 405, "assets"),
        ("GET", "/docs", &[], 307, "redirect"),
        ("GET", "/nothing", &[], 404, "none"),
        ("GET", "/api/echo", &[], 200, "/api/echo"),
        ("GET", "/api/echo", &[("te", "trailers")], 200, "/api/echo"),
        ("GET", "/trap", &[], 500, "/trap"),
    ];
    for (method, path, fields, status, route) in cases {
        let name = format!("wws_requests_total{{route=\"{route}\",status=\"{status}\"}}");
        let before = admin.sample(&name);
        connection.request(method, path, fields, b"");
        // The end of a request comes a moment after its answer.
        wait_for(|| (admin.sample(&name) > before).then_some(()));
        assert_eq!(admin.sample(&name), before + 1.0, "{method} {path}");
    }
    let of_assets = |name: &str| admin.sample(&format!("{name}{{kind=\"assets\"}}"));
    assert_eq!(of_assets("wws_request_seconds_count"), 5.0);
    let bytes = 2.0 * "<h1>Home</h1>".len() as f64 + 10.0;
    let refused = of_assets("wws_sent_bytes_total") - bytes;
    assert!(
        refused > 0.0 && refused < 2000.0,
        "the page of the 405: {refused}"
    );
    let infinite = "wws_request_seconds_bucket{kind=\"worker\",le=\"+Inf\"}";
    assert_eq!(admin.sample(infinite), 3.0);
    assert!(admin.sample("wws_worker_seconds_total{route=\"/trap\"}") > 0.0);
    assert_eq!(admin.sample("wws_connections_open"), 1.0);
    assert_eq!(admin.sample("wws_connections_total"), 1.0);
    assert!(admin.sample("wws_worker_calls_max") >= 1.0);
    assert!(admin.sample("process_resident_memory_bytes") > 1e6);
}

#[test]
fn failures_and_limits_are_counted_by_their_names() {
    let app = site().file("loop.toml", "name = \"loop\"\n[limits]\ntime = \"100ms\"\n");
    let app = app.file(
        "api/echo.toml",
        "name = \"echo\"\n[limits]\nrequest_body = \"1KiB\"\n",
    );
    let admin = Admin::start(&app.bundle(), &["--header-timeout", "300ms"]);
    admin.app.get("/trap").assert_status(500);
    admin.app.get("/trap").assert_status(500);
    admin.app.get("/loop").assert_status(504);
    admin
        .app
        .request("POST", "/api/echo", &[], &[b'x'; 2000])
        .assert_status(413);
    for (route, kind, count) in [
        ("/trap", "trap", 2.0),
        ("/loop", "timeout", 1.0),
        ("/api/echo", "request_too_large", 1.0),
    ] {
        let name = format!("wws_worker_failures_total{{route=\"{route}\",kind=\"{kind}\"}}");
        assert_eq!(admin.sample(&name), count, "{name}");
    }
    let hit = |limit: &str| admin.sample(&format!("wws_limits_hit_total{{limit=\"{limit}\"}}"));
    assert_eq!(
        (hit("time"), hit("request_body"), hit("memory")),
        (1.0, 1.0, 0.0)
    );
    let mut slow = admin.app.connect();
    slow.send(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(slow.read_to_end().unwrap(), b"");
    assert_eq!(hit("header_timeout"), 1.0);
}

#[test]
fn a_client_that_goes_away_is_counted_as_such() {
    let sleep = TestSite::with_index().worker("sleep", "sleep").bundle();
    let admin = Admin::start(&sleep, &[]);
    let name = |route: &str| format!("wws_requests_total{{route=\"{route}\",status=\"499\"}}");
    // On the general way nobody outside knows yet which worker was asked.
    for (more, route) in [("", "/sleep"), ("te: trailers\r\n", "none")] {
        let mut connection = admin.app.connect();
        let head = format!("GET /sleep HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        connection.send(head.as_bytes()).unwrap();
        wait_for(|| (admin.sample("wws_worker_calls") > 0.0).then_some(()));
        drop(connection);
        wait_for(|| (admin.sample(&name(route)) == 1.0).then_some(()));
    }
}

#[test]
fn calls_and_operations_are_counted_by_what_became_of_them() {
    let script = "export default { async fetch() {
          await kv.set('a', 'b');
          await kv.get('a');
          try { await fetch('http://127.0.0.1:1/'); } catch { return new Response('caught'); }
        } };";
    let toml = "name = \"w\"\n[data.kv]\nnamespace = \"n\"\n\
        [features.http_requests]\nallowed_hosts = [\"127.0.0.1:1\"]\nallowed_methods = [\"GET\"]\n\
        allow_http = true\nallow_private = true\n";
    let site = TestSite::new().file("w.js", script).file("w.toml", toml);
    let admin = Admin::start(&site.bundle(), &[]);
    assert_eq!(admin.app.get("/w").assert_status(200).text(), "caught");
    for name in [
        "wws_outbound_calls_total{result=\"connect\"}",
        "wws_kv_operations_total{operation=\"set\",result=\"done\"}",
        "wws_kv_operations_total{operation=\"get\",result=\"done\"}",
    ] {
        assert_eq!(
            admin.sample(name),
            1.0,
            "{name} in {}",
            admin.get("/metrics").text()
        );
    }
}

#[test]
fn nothing_of_it_is_on_the_public_port_nor_in_its_own_numbers() {
    let app = site().bundle();
    let admin = Admin::start(&app, &[]);
    for path in ["/metrics", "/healthz", "/readyz", "/panel/"] {
        admin.app.get(path).assert_status(404);
    }
    for _ in 0..5 {
        admin.get("/metrics").assert_status(200);
    }
    let name = "wws_requests_total{route=\"none\",status=\"404\"}";
    wait_for(|| (admin.sample(name) == 4.0).then_some(()));
    assert_eq!(
        admin.sample("wws_requests_total{route=\"assets\",status=\"200\"}"),
        0.0
    );
    let answer = admin.get("/metrics");
    let want = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(answer.field("content-type"), Some(want));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

#[test]
fn the_text_is_one_that_prometheus_reads() {
    let admin = Admin::start(&site().bundle(), &[]);
    admin.app.get("/trap").assert_status(500);
    let text = admin.get("/metrics").text();
    let mut families = std::collections::BTreeSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            family = rest.split(' ').next().unwrap();
            assert!(families.insert(family), "{family} stands twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(rest.starts_with(family), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(family), "{line} is not of {family}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(families.len() > 15, "{families:?}");
}
