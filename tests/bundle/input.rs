//! Which files of a folder go into an app, and which stop it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::{bundle_command, names_in, stderr};
use crate::support::{TestSite, skipped, wws};

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
