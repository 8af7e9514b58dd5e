//! `wws bundle` and `wws inspect`: the file that comes out, what is said about it, and what is
//! refused. Not here: what the app then does (`assets`, `workers`, `life`).

mod contents;
mod input;
mod inspect;
mod output;
mod summary;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{BundledApp, TestSite, wws};

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
