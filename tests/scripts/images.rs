//! The images of scripts in an app: how large they are, that they are always the same, and what is
//! said of them.

use std::fs;

use serde_json::Value;

use super::{handler, project};
use crate::support::{BundledApp, TestSite, wws};

/// A project with so many small scripts, each with its own text.
fn scripts(count: usize) -> TestSite {
    (0..count).fold(TestSite::new(), |site, n| {
        let body = format!("return new Response('script {n} of many, at ' + request.url)");
        site.file(&format!("api/s{n}.js"), handler(&body))
    })
}

fn length(app: &BundledApp) -> u64 {
    fs::metadata(app.path()).unwrap().len()
}

#[test]
fn another_script_costs_little_more_than_its_own_text() {
    const FEW_BYTES: u64 = 32 << 10;
    let (one, many) = (scripts(1).bundle(), scripts(50).bundle());
    let more = length(&many) - length(&one);
    assert!(
        more <= 49 * FEW_BYTES,
        "{} bytes for each script",
        more / 49
    );
    let app = many.start(&[]);
    for n in [0, 7, 49] {
        let want = format!("script {n} of many, at http://localhost/api/s{n}");
        assert_eq!(app.get(&format!("/api/s{n}")).text(), want);
    }
}

#[test]
fn a_site_without_scripts_has_no_engine() {
    let (without, with) = (TestSite::with_index().bundle(), scripts(1).bundle());
    assert!(length(&without) + (1 << 20) < length(&with));
    let said = inspected(&without, &["--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["script_engine"], Value::Null);
}

#[test]
fn the_same_scripts_give_the_same_app() {
    let source = "const now = [Date.now(), Math.random(), performance.now()];\n\
        const map = new Map([['a', {}], [{}, Symbol('b')]]); const date = new Date();\n\
        export default () => Response.json(now)";
    let files = [
        ("a.js", source),
        ("b.ts", "export default (): Response => new Response('b')"),
    ];
    for flags in [&[][..], &["--compress", "assets"], &["--level", "default"]] {
        // Neither the folder nor the time is in it.
        let [first, second] = [project(&files), project(&files)]
            .map(|site| fs::read(site.bundle_with(flags).path()).unwrap());
        assert!(
            first == second,
            "{flags:?}: {} and {} bytes",
            first.len(),
            second.len()
        );
    }
}

fn inspected(app: &BundledApp, flags: &[&str]) -> String {
    let output = wws()
        .arg("inspect")
        .args(flags)
        .arg(app.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn inspect_lists_scripts_and_their_engine() {
    let toml = "[worker]\nreuse = 3\n[vars]\nTOKEN = \"$TOKEN!\"\nPLAIN = \"secret\"\n";
    let site = project(&[
        ("api/[id].ts", &handler("return new Response('')")),
        ("api/[id].toml", toml),
        ("b.js", &handler("return new Response('')")),
    ])
    .worker("c", "hello");
    let app = site.bundle();
    let text = inspected(&app, &["--verify"]);
    for part in [
        "workers  3\n",
        "/api/[id]  api/[id].ts  script  ",
        " of heap, stored in ",
        "an instance answers 3 requests",
        "PLAIN, TOKEN from $TOKEN, required",
        "/b  b.js  script  ",
        "/c  c.wasm  core module  ",
        "scripts  run on one engine, ",
        "verified every hash fits",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(!text.contains("secret"), "{text}");

    let said: Value = serde_json::from_str(&inspected(&app, &["--json"])).unwrap();
    let workers = said["workers"].as_array().unwrap();
    let script = workers
        .iter()
        .find(|worker| worker["source"] == "api/[id].ts")
        .unwrap();
    assert_eq!(
        (&script["kind"], &script["route"]),
        (&"script".into(), &"/api/[id]".into())
    );
    assert_eq!(script["reuse"], 3);
    assert!(
        script["code_bytes"].as_u64() > script["stored_bytes"].as_u64(),
        "{script}"
    );
    assert!(
        said["script_engine"]["code_bytes"].as_u64() > Some(1 << 20),
        "{said}"
    );
    let other = workers
        .iter()
        .find(|worker| worker["source"] == "b.js")
        .unwrap();
    assert_eq!(other["reuse"], 1);
}

#[test]
fn the_summary_lists_scripts_and_their_engine() {
    let site =
        project(&[("api/hello.js", &handler("return new Response('')"))]).worker("c", "hello");
    let summary = site.summary(&[]);
    let find = |begin: &str| {
        summary
            .lines()
            .find(|line| line.trim_start().starts_with(begin))
    };
    assert!(
        find("/api/hello").unwrap().ends_with("of heap"),
        "{summary}"
    );
    assert!(find("/c").unwrap().ends_with("of native code"), "{summary}");
    assert!(
        find("scripts").unwrap().contains("one JavaScript engine"),
        "{summary}"
    );

    let said: Value = serde_json::from_str(&site.summary(&["--json"])).unwrap();
    assert!(
        said["script_engine_bytes"].as_u64() > Some(1 << 20),
        "{said}"
    );
    let workers = said["workers"].as_array().unwrap();
    let is_script = |source: &str| {
        let worker = workers.iter().find(|worker| worker["source"] == source);
        worker.unwrap()["is_script"].clone()
    };
    assert_eq!(
        (is_script("api/hello.js"), is_script("c.wasm")),
        (true.into(), false.into())
    );
}
