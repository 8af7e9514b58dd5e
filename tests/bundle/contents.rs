//! What is in an app, and on what it depends: nothing but the files and the options.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::{
    bundle_command, files_below, inspected, json, long_text, mixed_site, names_in, stderr,
};
use crate::support::{RunningApp, TestSite, skipped, wws};

#[test]
fn the_same_files_give_the_same_bytes() {
    let site = mixed_site();
    let out = tempfile::tempdir().unwrap();
    let bytes_of = |mut command: Command, app: &str| {
        // Each compiles anew, else the workers would be the same by way of the cache.
        let cache = tempfile::tempdir().unwrap();
        let output = command
            .env("XDG_CACHE_HOME", cache.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        fs::read(out.path().join(app)).unwrap()
    };
    let bundle =
        |site: &Path, app: &str| bytes_of(bundle_command(site, &out.path().join(app)), app);
    let want = bundle(site.path(), "first");
    assert!(want == bundle(site.path(), "again"), "a second run differs");

    let copy = tempfile::tempdir().unwrap();
    let mut files = files_below(site.path());
    files.sort();
    for file in files.iter().rev() {
        let to = copy.path().join(file.strip_prefix(site.path()).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, &to).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        File::options()
            .write(true)
            .open(&to)
            .unwrap()
            .set_modified(old)
            .unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o400)).unwrap();
    }
    assert!(
        want == bundle(copy.path(), "copy"),
        "a copy in another order and older differs"
    );

    let link = out.path().join("link");
    symlink(site.path(), &link).unwrap();
    assert!(
        want == bundle(&link.join("."), "linked"),
        "another way to the folder differs"
    );

    let mut one_core = Command::new("taskset");
    one_core
        .args(["-c", "0"])
        .arg(env!("CARGO_BIN_EXE_wws"))
        .arg("bundle")
        .arg(site.path());
    one_core
        .arg("-o")
        .arg(out.path().join("one core"))
        .env_remove("SOURCE_DATE_EPOCH");
    match Command::new("taskset").arg("--version").output() {
        Ok(_) => assert!(
            want == bytes_of(one_core, "one core"),
            "one core differs from many"
        ),
        Err(_) => skipped("bundling on one core: there is no taskset here"),
    }
}

#[test]
fn other_files_give_other_bytes() {
    let first = fs::read(TestSite::with_index().bundle().path()).unwrap();
    let other = TestSite::new().file("index.html", "<h1>Gome</h1>").bundle();
    assert!(first != fs::read(other.path()).unwrap());
}

#[test]
fn every_level_serves_the_same_and_best_is_smallest() {
    let site = TestSite::with_index()
        .file("long.txt", long_text())
        .worker("hello", "hello");
    let stored = |level: &str| {
        let app = site.bundle_with(&["--level", level]);
        let running = app.start(&[]);
        assert_eq!(
            running.get("/long.txt").text(),
            long_text(),
            "--level {level}"
        );
        assert_eq!(
            running.get("/hello").text(),
            "hello from wat",
            "--level {level}"
        );
        inspected(&app)["bundle_bytes"].as_u64().unwrap()
    };
    let (fast, default, best) = (stored("fast"), stored("default"), stored("best"));
    assert!(fast > default && default > best, "{fast} {default} {best}");
}

#[test]
fn only_the_encodings_that_were_asked_for_are_stored_and_sent() {
    #[track_caller]
    fn check(encodings: &str, stored: &[&str]) {
        let site = TestSite::with_index().file("long.txt", long_text());
        let app = site.bundle_with(&["--encodings", encodings]);
        let assets = inspected(&app)["assets"].as_array().unwrap().clone();
        let asset = assets
            .iter()
            .find(|asset| asset["path"] == "/long.txt")
            .unwrap();
        let variants = asset["variants"].as_array().unwrap();
        let mut codings: Vec<&str> = variants
            .iter()
            .map(|v| v["coding"].as_str().unwrap())
            .collect();
        codings.sort_unstable();
        assert_eq!(codings, stored, "--encodings {encodings}");

        let app = app.start(&[]);
        for coding in ["zstd", "br", "gzip"] {
            let answer = app.get_with("/long.txt", &[("accept-encoding", coding)]);
            let want = stored.contains(&coding).then_some(coding);
            assert_eq!(
                answer.field("content-encoding"),
                want,
                "{encodings}: {answer:?}"
            );
        }
        let identity = app.get_with("/long.txt", &[("accept-encoding", "identity")]);
        assert_eq!(identity.text(), long_text(), "--encodings {encodings}");
    }
    check("zstd,br,gzip", &["br", "gzip", "zstd"]);
    check("gzip", &["gzip", "raw"]);
    check("br", &["br", "raw"]);
    check("zstd", &["zstd"]);
    check("gzip,br,gzip", &["br", "gzip", "raw"]);
}

