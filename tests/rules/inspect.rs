//! `wws inspect` shows what will be done; and rules that are damaged are not followed.

use std::fs;

use serde_json::{Value, json};

use super::site;
use crate::support::{BundledApp, TestSite, wws};

fn ruled() -> TestSite {
    site()
        .file("_redirects", "/old/* /about 302!\n\n/x /gone 410\n")
        .file("_headers", "/*\n  X-A: 1\n  Vary: Cookie\n  ! X-Frame-Options\n")
        .file(
            "wws.toml",
            "[site]\nspa = true\nhtml = 'drop-slash'\nnot_found = '/gone'\nsecurity_headers = true\n\
             cache = { '/a.css' = 'max-age=9' }\n[cors]\norigins = ['https://a.example']\n",
        )
}

fn inspected(app: &BundledApp, arguments: &[&str]) -> (Option<i32>, String) {
    let output = wws()
        .arg("inspect")
        .arg(app.path())
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn inspect_shows_the_rules_and_what_they_do_to_each_file() {
    let app = ruled().bundle();
    let (_, text) = inspected(&app, &[]);
    for part in [
        "pages    html drop-slash, navigations that lead nowhere get /index.html, all else that leads \
         nowhere /gone\n",
        "cors     https://a.example: GET, HEAD, PUT, PATCH, POST, DELETE; headers those asked for; no \
         credentials\n",
        "  line 1: /old/* /about 302!\n",
        "  line 3: /x /gone 410\n",
        "  line 1: /*  x-a: 1 | vary: Cookie | ! x-frame-options\n",
        "    cache-control: max-age=9\n",
        "    + vary: Cookie\n",
        "    ! x-frame-options\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    let (_, text) = inspected(&app, &["--json"]);
    let all: Value = serde_json::from_str(&text).unwrap();
    let site = &all["site"];
    assert_eq!(site["html"], "drop-slash");
    assert_eq!(
        site["redirect_rules"][1],
        json!({
            "line": 3, "from": "/x", "to": "/gone", "status": 410, "forced": false,
        })
    );
    assert_eq!(site["header_rules"][0]["fields"][0], "x-a: 1");
    let css = all["assets"]
        .as_array()
        .unwrap()
        .iter()
        .find(|asset| asset["path"] == "/a.css");
    let fields: Vec<&str> = css.unwrap()["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field.as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "x-content-type-options: nosniff",
            "! x-frame-options",
            "referrer-policy: strict-origin-when-cross-origin",
            "permissions-policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "cross-origin-opener-policy: same-origin",
            "cache-control: max-age=9",
            "x-a: 1",
            "+ vary: Cookie",
        ]
    );
}

#[test]
fn damaged_rules_are_noticed_and_not_followed() {
    let app = ruled().bundle();
    let mut bytes = fs::read(app.path()).unwrap();
    // The text of a target, which the section of rules alone has.
    let part = b"max-age=9";
    let at = bytes
        .windows(part.len())
        .position(|window| window == part)
        .unwrap();
    bytes[at] ^= 1;
    let copy = app.copy();
    fs::write(copy.path(), bytes).unwrap();
    let (code, text) = inspected(&copy, &["--verify"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("the rules of the bundle are damaged"),
        "{text}"
    );
    let app = copy.start(&[]);
    for path in ["/a.css", "/old/x", "/none"] {
        app.get(path).assert_status(500);
    }
    app.log_line("the rules of the bundle are damaged");
}

#[test]
fn the_same_rules_give_the_same_bytes() {
    let bytes = || fs::read(ruled().bundle().path()).unwrap();
    assert_eq!(bytes(), bytes());
}
