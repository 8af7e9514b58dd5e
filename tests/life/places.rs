//! Where an app runs, and as what: under any name, stripped, from memory, as the first process.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};

use super::{
    Wanted, ask, bare, check_answers, check_end, open_request, sleeper, small_site, wanted,
};
use crate::support::{RunningApp, TestSite, skipped, unshare, wws};

#[test]
fn an_app_works_whoever_has_stripped_it() {
    const TOOLS: [&[&str]; 16] = [
        &["strip"],
        &["strip", "--strip-all"],
        &["strip", "--strip-unneeded"],
        &["strip", "--strip-debug"],
        &["strip", "--remove-section=.comment"],
        &["objcopy"],
        &["objcopy", "--strip-all"],
        &["objcopy", "--strip-debug"],
        &["eu-strip"],
        &["eu-strip", "--strip-debug"],
        &["llvm-strip"],
        &["llvm-strip", "--strip-all"],
        &["llvm-strip", "--strip-sections"],
        &["llvm-objcopy"],
        &["llvm-objcopy", "--strip-all"],
        &["llvm-objcopy", "--strip-sections"],
    ];
    // Raw code has to stay on a page of its own.
    for compress in ["all", "assets"] {
        let app = small_site().bundle_with(&["--compress", compress]);
        let wanted = wanted(&app);
        for tool in TOOLS {
            let stripped = app.copy();
            match Command::new(tool[0])
                .args(&tool[1..])
                .arg(stripped.path())
                .output()
            {
                Ok(Output { status, stderr, .. }) => {
                    assert!(
                        status.success(),
                        "{tool:?}: {}",
                        String::from_utf8_lossy(&stderr)
                    );
                }
                Err(_) => {
                    skipped(&format!("{}: it is not installed here", tool.join(" ")));
                    continue;
                }
            }
            check_answers(&stripped.start(&[]), &wanted);
            let verify = wws()
                .args(["inspect", "--verify"])
                .arg(stripped.path())
                .output()
                .unwrap();
            assert!(
                verify.status.success(),
                "{tool:?}: {}",
                String::from_utf8_lossy(&verify.stderr)
            );
        }
    }
}

/// Starts an app in an unusual way; it has to answer everything, and to end when it is told to.
#[track_caller]
fn check_runs(command: Command, wanted: &[Wanted]) {
    let running = RunningApp::start(command);
    check_answers(&running, wanted);
    check_end(running, "TERM");
}

/// A shell that replaces itself by what the script execs; `$0` is `argument`.
fn sh(script: &str, argument: &Path) -> Command {
    let mut command = bare(Path::new("sh"), &["-c", script], &[]);
    command.arg(argument);
    command
}