#[test]
fn native_code_is_compressed_unless_only_assets_are() {
    #[track_caller]
    fn check(compress: &str, raw: bool) {
        let site = mixed_site();
        let app = site.bundle_with(&["--compress", compress]);
        for worker in inspected(&app)["workers"].as_array().unwrap() {
            let is_raw = worker["stored_bytes"] == worker["code_bytes"];
            assert_eq!(is_raw, raw, "--compress {compress}: {worker}");
        }
        let running = app.start(&[]);
        for _ in 0..3 {
            assert_eq!(running.get("/api/hello").text(), "hello from wat");
            assert_eq!(running.get("/api/7").text(), "two cookies");
            assert_eq!(running.get("/component").text(), "hello from a component");
            assert_eq!(running.get("/long.txt").text(), long_text());
        }
    }
    check("all", false);
    check("assets", true);
}

#[test]
fn the_cpu_is_recorded_and_both_run_here() {
    #[track_caller]
    fn check(arguments: &[&str], want: &str) {
        let app = TestSite::with_index()
            .worker("hello", "hello")
            .bundle_with(arguments);
        assert_eq!(inspected(&app)["cpu"], want);
        assert_eq!(app.start(&[]).get("/hello").text(), "hello from wat");
    }
    check(&[], "baseline");
    check(&["--cpu", "baseline"], "baseline");
    check(&["--cpu", "native"], "native");
}

#[test]
fn the_date_of_all_assets_comes_from_the_environment() {
    let site = TestSite::with_index();
    let bundle = |value: &str| {
        let out = tempfile::tempdir().unwrap();
        let app = out.path().join("app");
        let output = bundle_command(site.path(), &app)
            .env("SOURCE_DATE_EPOCH", value)
            .output()
            .unwrap();
        let date = output.status.success().then(|| {
            json(
                &wws()
                    .args(["inspect", "--json"])
                    .arg(&app)
                    .output()
                    .unwrap(),
            )["modified"]
                .clone()
        });
        assert_eq!(app.exists(), date.is_some());
        (output.status.code(), stderr(&output), date)
    };
    for (value, want) in [
        ("0", Some(0)),
        ("1700000000", Some(1_700_000_000)),
        ("", None),
    ] {
        let (_, message, date) = bundle(value);
        assert_eq!(date.expect(&message).as_u64(), want, "{value:?}");
    }
    for value in [
        "yesterday",
        "-1",
        "1.5",
        " 1",
        "253402300800",
        "99999999999999999999",
    ] {
        let (code, message, _) = bundle(value);
        assert_eq!(code, Some(1), "{value:?}: {message}");
        assert!(
            message.contains("SOURCE_DATE_EPOCH") && message.contains(value),
            "{message}"
        );
    }
}

#[test]
fn compiled_code_is_kept_and_checked() {
    let site = TestSite::with_index().worker("hello", "hello");
    let cache = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let bundle = |app: &str| {
        let mut command = bundle_command(site.path(), &out.path().join(app));
        let output = command
            .env("XDG_CACHE_HOME", cache.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        fs::read(out.path().join(app)).unwrap()
    };
    let want = bundle("first");
    let kept = files_below(&cache.path().join("wws"));
    let [kept] = kept.as_slice() else {
        panic!("one file is kept for one worker: {kept:?}")
    };
    let inode = || fs::metadata(kept).unwrap().ino();
    let (good, first_inode) = (fs::read(kept).unwrap(), inode());
    assert!(want == bundle("cached"), "code from the cache differs");
    assert_eq!(inode(), first_inode, "what was kept was compiled again");

    let damaged = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cut = good[..good.len() - 1].to_vec();
    for bad in [
        damaged(0),
        damaged(40),
        damaged(good.len() / 2),
        damaged(good.len() - 1),
        cut,
        vec![],
    ] {
        fs::write(kept, bad).unwrap();
        assert!(want == bundle("damaged"), "a damaged cache changed the app");
        assert!(
            fs::read(kept).unwrap() == good,
            "what was damaged was not kept anew"
        );
    }
    assert_eq!(files_below(cache.path()), std::slice::from_ref(kept));
}

#[test]
fn a_cache_that_cannot_be_written_costs_only_time() {
    let site = TestSite::with_index().worker("hello", "hello");
    let out = tempfile::tempdir().unwrap();
    let app = out.path().join("app");
    for cache in [Some("/dev/null/no"), Some("relative"), Some(""), None] {
        let mut command = bundle_command(site.path(), &app);
        command
            .env_remove("XDG_CACHE_HOME")
            .env_remove("HOME")
            .current_dir(out.path());
        if let Some(cache) = cache {
            command.env("XDG_CACHE_HOME", cache);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{cache:?}: {}", stderr(&output));
        assert_eq!(names_in(out.path()), ["app"], "{cache:?}");
    }
    assert_eq!(start(&app).get("/hello").text(), "hello from wat");
}

fn start(app: &Path) -> RunningApp {
    let mut command = Command::new(app);
    command.args(["--port", "0"]);
    RunningApp::start(command)
}
