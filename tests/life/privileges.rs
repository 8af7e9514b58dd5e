//! What an app gives up once it has its port, on every thread, and that it works without.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use crate::support::{BundledApp, Origin, RunningApp, TestSite, guest, skipped, unshare};

/// A counter in the store, for whoever asks.
const COUNTER: &str =
    "export default { async fetch() { return new Response(await kv.increment('n')) } };";

/// Passes on what another server says.
const CALLER: &str = "export default { async fetch(request) {
    return fetch(new URL(request.url).search.slice(1)) } };";

/// Longer than a tick, so that it goes on on the threads for what takes long.
const BUSY: &str = "export default { fetch() {
    const end = Date.now() + 20; while (Date.now() < end) {} return new Response('done') } };";

/// One of everything that a process may need a privilege for.
fn site() -> TestSite {
    let calls = "[features.http_requests]\nallowed_hosts = ['*']\nallow_http = true\n\
        allow_private = true\n";
    TestSite::new()
        .file("public/page.html", "<h1>Page</h1>")
        .file("public/large.bin", vec![b'x'; 300_000])
        .file("hello.wasm", guest("hello"))
        .file("count.js", COUNTER)
        .file("count.toml", "[data.kv]\nnamespace = \"n\"\n")
        .file("call.js", CALLER)
        .file("call.toml", calls)
        .file("busy.js", BUSY)
}

/// Has an app do everything that it can.
#[track_caller]
fn check_works(app: &RunningApp, first_count: u32) {
    let origin = Origin::saying("from the origin");
    assert_eq!(app.get("/page").text(), "<h1>Page</h1>");
    assert_eq!(app.get("/large.bin").body.len(), 300_000);
    app.get("/hello").assert_status(200);
    assert_eq!(app.get("/busy").text(), "done");
    let count = app.get("/count");
    assert_eq!(count.text(), first_count.to_string(), "{}", app.log());
    let called = app.get(&format!("/call?{}", origin.url("/")));
    assert_eq!(called.text(), "from the origin", "{}", app.log());
}

/// The fields of `/proc/PID/task/TID/status`, for every thread.
fn threads(app: &RunningApp) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{}/task", app.pid())).unwrap();
    let status = |task: std::io::Result<fs::DirEntry>| {
        // A thread can end meanwhile.
        let text = fs::read_to_string(task.unwrap().path().join("status")).ok()?;
        let field = |line: &str| {
            let (name, value) = line.split_once(':')?;
            let words: Vec<_> = value.split_whitespace().collect();
            Some((name.to_owned(), words.join(" ")))
        };
        Some(text.lines().filter_map(field).collect())
    };
    tasks.filter_map(status).collect()
}

/// Every thread has these values, and there are several threads.
#[track_caller]
fn check_threads(app: &RunningApp, wanted: &[(&str, &str)]) {
    let threads = threads(app);
    assert!(threads.len() > 2, "{threads:?}");
    for thread in threads {
        for (name, value) in wanted {
            assert_eq!(thread[*name], *value, "{name} of {thread:?}");
        }
    }
}

const NO_CAPABILITY: &str = "0000000000000000";

/// What holds on every thread of every app.
const ALWAYS: [(&str, &str); 4] = [
    ("NoNewPrivs", "1"),
    ("CapEff", NO_CAPABILITY),
    ("CapPrm", NO_CAPABILITY),
    ("CapAmb", NO_CAPABILITY),
];

/// The second filter is for `clone3`.
const FILTERED: [(&str, &str); 2] = [("Seccomp", "2"), ("Seccomp_filters", "2")];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A folder that a user may write to.
fn folder_of(user: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    chown(folder.path(), Some(user), Some(user)).unwrap();
    folder
}

/// Where an app has its store.
fn store_in(folder: &tempfile::TempDir) -> String {
    folder.path().join("data.kv").display().to_string()
}

#[test]
fn an_app_gives_up_what_it_does_not_need_and_works() {
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let store = store_in(&folder);
    // The first one makes the file, the second one finds it.
    for count in [1, 2] {
        let running = app.start(&["--kv", &store, "--sandbox", "require"]);
        check_works(&running, count);
        check_threads(&running, &[&ALWAYS[..], &FILTERED].concat());
        assert_eq!(running.log(), "");
        super::check_end(running, "TERM");
    }
}

#[test]
fn a_folder_is_served_with_no_more_privileges() {
    let running = site().serve(&[]);
    check_works(&running, 1);
    check_threads(&running, &[&[("NoNewPrivs", "1")], &FILTERED[..]].concat());
}

#[test]
fn without_a_sandbox_there_are_no_new_privileges_either() {
    let running = site().bundle().start(&["--sandbox", "off"]);
    check_works(&running, 1);
    check_threads(&running, &[&ALWAYS[..], &[("Seccomp", "0")]].concat());
}