#[test]
fn it_runs_under_any_name_and_without_one() {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let start = |path: &Path| bare(path, &["--port", "0"], &[]);

    fs::hard_link(app.path(), path("other name.exe")).unwrap();
    check_runs(start(&path("other name.exe")), &wanted);
    std::os::unix::fs::symlink("other name.exe", path("link")).unwrap();
    check_runs(start(&path("link")), &wanted);
    check_runs(
        sh(r#"PATH="$0"; exec link --port 0"#, folder.path()),
        &wanted,
    );
    check_runs(
        sh(r#"cd "$0" && exec ./link --port 0"#, folder.path()),
        &wanted,
    );
    check_runs(
        sh(r#"exec 3<"$0"; exec /proc/self/fd/3 --port 0"#, &app.path()),
        &wanted,
    );
    check_runs(sh(r#"exec "$0" --port 0 <&- 2>&-"#, &app.path()), &wanted);

    fs::rename(path("other name.exe"), path("third name")).unwrap();
    let renamed = RunningApp::start(start(&path("third name")));
    fs::rename(path("third name"), path("fourth name")).unwrap();
    check_answers(&renamed, &wanted);

    let deleted = app.copy();
    let running = deleted.start(&[]);
    drop(deleted);
    check_answers(&running, &wanted);
    check_end(running, "TERM");
}

#[test]
fn it_runs_by_fexecve_and_from_memory() {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let memory = rustix::fs::memfd_create("app", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let memory = File::from(memory);
    memory
        .write_all_at(&fs::read(app.path()).unwrap(), 0)
        .unwrap();
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    check_runs(bare(Path::new(&path), &["--port", "0"], &[]), &wanted);

    let script = "import os, sys\n\
        fd = os.open(sys.argv[1], os.O_RDONLY)\n\
        os.execve(fd, ['app', '--port', '0'], os.environ)";
    let mut python = bare(Path::new("python3"), &["-c", script], &[]);
    python.arg(app.path());
    match Command::new("python3").arg("--version").output() {
        Ok(output) if output.status.success() => check_runs(python, &wanted),
        _ => skipped("fexecve: there is no python3 here"),
    }
}

#[test]
fn it_runs_with_no_environment_at_all() {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let mut command = app.command(&[]);
    command.env_clear();
    check_runs(command, &wanted);
}

/// Answers, if it gets random bytes: without `/dev/urandom` they have to come from the kernel.
const RANDOM: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; One iovec: 78 bytes from address 16.
  (data (i32.const 0) "\10\00\00\00\4e\00\00\00")
  (data (i32.const 16)
    "{\"data\":\"random\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{}}")
  (func (export "_start")
    (if (call $random_get (i32.const 256) (i32.const 32)) (then (unreachable)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn it_runs_in_an_empty_root() {
    let app = small_site()
        .file("random.wasm", wat::parse_str(RANDOM).unwrap())
        .bundle();
    let mut wanted = wanted(&app);
    let random = ask(app.start(&[]).port(), "/random", "identity").unwrap();
    random.assert_status(200);
    wanted.push(Wanted {
        path: "/random",
        coding: "identity",
        answer: random,
    });
    let Some(command) = app.command_in_empty_root() else {
        return skipped("an empty root: nothing may be root here");
    };
    check_runs(command, &wanted);
}

/// Runs a script in a mount namespace of its own; it execs the app in the folder `$0`, or exits
/// with 77 where it may not mount what it needs.
#[track_caller]
fn check_runs_mounted(script: &str) {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let Some(mut command) = unshare(&["--mount"]) else {
        return skipped("a read-only root, or no /proc: nothing can be mounted here");
    };
    command
        .args(["sh", "-c", script])
        .arg(app.path().parent().unwrap());
    match RunningApp::try_start(command) {
        Ok(running) => {
            check_answers(&running, &wanted);
            check_end(running, "TERM");
        }
        Err(ended) if ended.status.code() == Some(77) => {
            skipped(&format!("a read-only root, or no /proc: {}", ended.log));
        }
        Err(ended) => panic!("{ended:?}"),
    }
}

#[test]
fn it_runs_on_a_read_only_root() {
    check_runs_mounted(
        r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77
        touch "$0/x" 2>/dev/null && exit 78
        exec chroot "$0" /app --port 0"#,
    );
}

#[test]
fn it_runs_without_proc() {
    check_runs_mounted(
        r#"mount -t tmpfs none /proc || exit 77
        test -e /proc/self && exit 78
        exec "$0/app" --port 0"#,
    );
}

#[test]
fn it_is_a_good_first_process() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(300))
        .bundle();
    for signal in ["TERM", "INT"] {
        let Some(mut command) = unshare(&["--pid", "--fork", "--kill-child"]) else {
            return skipped("PID 1: no process can have a PID namespace of its own here");
        };
        command.arg(app.path()).args(["--port", "0"]);
        let mut running = RunningApp::start(command);
        let outer = running.pid();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
        let inner = children.trim();
        let status = fs::read_to_string(format!("/proc/{inner}/status")).unwrap();
        let pids = status
            .lines()
            .find(|line| line.starts_with("NSpid:"))
            .unwrap();
        assert_eq!(pids.split_whitespace().last(), Some("1"), "{pids}");

        running.get("/").assert_status(200);
        let kill = |signal| {
            let status = Command::new("kill")
                .args(["-s", signal, inner])
                .status()
                .unwrap();
            assert!(status.success());
        };
        kill("HUP");
        let mut connection = open_request(&running);
        kill(signal);
        connection.answer("GET").unwrap().assert_status(200);
        // `unshare` passes the exit code on.
        assert_eq!(running.wait(), Some(0), "SIG{signal}: {}", running.log());
    }
}
