//! `wws bundle` and `wws inspect`: the file that comes out, what is said about it, and what is
//! refused. Not here: what the app then does (`assets`, `workers`, `life`).

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::{BundledApp, RunningApp, TestSite, skipped, unshare, wws};

/// Text that every coding shortens.
fn long_text() -> String {
    (0..2000).map(|n| format!("line {n} of a text\n")).collect()
}

/// One of everything that goes into a bundle by a way of its own.
fn mixed_site() -> TestSite {
    TestSite::with_index()
        .file("about.html", "<h1>About</h1>")
        .file("docs/index.html", "<h1>Docs</h1>")
        .file("long.txt", long_text())
        .file("copy of long.txt", long_text())
        .file("ü/%20 and\nmore.css", "body {}")
        .worker("api/hello", "hello")
        .worker("api/[id]", "two_cookies")
        .worker("component", "component_hello")
}

/// `wws bundle SITE -o APP`, with nothing added.
fn bundle_command(site: &Path, app: &Path) -> Command {
    let mut command = wws();
    command.arg("bundle").arg(site).arg("-o").arg(app);
    command
}

/// What `wws bundle --json` or `wws inspect --json` says.
#[track_caller]
fn json(output: &Output) -> Value {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn inspected(app: &BundledApp) -> Value {
    json(
        &wws()
            .args(["inspect", "--json"])
            .arg(app.path())
            .output()
            .unwrap(),
    )
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// All files below a folder, as the disk lists them.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_below(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files
}

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
fn the_json_summary_has_the_numbers() {
    let site = TestSite::new()
        .file("public/index.html", "<h1>Home</h1>")
        .file("public/a.txt", "12345")
        .file("public/b.txt", "12345")
        .file("README.md", "not served")
        .worker("api/[id]", "hello");
    let app = site.bundle();
    let output = site.try_bundle(&app.path(), &["--json"]);
    assert_eq!(stderr(&output), "", "--json says nothing else");
    let summary = json(&output);
    let numbers = [
        "assets",
        "asset_bytes",
        "stored_asset_bytes",
        "unused_files",
    ];
    // The 5 bytes that two files share are stored once.
    assert_eq!(
        numbers.map(|name| summary[name].as_u64()),
        [3, 23, 18, 1].map(Some),
        "{summary}"
    );
    assert_eq!(summary["layout"], "project");
    assert_eq!(summary["workers"].as_array().unwrap().len(), 1);
    assert_eq!(summary["workers"][0]["route"], "/api/[id]");
    assert_eq!(summary["workers"][0]["source"], "api/[id].wasm");
    assert!(
        summary["workers"][0]["code_bytes"].as_u64().unwrap() > 0,
        "{summary}"
    );
    assert_eq!(summary["app"]["path"], app.path().to_str().unwrap());
    assert_eq!(
        summary["app"]["bytes"],
        fs::metadata(app.path()).unwrap().len()
    );
    assert!(summary["seconds"].is_number(), "{summary}");
}

#[test]
fn the_summary_is_plain_lines_and_quiet_is_silent() {
    let site = TestSite::with_index()
        .file("a.css", "a {}")
        .worker("api/[id]", "hello");
    let app = site.bundle();
    let loud = site.try_bundle(&app.path(), &[]);
    let text = String::from_utf8(loud.stdout.clone()).unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let size = fs::metadata(app.path()).unwrap().len();
    let size = format!("{}.{}", size / 1_000_000, size % 1_000_000 / 100_000);
    assert_eq!(lines[0][..2], ["layout", "site:"], "{text}");
    assert_eq!(lines[1][..4], ["assets", "2,", "17", "B,"], "{text}");
    assert_eq!(lines[2], ["workers", "1"], "{text}");
    assert_eq!(lines[3][..2], ["/api/[id]", "api/[id].wasm"], "{text}");
    assert_eq!(
        lines[4][..3],
        ["app", &format!("{},", app.path().display()), &size],
        "{text}"
    );
    assert_eq!(lines[5], ["run", app.path().to_str().unwrap()], "{text}");
    let progress = stderr(&loud);
    assert_eq!(
        progress.lines().collect::<Vec<_>>(),
        ["compiling: 1 worker", "compressing: 17 B"]
    );

    let quiet = site.try_bundle(&app.path(), &["-q"]);
    assert!(quiet.status.success());
    assert_eq!((quiet.stdout, quiet.stderr), (Vec::new(), Vec::new()));
}

#[test]
fn the_summary_names_the_layout_and_why() {
    #[track_caller]
    fn check(site: &TestSite, arguments: &[&str], want: &str) {
        let app = site.bundle();
        let output = site.try_bundle(&app.path(), arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.starts_with(&format!("layout   {want}\n")),
            "{text}{}",
            stderr(&output)
        );
    }
    let site = TestSite::with_index().file("public/a.txt", "a");
    check(&site, &[], "site: there is an index.html at its root");
    check(&site, &["--layout", "project"], "project: as --layout says");
    check(&site, &["--layout", "site"], "site: as --layout says");
    let project = TestSite::new().file("public/a.txt", "a");
    check(
        &project,
        &[],
        "project: there is a public folder and no index.html",
    );
    let workers = TestSite::new().worker("a", "hello");
    check(
        &workers,
        &[],
        "project: there are workers and no index.html",
    );
}

#[test]
fn ignored_files_are_left_out() {
    let site = TestSite::with_index()
        .file("a.map", "a")
        .file("deep/b.map", "b")
        .file("drafts/x.html", "x")
        .file("deep/drafts/y.html", "y");
    let app = site
        .bundle_with(&["--ignore", "*.map", "--ignore", "/drafts/"])
        .start(&[]);
    for (path, status) in [
        ("/", 200),
        ("/a.map", 404),
        ("/deep/b.map", 404),
        ("/drafts/x", 404),
        ("/deep/drafts/y", 200),
    ] {
        app.get(path).assert_status(status);
    }
    assert!(site.refusal(&["--ignore", "a[.map"]).contains("--ignore"));
}

#[test]
fn the_app_is_the_only_file_and_all_may_run_it() {
    let site = TestSite::with_index();
    let app = site.bundle();
    let folder = app.path().parent().unwrap().to_owned();
    assert_eq!(names_in(&folder), ["app"]);
    assert_eq!(
        fs::metadata(app.path()).unwrap().permissions().mode() & 0o7777,
        0o755
    );

    let script = r#"umask 077; exec "$0" bundle "$1" -q -o "$2""#;
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_wws")])
        .arg(site.path());
    assert!(
        command
            .arg(folder.join("other"))
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(names_in(&folder), ["app", "other"]);
    assert_eq!(
        fs::metadata(folder.join("other"))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777,
        0o755
    );
}

#[test]
fn a_new_app_takes_the_place_of_one_that_runs() {
    let app = TestSite::new().file("index.html", "old").bundle();
    let old = app.start(&[]);
    let inode = fs::metadata(app.path()).unwrap().ino();
    let output = TestSite::new()
        .file("index.html", "new")
        .try_bundle(&app.path(), &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_ne!(fs::metadata(app.path()).unwrap().ino(), inode);
    assert_eq!(old.get("/").text(), "old");
    assert_eq!(app.start(&[]).get("/").text(), "new");
}

#[test]
fn the_output_may_be_named_from_where_one_stands() {
    let site = TestSite::with_index();
    let out = tempfile::tempdir().unwrap();
    let mut command = bundle_command(site.path(), Path::new("app"));
    let output = command.current_dir(out.path()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.ends_with("run      ./app\n"), "{text}");
    assert_eq!(names_in(out.path()), ["app"]);
}

#[test]
fn an_output_that_cannot_be_is_refused_and_nothing_is_left() {
    #[track_caller]
    fn check(site: &TestSite, folder: &Path, name: &str, want: &str) {
        let before = names_in(folder);
        let output = site.try_bundle(&folder.join(name), &[]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(
            message.starts_with("error: ") && message.contains(want),
            "{message}"
        );
        assert_eq!(names_in(folder), before);
    }
    let site = TestSite::with_index().file("sub/a.txt", "a");
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("file"), "").unwrap();
    symlink(site.path(), path("to the site")).unwrap();

    check(
        &site,
        out.path(),
        "folder",
        "is a folder; name a file with -o",
    );
    check(
        &site,
        out.path(),
        "folder/",
        "is a folder; name a file with -o",
    );
    check(&site, out.path(), "..", "is a folder; name a file with -o");
    check(
        &site,
        out.path(),
        "missing/app",
        "missing/app: No such file or directory",
    );
    check(&site, out.path(), "file/app", "file/app");
    check(&site, out.path(), "to the site/app", "lies inside the site");
    check(&site, site.path(), "app", "lies inside the site");
    check(&site, site.path(), "sub/app", "lies inside the site");
}

#[test]
fn an_output_that_is_no_regular_file_is_not_replaced() {
    let site = TestSite::with_index();
    let out = tempfile::tempdir().unwrap();
    let pipe = out.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let output = site.try_bundle(&pipe, &[]);
    // As root, `-o /dev/null` would otherwise replace the device.
    assert!(!fs::metadata(&pipe).unwrap().is_file(), "the pipe is gone");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn an_older_app_stays_as_it_was_when_bundling_fails() {
    let app = TestSite::with_index().bundle();
    let before = (
        fs::read(app.path()).unwrap(),
        fs::metadata(app.path()).unwrap().ino(),
    );
    let bad = TestSite::with_index().file("x.wasm", "\0asm\x01\0\0\0broken");
    let output = bad.try_bundle(&app.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let after = (
        fs::read(app.path()).unwrap(),
        fs::metadata(app.path()).unwrap().ino(),
    );
    assert!(before == after, "the older app was touched");
    assert_eq!(names_in(app.path().parent().unwrap()), ["app"]);
}

#[test]
fn a_full_disk_is_an_error_that_leaves_the_older_app() {
    let Some(mut command) = unshare(&["--mount"]) else {
        return skipped("bundling onto a full disk: nothing can be mounted here");
    };
    let out = tempfile::tempdir().unwrap();
    let site = TestSite::with_index();
    let script = r#"mount -t tmpfs -o size=1m none "$OUT" || exit 77
        printf older > "$OUT/app"
        "$WWS" bundle "$SITE" -o "$OUT/app"
        echo "exit $?"; ls -A "$OUT"; cat "$OUT/app""#;
    command
        .args(["sh", "-c", script])
        .env("WWS", env!("CARGO_BIN_EXE_wws"));
    let output = command
        .env("OUT", out.path())
        .env("SITE", site.path())
        .output()
        .unwrap();
    if output.status.code() == Some(77) {
        return skipped("bundling onto a full disk: no tmpfs can be mounted here");
    }
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "exit 1\napp\nolder",
        "{output:?}"
    );
    let message = stderr(&output);
    let want = format!(
        "cannot write {}: No space left on device",
        out.path().join("app").display()
    );
    assert!(message.contains(&want), "{message}");
}

#[test]
fn a_folder_that_is_no_site_is_refused_in_words() {
    #[track_caller]
    fn check(site: &Path, want: &[&str]) {
        let out = tempfile::tempdir().unwrap();
        let output = bundle_command(site, &out.path().join("app"))
            .output()
            .unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.starts_with("error: "), "{message}");
        assert!(want.iter().all(|part| message.contains(part)), "{message}");
        assert_eq!(names_in(out.path()), [""; 0]);
    }
    let site = TestSite::new();
    check(
        &site.path().join("missing"),
        &["missing", "No such file", "give the folder of a site"],
    );
    check(
        site.path(),
        &[site.path().to_str().unwrap(), "has no files"],
    );
    let site = site.file("note.txt", "no index.html, no public, no worker");
    check(
        site.path(),
        &["index.html", "public/", "--layout site", "--layout project"],
    );
    check(
        &site.path().join("note.txt"),
        &["note.txt", "it is no folder"],
    );
    check(
        TestSite::new().file(".hidden", "").path(),
        &["has no files"],
    );
}

#[test]
fn what_cannot_be_served_is_named() {
    #[track_caller]
    fn check(spoil: impl Fn(&Path), want: &[&str]) {
        let site = TestSite::with_index().file("sub/a.txt", "a");
        spoil(site.path());
        let message = site.refusal(&[]);
        assert!(want.iter().all(|part| message.contains(part)), "{message}");
    }
    let link = |to: &'static str| move |site: &Path| symlink(to, site.join("link")).unwrap();
    check(
        link("/etc/passwd"),
        &["link: the link leads out of the site, to /etc/passwd"],
    );
    check(
        link("/etc"),
        &["link: the link leads out of the site, to /etc"],
    );
    check(link(".."), &["link: the link leads"]);
    check(link("gone"), &["link: the link leads nowhere"]);
    check(link("link"), &["link: "]);
    check(link("."), &["link: the link leads back to"]);
    check(
        |site| symlink("..", site.join("sub/up")).unwrap(),
        &["sub/up: the link leads back to"],
    );
    let pipe = |site: &Path| {
        assert!(
            Command::new("mkfifo")
                .arg(site.join("pipe"))
                .status()
                .unwrap()
                .success()
        );
    };
    check(pipe, &["pipe: is no regular file"]);
    check(
        |site| fs::write(site.join("a\\b"), "").unwrap(),
        &["a\\b: a name with a backslash"],
    );
    let not_utf8 = |site: &Path| {
        use std::os::unix::ffi::OsStrExt;
        fs::write(site.join(std::ffi::OsStr::from_bytes(b"caf\xe9.txt")), "").unwrap();
    };
    check(not_utf8, &["caf\u{fffd}.txt: the name is not UTF-8"]);
    let several = |site: &Path| {
        link("gone")(site);
        pipe(site);
    };
    check(
        several,
        &[
            "2 problems",
            "link: the link leads nowhere",
            "pipe: is no regular file",
        ],
    );
}

#[test]
fn links_inside_the_site_are_followed() {
    let site = TestSite::with_index().file("real/a.txt", "through a link");
    symlink("real", site.path().join("folder")).unwrap();
    symlink("real/a.txt", site.path().join("file.txt")).unwrap();
    symlink(
        site.path().join("real/a.txt"),
        site.path().join("absolute.txt"),
    )
    .unwrap();
    let app = site.bundle().start(&[]);
    for path in ["/real/a.txt", "/folder/a.txt", "/file.txt", "/absolute.txt"] {
        assert_eq!(app.get(path).text(), "through a link", "{path}");
    }
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let site = TestSite::with_index()
        .file("secret.txt", "s")
        .file("closed/a.txt", "a");
    let out = tempfile::tempdir().unwrap();
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(site.path(), 0o755);
    set(out.path(), 0o777);
    // Root may read everything, so the bundler runs as nobody.
    let as_nobody = || {
        if !rustix::process::geteuid().is_root() {
            return wws();
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        command.arg(env!("CARGO_BIN_EXE_wws"));
        command
    };
    if !as_nobody()
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return skipped("a file that may not be read: this is root, and wws cannot run as nobody");
    }
    let refusal = || {
        let mut command = as_nobody();
        command
            .arg("bundle")
            .arg(site.path())
            .arg("-o")
            .arg(out.path().join("app"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(names_in(out.path()), [""; 0]);
        stderr(&output)
    };
    set(&site.path().join("secret.txt"), 0o000);
    let message = refusal();
    assert!(
        message.contains("secret.txt: ") && message.contains("Permission denied"),
        "{message}"
    );
    set(&site.path().join("secret.txt"), 0o644);
    set(&site.path().join("closed"), 0o000);
    let message = refusal();
    set(&site.path().join("closed"), 0o755);
    assert!(
        message.contains("closed: cannot be read: Permission denied"),
        "{message}"
    );
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
    assert_eq!(files_below(cache.path()), [kept.clone()]);
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
    let u64_at = |at: usize| u64::from_le_bytes(good[at..at + 8].try_into().unwrap()) as usize;
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

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    #[track_caller]
    fn check(arguments: &[&str], want: &str) {
        let output = wws().args(arguments).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(want), "{arguments:?}: {message}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
    check(&["bundle"], "--output");
    check(&["bundle", ".", "-o"], "--output");
    check(
        &["bundle", ".", "-o", "x", "--level", "hard"],
        "fast, default, best",
    );
    check(
        &["bundle", ".", "-o", "x", "--encodings", "deflate"],
        "zstd, br, gzip",
    );
    check(
        &["bundle", ".", "-o", "x", "--compress", "none"],
        "all, assets",
    );
    check(
        &["bundle", ".", "-o", "x", "--cpu", "z80"],
        "baseline, native",
    );
    check(
        &["bundle", ".", "-o", "x", "--layout", "flat"],
        "site, project",
    );
    check(
        &["bundle", ".", "-o", "x", "--prefix", "/a/../b"],
        "--prefix",
    );
    check(&["bundle", ".", "y", "-o", "x"], "'y'");
    check(&["bundle", ".", "-o", "x", "--speed"], "--speed");
    check(&["inspect"], "<APP>");
    check(&["--port", "http"], "--port");
    check(&["--port", "65536"], "--port");
    check(&[".", "extra"], "'extra'");
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [
        &["--help"][..],
        &["bundle", "--help"],
        &["inspect", "--help"],
        &["--version"],
        &["help"],
    ] {
        let output = wws().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("wws"),
            "{arguments:?}"
        );
    }
}
