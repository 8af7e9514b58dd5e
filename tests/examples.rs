//! The folders in `examples/` do what `examples/README.md` says.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::{Answer, RunningApp, TestSite, repository, skipped};

/// A copy of an example.
fn example(name: &str) -> TestSite {
    TestSite::new().folder("", &repository("examples").join(name))
}

/// What lies in a file of an example.
fn file(path: &str) -> Vec<u8> {
    fs::read(repository("examples").join(path)).unwrap()
}

#[track_caller]
fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.field("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap()
}

/// Every address of the site itself in these pages leads to something.
#[track_caller]
fn check_links(app: &RunningApp, pages: &[&str]) {
    let mut addresses = BTreeSet::new();
    for page in pages {
        let html = app.get(page).assert_status(200).text();
        for attribute in ["href=\"/", "src=\"/", "action=\"/"] {
            let rest = html.split(attribute).skip(1);
            addresses.extend(rest.map(|rest| format!("/{}", rest.split('"').next().unwrap())));
        }
    }
    assert!(!addresses.is_empty());
    for address in addresses {
        let address = address.split('#').next().unwrap();
        let answer = app.get(address);
        // A worker may ask for another method; there it is.
        assert!(matches!(answer.status, 200 | 405), "{address}: {answer:?}");
    }
}

#[test]
fn every_example_is_tested_here() {
    let folders: BTreeSet<String> = fs::read_dir(repository("examples"))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let want = [
        "component-rust",
        "components",
        "fetch-proxy",
        "js-api",
        "js-hello",
        "js-hono",
        "js-streaming",
        "js-typescript",
        "kv-counter",
        "project",
        "rust-worker",
        "static-site",
        "workers",
    ];
    assert_eq!(folders, want.map(str::to_owned).into());
}

#[test]
fn static_site_is_served_as_its_readme_says() {
    #[track_caller]
    fn check(app: &RunningApp, path: &str, status: u16, of_file: &str) {
        let answer = app.get(path);
        assert_eq!(
            answer.assert_status(status).body,
            file(&format!("static-site/{of_file}"))
        );
    }
    example("static-site").both_ways(|app| {
        check(app, "/", 200, "index.html");
        check(app, "/about", 200, "about.html");
        check(app, "/docs/", 200, "docs/index.html");
        check(app, "/docs/install", 200, "docs/install.html");
        check(app, "/no/such/page", 404, "404.html");
        check(
            app,
            "/.well-known/security.txt",
            200,
            ".well-known/security.txt",
        );
        check(app, "/robots.txt", 200, "robots.txt");
        check(app, "/assets/style.css", 200, "assets/style.css");
        let script = app.request("HEAD", "/assets/app.3f9c2b1a.js", &[], b"");
        let cache = script.assert_status(200).field("cache-control").unwrap();
        assert!(
            cache.contains("max-age=31536000") && cache.contains("immutable"),
            "{cache}"
        );
        check_links(app, &["/", "/about", "/docs/", "/docs/install"]);
    });
}

