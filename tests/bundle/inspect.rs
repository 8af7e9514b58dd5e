//! What `wws inspect` says about an app, and about what is none.

use std::fs;
use std::path::Path;

use super::{inspected, long_text, mixed_site, stderr};
use crate::support::{BundledApp, TestSite, wws};

#[test]
fn inspect_shows_what_is_in_an_app() {
    let site = mixed_site().file(
        "component.toml",
        "[vars]\nTOKEN = \"a secret\"\n\n[limits]\ntime = \"2s\"\n",
    );
    let app = site.bundle_with(&["--prefix", "/shop"]);
    let output = wws().arg("inspect").arg(app.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "wws 0.",
        "wasmtime ",
        "CPU baseline",
        "layout   site: there is an index.html at its root",
        "prefix   /shop",
        "workers  3",
        "/api/[id]  api/[id].wasm  core module",
        "/component  component.wasm  component",
        "time 2s",
        "vars: TOKEN",
        "/long.txt  text/plain; charset=utf-8",
        "/about.html -> /about",
        "/docs -> /docs/",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    assert!(!text.contains("a secret"), "{text}");

    let all = inspected(&app);
    assert_eq!(all["app_bytes"], fs::metadata(app.path()).unwrap().len());
    assert_eq!(all["prefix"], "/shop");
    assert_eq!(all["verified"], false);
    let routes: Vec<&str> = all["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["route"].as_str().unwrap())
        .collect();
    assert_eq!(routes, ["/api/hello", "/component", "/api/[id]"]);
    let paths: Vec<&str> = all["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["path"].as_str().unwrap())
        .collect();
    let want = [
        "/",
        "/about",
        "/copy of long.txt",
        "/docs/",
        "/long.txt",
        "/ü/%20 and\nmore.css",
    ];
    assert_eq!(paths, want);
    assert_eq!(all["assets"][4]["bytes"], long_text().len());
    assert!(!all.to_string().contains("a secret"), "{all}");
}

#[test]
fn verify_finds_one_flipped_bit_and_names_what_it_hit() {
    let app = mixed_site().bundle();
    let verify = |app: &BundledApp| {
        let output = wws()
            .args(["inspect", "--verify"])
            .arg(app.path())
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), stdout + &stderr(&output))
    };
    let (code, text) = verify(&app);
    assert!(
        code == Some(0) && text.contains("verified every hash fits"),
        "{text}"
    );

    let all = inspected(&app);
    let stub_bytes = usize::try_from(all["stub_bytes"].as_u64().unwrap()).unwrap();
    let end = stub_bytes + usize::try_from(all["bundle_bytes"].as_u64().unwrap()).unwrap();
    let good = fs::read(app.path()).unwrap();
    let find = |part: &[u8]| {
        stub_bytes
            + good[stub_bytes..end]
                .windows(part.len())
                .position(|w| w == part)
                .unwrap()
    };
    let u64_at = |at: usize| {
        let number = u64::from_le_bytes(good[at..at + 8].try_into().unwrap());
        usize::try_from(number).unwrap()
    };
    // The section table begins at 40 and has 40 bytes a section.
    let section = |place: usize| {
        let at = stub_bytes + 40 + 40 * place;
        (stub_bytes + u64_at(at + 8), u64_at(at + 16))
    };
    // The code of `api/[id]`, which comes last in the order of routes, ends its section.
    let (code_at, code_length) = section(1);
    let check = |at: usize, want: &str| {
        let copy = app.copy();
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(copy.path(), bad).unwrap();
        let (code, text) = verify(&copy);
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.contains("error: ") && text.contains(want) && text.contains("damaged"),
            "{text}"
        );
    };
    check(find(b"<h1>Docs</h1>"), "/docs/: ");
    check(find(b"<h1>Home</h1>"), "/: ");
    check(code_at, "api/hello.wasm: ");
    check(code_at + code_length - 1, "api/[id].wasm: ");
    check(section(2).0, "the index of the bundle is damaged");
    check(section(3).0, "the index of the bundle is damaged");
    check(section(4).0, "description of itself is damaged");
    check(stub_bytes + 16, "the header of the bundle is damaged");
}

#[test]
fn inspecting_what_is_no_app_is_an_error_in_words() {
    #[track_caller]
    fn check(path: &Path, want: &str) {
        let output = wws().arg("inspect").arg(path).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.starts_with("error: ") && message.contains(want),
            "{message}"
        );
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name)
    };
    check(&folder.path().join("missing"), "No such file");
    check(folder.path(), "directory");
    check(&file("empty", b""), "no 64-bit little-endian ELF");
    check(
        &file("script", b"#!/bin/sh\necho hello\n"),
        "no 64-bit little-endian ELF",
    );
    check(
        &file("cut", b"\x7fELF\x02\x01\x01"),
        "no 64-bit little-endian ELF",
    );
    check(
        Path::new(env!("CARGO_BIN_EXE_wws")),
        "there is no bundle in this executable",
    );
    let app = fs::read(TestSite::with_index().bundle().path()).unwrap();
    check(
        &file("half", &app[..app.len() / 2]),
        "ends before its bundle does",
    );
}
