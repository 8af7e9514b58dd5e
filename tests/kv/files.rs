//! Files that cannot be the store: the app does not start, says why, and leaves them alone.

use std::fs;
use std::path::Path;

use super::{Place, script};
use crate::support::{BundledApp, RunningApp, TestSite, check_refusal};

const COUNT: &str = "return new Response(await kv.increment('n'))";

/// A store in format 1, with a number in it, packed.
const OF_AN_EARLIER_VERSION: &[u8] = include_bytes!("earlier-version.kv.zst");
/// A store in format 9, with nothing in it, packed.
const OF_A_LATER_VERSION: &[u8] = include_bytes!("later-version.kv.zst");

fn counter() -> TestSite {
    TestSite::new().storing("w", "n", COUNT)
}

/// The app ends with 1 and these words.
#[track_caller]
pub(super) fn assert_no_start(app: &BundledApp, location: &str, want: &[&str]) {
    let command = app.command(&["--kv", location]);
    let ended = RunningApp::try_start(command)
        .map(|_| "it listens")
        .unwrap_err();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    for part in want {
        assert!(
            ended.log.contains(part),
            "{part:?} is not in:\n{}",
            ended.log
        );
    }
    assert!(!ended.log.contains("panicked"), "{}", ended.log);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn another_file_is_refused_and_left_alone() {
    let app = counter().bundle();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "not to be lost").unwrap();
    assert_no_start(
        &app,
        text(&file),
        &["notes.txt is not a key-value store of wws"],
    );
    assert_eq!(fs::read(&file).unwrap(), b"not to be lost");
    assert_no_start(&app, text(folder.path()), &["is not a file"]);
    let nowhere = folder.path().join("none/data.kv");
    assert_no_start(&app, text(&nowhere), &["does not exist; create it first"]);
}

#[test]
fn a_file_of_another_version_is_refused_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.kv");
    let app = counter().bundle();
    for (packed, format) in [(OF_AN_EARLIER_VERSION, 1), (OF_A_LATER_VERSION, 9)] {
        fs::write(&file, zstd::decode_all(packed).unwrap()).unwrap();
        let words =
            format!("data.kv is a key-value store of format {format}; this program reads format 2");
        // What was refused is still what it was; its entries are looked at in the tests of `kv`.
        for _ in 0..2 {
            assert_no_start(&app, text(&file), &[&words]);
        }
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let fill = "for (let n = 0; n < 100; n++) await kv.set(`${n}`, 'x'.repeat(20000));
        return new Response('filled')";
    let app = TestSite::new().storing("fill", "n", fill).bundle();
    let place = Place::file();
    let location = place.location();
    let mut running = app.start(&["--kv", &location]);
    running.get("/fill").assert_status(200);
    running.signal("KILL");
    running.wait();
    let whole = fs::read(&location).unwrap();
    fs::write(&location, &whole[..whole.len() / 2]).unwrap();
    assert_no_start(
        &app,
        &location,
        &["is damaged or cut short", "put back a copy of it"],
    );
    fs::write(&location, &whole).unwrap();
    app.start(&["--kv", &location])
        .get("/fill")
        .assert_status(200);
}

#[test]
fn a_file_in_use_is_refused_and_goes_on_to_be_used() {
    let site = counter();
    let app = site.bundle();
    let place = Place::file();
    let location = place.location();
    let first = app.start(&["--kv", &location]);
    assert_eq!(first.get("/w").text(), "1");
    let words = ["is in use by another process", "--kv redis://"];
    assert_no_start(&app, &location, &words);
    assert_eq!(first.get("/w").text(), "2");
    drop(first);
    assert_eq!(site.serve(&["--kv", &location]).get("/w").text(), "3");
}

#[test]
fn the_flag_has_a_variable() {
    let app = counter().bundle();
    let place = Place::file();
    for want in ["1", "2"] {
        let mut command = app.command(&[]);
        command.env("WWS_KV", place.location());
        assert_eq!(RunningApp::start(command).get("/w").text(), want);
    }
}

#[test]
fn a_store_that_no_worker_has_is_not_opened() {
    let app = TestSite::new().file("w.js", script("return new Response('')"));
    let place = Place::file();
    let location = place.location();
    let running = app.bundle().start(&["--kv", &location]);
    running.get("/w").assert_status(200);
    assert!(running.log_line("kv_not_opened").contains("[data.kv]"));
    assert!(!Path::new(&location).exists());
}

#[test]
fn a_mistake_in_the_table_is_named_with_its_line() {
    let site = TestSite::new().with_toml("w.js", script(COUNT), "[data.kv]\nnamespaces = 'n'\n");
    check_refusal(
        &site,
        &["w.toml:2:1:", "\"namespaces\"", "namespace, retry"],
    );
    let site = TestSite::new().with_toml("w.js", script(COUNT), "[data.kv]\n");
    check_refusal(&site, &["w.toml:1:", "needs a namespace"]);
}
