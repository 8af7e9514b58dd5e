//! What is in an image, and in its list of contents.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{ImageFile, sha256, try_image};
use crate::support::{TestSite, guest, skipped, unshare};

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_image_is_the_only_file_and_the_same_each_time() {
    let site = TestSite::with_index().worker("hello", "hello");
    let image = ImageFile::of(&site, &[]);
    assert_eq!(names_in(image.folder.path()), ["shop.tar"]);
    let again = ImageFile::of(&site, &[]);
    let same = fs::read(image.path()).unwrap() == fs::read(again.path()).unwrap();
    assert!(same, "two images of one site differ");
}

#[test]
fn an_app_an_image_and_a_list_come_from_one_run() {
    let site = TestSite::with_index().worker("hello", "hello");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let (app, sbom) = (text("app"), text("sbom.json"));
    let arguments = [
        "-o",
        &app,
        "--sbom",
        &sbom,
        "--oci-name",
        "r.example/a/shop:1.2",
    ];
    let output = try_image(
        &site,
        &path("image.tar"),
        &[&arguments[..], &["--json"]].concat(),
    );
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names_in(folder.path()), ["app", "image.tar", "sbom.json"]);

    let layout = super::Layout(super::files(&fs::read(path("image.tar")).unwrap()[..]));
    let app = fs::read(path("app")).unwrap();
    assert!(
        layout.root() == [("app".to_owned(), app.clone())],
        "another app in the image"
    );
    let list: Value = serde_json::from_slice(&fs::read(path("sbom.json")).unwrap()).unwrap();
    assert_eq!(layout.sbom(), list);
    assert_eq!(list["metadata"]["component"]["name"], "shop");
    let hash = &list["metadata"]["component"]["hashes"][0];
    assert_eq!(*hash, json!({"alg": "SHA-256", "content": sha256(&app)}));

    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["app"]["bytes"], app.len());
    assert_eq!(summary["image"]["path"], text("image.tar"));
    assert_eq!(
        summary["image"]["bytes"],
        fs::metadata(path("image.tar")).unwrap().len()
    );
    assert_eq!(summary["image"]["name"], "r.example/a/shop:1.2");
    assert_eq!(summary["sbom"], sbom);
    let first: Value = serde_json::from_slice(layout.file("index.json")).unwrap();
    let index = layout.follow_json(&first["manifests"][0]);
    assert_eq!(summary["image"]["digest"], index["manifests"][0]["digest"]);
}

#[test]
fn an_image_says_how_it_is_run() {
    let image = ImageFile::of(&TestSite::with_index(), &[]);
    let config = image.layout().config();
    let run = &config["config"];
    assert_eq!(run["User"], "65532:65532");
    assert_eq!(run["Entrypoint"], json!(["/app"]));
    assert_eq!(run["Env"], json!(["WWS_HOST=0.0.0.0"]));
    assert_eq!(run["ExposedPorts"], json!({"8080/tcp": {}}));
    assert_eq!(run["StopSignal"], "SIGTERM");
    assert_eq!(run["Labels"]["org.opencontainers.image.title"], "shop");
    assert_eq!(config["architecture"], "amd64");
    assert_eq!(config["created"], Value::Null);
}

#[test]
fn a_date_comes_from_the_environment_alone() {
    let site = TestSite::with_index();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    let mut command = crate::support::wws();
    command
        .arg("bundle")
        .arg(site.path())
        .arg("--oci")
        .arg(&path);
    command.env("SOURCE_DATE_EPOCH", "1700000000");
    assert!(command.output().unwrap().status.success());
    let layout = super::Layout(super::files(&fs::read(path).unwrap()[..]));
    assert_eq!(layout.config()["created"], "2023-11-14T22:13:20Z");
}

