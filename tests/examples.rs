//! The folders in `examples/` do what `examples/README.md` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Answer, RunningApp, TestSite, repository};

/// A copy of an example.
fn example(name: &str) -> TestSite {
    fn add(site: TestSite, root: &Path, folder: &Path) -> TestSite {
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries.fold(site, |site, path| match path.is_dir() {
            true => add(site, root, &path),
            false => {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                site.file(&name, fs::read(&path).unwrap())
            }
        })
    }
    let root = repository("examples").join(name);
    add(TestSite::new(), &root, &root)
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
    let want = ["project", "rust-worker", "static-site", "workers"];
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
