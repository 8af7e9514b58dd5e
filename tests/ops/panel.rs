//! The page about the running app, as a browser shows it.

use std::process::{Command, Stdio};

use super::{Admin, site};
use crate::support::{skipped, wait_for};

/// What a browser makes of a page after its script has run for a while; `None` without a browser.
fn rendered(url: &str) -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let name = names.into_iter().find(|name| {
        let version = Command::new(name)
            .arg("--version")
            .stderr(Stdio::null())
            .output();
        version.is_ok_and(|output| output.status.success())
    })?;
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(name)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=6000", "--dump-dom", url])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_browser_shows_routes_rates_times_and_failures() {
    let admin = Admin::start(&site().bundle(), &["--enable-panel"]);
    wait_for(|| (admin.get("/readyz").status == 200).then_some(()));
    for _ in 0..3 {
        admin.app.get("/api/echo").assert_status(200);
    }
    admin.app.get("/trap").assert_status(500);
    let Some(page) = rendered(&format!("http://127.0.0.1:{}/", admin.port)) else {
        return skipped("the panel in a browser; it needs chromium");
    };
    for part in [
        r#"class="badge good">Ready<"#,
        r#"<th scope="row">/api/echo</th><td class="number">3</td>"#,
        "<span>200 × 3</span>",
        r#"<span class="bad">500 × 1</span>"#,
        "<td>trap</td>",
        "unreachable",
        " MiB</dd>",
        " µs</td>",
        r#"<td class="empty" colspan="2">None was hit.</td>"#,
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[test]
fn what_a_worker_says_is_text_and_nothing_else() {
    let script = "export default { fetch() { throw new Error('<img src=x onerror=alert(1)>') } }";
    let site = crate::support::TestSite::new().file("w.js", script);
    let admin = Admin::start(&site.bundle(), &["--enable-panel"]);
    admin.app.get("/w").assert_status(500);
    let data = admin.get("/panel/data.json");
    let data: serde_json::Value = serde_json::from_slice(&data.body).unwrap();
    assert_eq!(data["errors"][0]["kind"], "exception");
    let Some(page) = rendered(&format!("http://127.0.0.1:{}/panel/", admin.port)) else {
        return skipped("the panel in a browser; it needs chromium");
    };
    assert!(
        page.contains("&lt;img src=x") && !page.contains("<img"),
        "{page}"
    );
}

#[test]
fn it_is_for_who_asks_by_address_and_lets_nobody_in() {
    let admin = Admin::start(&site().bundle(), &["--enable-panel"]);
    assert_eq!(
        admin.get("/").assert_status(307).field("location"),
        Some("/panel/")
    );
    assert_eq!(
        admin.get("/panel").assert_status(307).field("location"),
        Some("/panel/")
    );
    for (path, media_type) in [
        ("/panel/", "text/html; charset=utf-8"),
        ("/panel/panel.css", "text/css; charset=utf-8"),
        ("/panel/panel.js", "text/javascript; charset=utf-8"),
        ("/panel/data.json", "application/json"),
    ] {
        let answer = admin.get(path);
        assert_eq!(
            answer.assert_status(200).field("content-type"),
            Some(media_type)
        );
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        let by_name = admin.request("GET", path, &[("host", "evil.example")]);
        by_name.assert_status(421);
    }
    admin.get("/panel/../panel.js").assert_status(404);
    // Metrics are asked for by whatever name a scraper knows.
    admin
        .request("GET", "/metrics", &[("host", "app.internal")])
        .assert_status(200);
}