#[test]
fn the_list_of_contents_names_workers_crates_and_packages() {
    let script = "import { greet } from '@a/greeting';
        export default { fetch() { return new Response(greet()) } };";
    let package = r#"{"name": "@a/greeting", "version": "4.5.6", "license": "MIT",
        "main": "index.js", "type": "module"}"#;
    let site = TestSite::new()
        .worker("api/hello", "hello")
        .file("greet.js", script)
        .file("node_modules/@a/greeting/package.json", package)
        .file(
            "node_modules/@a/greeting/index.js",
            "export const greet = () => 'hi';",
        );
    let list = ImageFile::of(&site, &[]).layout().sbom();
    assert_eq!(
        (&list["bomFormat"], &list["specVersion"]),
        (&json!("CycloneDX"), &json!("1.5"))
    );
    let components = list["components"].as_array().unwrap();
    let find = |name: &str| {
        let found = components
            .iter()
            .find(|component| component["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in the list"))
    };
    for (file, bytes) in [
        ("api/hello.wasm", guest("hello")),
        ("greet.js", script.into()),
    ] {
        let hashes = json!([{"alg": "SHA-256", "content": sha256(&bytes)}]);
        assert_eq!(find(file)["hashes"], hashes, "{file}");
    }
    let package = find("@a/greeting");
    assert_eq!(package["purl"], "pkg:npm/%40a/greeting@4.5.6");
    assert_eq!(package["licenses"], json!([{"expression": "MIT"}]));
    assert!(
        find("wasmtime")["purl"]
            .as_str()
            .unwrap()
            .starts_with("pkg:cargo/wasmtime@")
    );
    // The engine of scripts is there where there are scripts.
    find("rquickjs");
    let plain = ImageFile::of(&TestSite::with_index(), &[]).layout().sbom();
    let names = plain["components"].as_array().unwrap().iter();
    assert!(names.clone().any(|component| component["name"] == "hyper"));
    assert!(
        names
            .clone()
            .all(|component| component["name"] != "rquickjs")
    );
}

#[test]
fn an_image_that_cannot_be_written_is_refused_and_nothing_is_left() {
    #[track_caller]
    fn check(folder: &Path, name: &str, arguments: &[&str], code: i32, want: &str) {
        let before = names_in(folder);
        let output = try_image(&TestSite::with_index(), &folder.join(name), arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{message}");
        assert!(message.contains(want), "{message}");
        assert_eq!(names_in(folder), before);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let check = |name, arguments: &[&str], code, want| {
        check(folder.path(), name, arguments, code, want);
    };
    check("folder", &[], 1, "is a folder; name a file with --oci");
    check("missing/image", &[], 1, "missing/image: No such file");
    check(
        "x",
        &["-o", &path("x")],
        1,
        "was given to -o too; name another file with --oci",
    );
    check(
        "x",
        &["-o", &path("folder")],
        1,
        "is a folder; name a file with -o",
    );
    check(
        "x",
        &["--sbom", &path("folder")],
        1,
        "is a folder; name a file with --sbom",
    );
    check(
        "x",
        &["--oci-name", "Shop"],
        2,
        "\"Shop\" cannot be in the name of an image",
    );
    check("x", &["--oci-name", "shop:"], 2, "cannot be the tag");
}

#[test]
fn a_full_disk_leaves_neither_an_image_nor_an_app() {
    let Some(mut command) = unshare(&["--mount"]) else {
        return skipped("an image onto a full disk: nothing can be mounted here");
    };
    let site = TestSite::with_index();
    let app = fs::metadata(site.bundle().path()).unwrap().len();
    let out = tempfile::tempdir().unwrap();
    // Room for the app, and for half of the image.
    let script = r#"mount -t tmpfs -o "size=$SIZE" none "$OUT" || exit 77
        printf older > "$OUT/app"
        "$WWS" bundle "$SITE" -o "$OUT/app" --oci "$OUT/image"
        echo "exit $?"; ls -A "$OUT"; cat "$OUT/app""#;
    command
        .args(["sh", "-c", script])
        .env("WWS", env!("CARGO_BIN_EXE_wws"))
        .env("SIZE", (app * 3 / 2).to_string())
        .env("OUT", out.path())
        .env("SITE", site.path());
    let output = command.output().unwrap();
    if output.status.code() == Some(77) {
        return skipped("an image onto a full disk: no tmpfs can be mounted here");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "exit 1\napp\nolder", "{output:?}");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("image: No space left on device"),
        "{message}"
    );
}
