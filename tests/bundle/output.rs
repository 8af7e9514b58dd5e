//! The file that is written, and what stands where it is to be.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::{bundle_command, names_in, stderr};
use crate::support::{TestSite, skipped, unshare};

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