#[test]
fn rust_worker_is_served_as_its_readme_says() {
    example("rust-worker").both_ways(|app| {
        assert_eq!(
            app.get("/").assert_status(200).body,
            file("rust-worker/index.html")
        );
        let hello = |query: &str| {
            app.get(&format!("/api/hello{query}"))
                .assert_status(200)
                .text()
        };
        assert_eq!(hello("?name=Ada"), "Hello from a Rust worker, Ada\n");
        assert_eq!(hello(""), "Hello from a Rust worker\n");

        let form = [
            ("cookie", "a=1"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = app.request("POST", "/api/echo", &form, b"x=1");
        let got = json_of(answer.assert_status(200));
        assert_eq!(got["method"], "POST");
        assert_eq!(got["url"], "/api/echo");
        assert_eq!(got["body"], "x=1");
        assert_eq!(got["headers"]["cookie"], "a=1");
        assert_eq!(answer.all("set-cookie").count(), 2);
        app.log_line("/api/echo");

        let bytes: Vec<u8> = (0..=255).rev().cycle().take(1000).collect();
        assert_eq!(
            app.request("POST", "/api/binary", &[], &bytes)
                .assert_status(200)
                .body,
            bytes
        );
        let refused = app.get("/api/binary");
        assert_eq!(refused.assert_status(405).field("allow"), Some("POST"));
        check_links(app, &["/"]);
    });
}

#[test]
fn project_is_served_as_its_readme_says() {
    example("project").both_ways(|app| {
        assert_eq!(
            app.get("/").assert_status(200).body,
            file("project/public/index.html")
        );
        app.get("/public/index.html").assert_status(404);
        #[track_caller]
        fn user(app: &RunningApp, path: &str, id: &str) {
            let want = json!({ "id": id, "message": format!("Good day, {id}!") });
            assert_eq!(json_of(app.get(path).assert_status(200)), want);
        }
        user(app, "/api/users/7", "7");
        user(app, "/api/users/Ada%20Lovelace", "Ada Lovelace");
        app.get("/api/users/7/8").assert_status(404);
        let all = ["readme.txt", "notes/ideas.txt", "notes/2026/plan.txt"];
        let want = json!({ "folder": "", "files": all });
        assert_eq!(json_of(app.get("/api/files").assert_status(200)), want);
        let plan = app.get("/api/files/notes/2026/plan.txt");
        assert_eq!(
            plan.assert_status(200).text(),
            "Bundle it, copy it, run it.\n"
        );
        app.get("/api/files/nowhere").assert_status(404);
        check_links(app, &["/"]);
    });
}

#[test]
fn js_hello_is_served_as_its_readme_says() {
    example("js-hello").both_ways(|app| {
        let hello = |path: &str| app.get(path).assert_status(200).text();
        assert_eq!(hello("/?name=Ada"), "Hello, Ada!\n");
        assert_eq!(hello("/"), "Hello, world!\n");
        let answer = app.request("POST", "/event", &[], b"hi");
        let want = json!({ "method": "POST", "text": "hi" });
        assert_eq!(json_of(answer.assert_status(200)), want);
    });
}

#[test]
fn js_api_is_served_as_its_readme_says() {
    example("js-api").both_ways(|app| {
        #[track_caller]
        fn check(answer: &Answer, status: u16, want: &Value) {
            assert_eq!(json_of(answer.assert_status(status)), *want);
        }
        let order = |body: &str| app.request("POST", "/api/orders", &[], body.as_bytes());
        let tea = json!({ "id": "tea", "name": "Green tea", "cents": 450 });
        let cup = json!({ "id": "cup", "name": "Cup", "cents": 1200 });
        check(&app.get("/api/products?max=500"), 200, &json!([tea]));
        let all = json_of(app.get("/api/products").assert_status(200));
        assert_eq!(all.as_array().unwrap().len(), 3);
        let wrong = json!({ "error": "max is not a number" });
        check(&app.get("/api/products?max=much"), 400, &wrong);
        check(&app.get("/api/products/cup"), 200, &cup);
        let none = json!({ "error": "no product hat" });
        check(&app.get("/api/products/hat"), 404, &none);

        let id_of = |body: &str| {
            let answer = json_of(order(body).assert_status(201));
            assert_eq!(answer["total"], "9.00 EUR");
            answer["order"].as_str().unwrap().to_owned()
        };
        let two = r#"{"items": [{"id": "tea", "count": 2}]}"#;
        assert_ne!(id_of(two), id_of(two));
        let count = json!({ "error": "items[0].count: a whole number from 1 to 100" });
        for wrong in ["0", "101", "1.5", "\"2\""] {
            check(&order(&two.replace('2', wrong)), 422, &count);
        }
        check(
            &order("{}"),
            422,
            &json!({ "error": "items: one at least" }),
        );
        check(
            &order("{"),
            400,
            &json!({ "error": "the body is not JSON" }),
        );
        let refused = app.get("/api/orders");
        assert_eq!(refused.assert_status(405).field("allow"), Some("POST"));
        order(&" ".repeat(65 << 10)).assert_status(413);
        app.get("/_lib/products").assert_status(404);
    });
}

#[test]
fn js_hono_is_served_as_its_readme_says() {
    if !repository("examples/js-hono/node_modules").exists() {
        return skipped("examples/js-hono; it needs `npm ci --prefix examples/js-hono`");
    }
    example("js-hono").both_ways(|app| {
        let home = app.get("/");
        assert_eq!(home.assert_status(200).text(), "<h1>Hello from Hono</h1>");
        assert_eq!(home.field("x-request-id").map(str::len), Some(32));
        let user = app.get("/users/7?page=2");
        let want = json!({ "id": "7", "page": "2" });
        assert_eq!(json_of(user.assert_status(200)), want);
        app.log_line("GET /users/7 200");
        let new = |body: &[u8]| app.request("POST", "/users", &[], body);
        let ada = json!({ "name": "Ada" });
        assert_eq!(json_of(new(br#"{"name": "Ada"}"#).assert_status(201)), ada);
        let want = json!({ "error": "name is missing" });
        for body in ["{}", "no JSON"] {
            assert_eq!(json_of(new(body.as_bytes()).assert_status(400)), want);
        }
        let want = json!({ "error": "nothing at /node_modules/hono/package.json" });
        let nothing = app.get("/node_modules/hono/package.json");
        assert_eq!(json_of(nothing.assert_status(404)), want);
    });
}

#[test]
fn js_typescript_is_served_as_its_readme_says() {
    example("js-typescript").both_ways(|app| {
        let page = |path: &str| app.get(path).assert_status(200).text();
        let miles = page("/?value=26.2");
        assert!(miles.starts_with("<!doctype html><html lang=\"en\">"));
        assert!(miles.contains("<option value=\"mi\" selected>mile</option>"));
        assert!(miles.contains("<output>42.1648128</output>"), "{miles}");
        let hostile = page("/?value=%22%3E%3Cb%3E");
        assert!(hostile.contains("value=\"&quot;&gt;&lt;b&gt;\""));
        assert!(hostile.contains("<output>value is not a number</output>"));

        let got = json_of(app.get("/api/mi/km?value=26.2").assert_status(200));
        let want = json!({ "from": "mi", "to": "km", "value": 26.2, "result": 42.1648128 });
        assert_eq!(got, want);
        let error = |path: &str, status| json_of(app.get(path).assert_status(status));
        let unit = json!({ "error": "no such unit" });
        assert_eq!(error("/api/mi/furlong", 404), unit);
        let number = json!({ "error": "value is not a number" });
        assert_eq!(error("/api/mi/km?value=far", 400), number);
    });
}

#[test]
fn js_streaming_is_served_as_its_readme_says() {
    const GET_EVENTS: &[u8] = b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n";
    example("js-streaming").both_ways(|app| {
        check_links(app, &["/"]);
        let script = app.get("/page.js");
        assert_eq!(script.assert_status(200).body, file("js-streaming/page.js"));
        app.get("/api/lines.js").assert_status(404);

        let lines = app.get("/api/lines?count=3");
        let want = "line 1 of 3\nline 2 of 3\nline 3 of 3\n";
        assert_eq!(lines.assert_status(200).text(), want);

        let last = app.get_with("/api/events", &[("last-event-id", "8")]);
        let last = last.assert_status(200).text();
        let events: Vec<&str> = last.split("\n\n").collect();
        let [ninth, tenth, end, ""] = events[..] else {
            panic!("{last}");
        };
        assert!(ninth.starts_with("id: 9\ndata: {\"number\":9,"));
        assert!(tenth.starts_with("id: 10\ndata: {\"number\":10,"));
        assert_eq!(end, "event: end\ndata:");

        // The first event comes long before the last; a client that goes away is noticed.
        let mut connection = app.connect();
        connection.send(GET_EVENTS).unwrap();
        let head = connection.head().unwrap();
        assert_eq!(head.field("content-type"), Some("text/event-stream"));
        let first = connection.chunk().unwrap();
        assert!(first.starts_with(b"id: 1\n") && first.ends_with(b"\n\n"));
        drop(connection);
        app.log_line("left before event");
    });
}

#[test]
fn component_rust_is_served_as_its_readme_says() {
    example("component-rust").both_ways(|app| {
        let hello = app.get("/").assert_status(200).text();
        assert_eq!(hello, "Hello from a component\n");
        let ticks = app.get("/ticks").assert_status(200).text();
        assert_eq!(ticks, "tick 1\ntick 2\ntick 3\n");
        let upper = app.request("POST", "/upper", &[], b"loud");
        assert_eq!(upper.assert_status(200).text(), "LOUD");
    });
}

#[test]
fn fetch_proxy_is_served_as_its_readme_says() {
    let upstream = example("static-site").serve(&[]);
    // The port of the example is fixed, and a test has none of those.
    let mut proxy = example("fetch-proxy");
    for name in ["[...path].toml", "component/[...path].toml"] {
        let toml = String::from_utf8(file(&format!("fetch-proxy/{name}"))).unwrap();
        let port = upstream.port().to_string();
        proxy = proxy.file(name, toml.replace("8081", &port).as_bytes());
    }
    proxy.both_ways(|app| {
        let about = file("static-site/about.html");
        for path in ["/about", "/component/about"] {
            assert_eq!(app.get(path).assert_status(200).body, about, "{path}");
        }
        let script = app.get("/?to=https://example.com/");
        let script = script.assert_status(502).text();
        assert!(
            script.contains("example.com") && script.contains("allowed_hosts"),
            "{script}"
        );
    });
}

#[test]
fn kv_counter_is_served_as_its_readme_says() {
    example("kv-counter").both_ways(|app| {
        let get = |path| app.get(path).assert_status(200).text();
        assert_eq!(get("/visits"), "visits: 1\n");
        assert_eq!(get("/component/visits"), "visits: 2\n");
        assert_eq!(get("/visits?by=10"), "visits: 12\n");
        assert_eq!(get("/"), "visits: 12\n");
        assert_eq!(app.get("/visits?by=x").status, 400);
    });
}