#[test]
fn root_becomes_the_user_that_is_named_and_stays_it() {
    if !is_root() {
        return skipped("--user: only root can become another user");
    }
    let app = site().bundle();
    for (user, ids) in [
        ("65531:65530", ("65531", "65530")),
        ("65531", ("65531", "65531")),
        ("nobody", ("65534", "65534")),
    ] {
        let (uid, gid) = ids;
        let folder = folder_of(uid.parse().unwrap());
        let store = store_in(&folder);
        let running = app.start(&["--user", user, "--kv", &store]);
        check_works(&running, 1);
        let ids = |id: &str| [id; 4].join(" ");
        let (users, groups) = (ids(uid), ids(gid));
        let wanted = [("Uid", &*users), ("Gid", &groups), ("Groups", "")];
        check_threads(&running, &[&wanted, &ALWAYS[..], &FILTERED].concat());
        let mode = fs::metadata(&store).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        super::check_end(running, "TERM");
    }
    let running = site().serve(&["--user", "65531"]);
    running.get("/page").assert_status(200);
    check_threads(
        &running,
        &[
            ("Uid", "65531 65531 65531 65531"),
            ("CapEff", NO_CAPABILITY),
        ],
    );
}

/// Whether an app can see which of its pages were written to.
fn sees_its_pages(app: &RunningApp) -> bool {
    let files = fs::read_dir(format!("/proc/{}/fd", app.pid())).unwrap();
    files
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .any(|target| target.ends_with("pagemap"))
}

#[test]
fn another_user_is_as_fast_as_root() {
    if !is_root() {
        return skipped("the pages of another user: only root can become one");
    }
    let app = site().bundle();
    let seen = ["off", "auto"].map(|mode| sees_its_pages(&app.start(&["--sandbox", mode])));
    assert_eq!(seen[0], seen[1]);
    assert_eq!(sees_its_pages(&app.start(&["--user", "65531"])), seen[0]);
}

/// A command that runs an app as a user who is not root.
fn as_user(user: &str, app: &BundledApp, arguments: &[&str]) -> Option<Command> {
    let folder = app.path().parent().unwrap().to_owned();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("chroot");
    command
        .arg(format!("--userspec={user}"))
        .arg("--groups=")
        .arg("/");
    command
        .arg(app.path())
        .args(["--port", "0"])
        .args(arguments);
    is_root().then_some(command)
}

#[test]
fn who_is_not_root_stays_who_he_is() {
    let app = TestSite::with_index().bundle();
    let Some(command) = as_user("65531:65531", &app, &["--user", "65530"]) else {
        return skipped("--user as another user than root: only root can become one");
    };
    let ended = RunningApp::try_start(command).err().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let want = "error: --user: only root can become user 65530, group 65530; start the app as root";
    assert!(ended.log.starts_with(want), "{ended:?}");

    let running = RunningApp::start(as_user("65531:65531", &app, &["--user", "65531"]).unwrap());
    running.get("/").assert_status(200);
    check_threads(&running, &[("Uid", "65531 65531 65531 65531")]);
}

#[test]
fn a_user_that_cannot_be_is_refused_in_words() {
    #[track_caller]
    fn check(app: &BundledApp, user: &str, code: i32, want: &str) {
        let ended = RunningApp::try_start(app.command(&["--user", user]));
        let ended = ended.err().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{ended:?}");
        assert!(ended.log.contains(want), "{ended:?}");
    }
    let app = TestSite::with_index().bundle();
    check(&app, "0", 2, "the user has to be another one than root");
    check(&app, "a b", 2, "is no user or group");
    check(&app, "root", 1, "root is root");
    check(
        &app,
        "no-such-user",
        1,
        "there is no user no-such-user in /etc/passwd",
    );
    check(
        &app,
        "65531:no-such",
        1,
        "there is no group no-such in /etc/group",
    );
}

#[test]
fn a_low_port_is_taken_before_root_is_given_up() {
    if !is_root() {
        return skipped("a low port: only root can take it");
    }
    // Ports of its own, so that this one is free.
    let Some(mut command) = unshare(&["--net"]) else {
        return skipped("a low port: no network namespace can be made here");
    };
    let app = TestSite::with_index().bundle();
    command
        .arg(app.path())
        .args(["--port", "80", "--user", "65531"]);
    let running = RunningApp::start(command);
    assert_eq!(running.port(), 80);
    check_threads(&running, &[("Uid", "65531 65531 65531 65531")]);
}

#[test]
fn a_store_of_somebody_else_is_an_error_in_words() {
    if !is_root() {
        return skipped("a store of somebody else: only root can become another user");
    }
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let command = app.command(&["--kv", &store_in(&folder), "--user", "65531"]);
    let ended = RunningApp::try_start(command).err().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(
        ended.log.contains("no permission to read and write"),
        "{ended:?}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
