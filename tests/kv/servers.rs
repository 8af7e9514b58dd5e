//! Servers that cannot be the store when the app starts.

use super::files::assert_no_start;
use super::script;
use crate::support::{
    BundledApp, Ended, Origin, RedisServer, RunningApp, TestSite, assert_discreet, wait_for,
};

const COUNT: &str = "return new Response(await kv.increment('n'))";
const SECRET: &str = "correct-horse";

/// One worker has a store, and one has none.
fn site() -> TestSite {
    TestSite::new()
        .file("public/page.txt", "page")
        .storing("w", "n", COUNT)
        .file("other.js", script("return new Response('other')"))
}

#[test]
fn an_unknown_kind_of_store_is_refused_before_anything_else() {
    let app = site().bundle();
    let command = app.command(&["--kv", "mysql://u:correct-horse@127.0.0.1/db"]);
    let ended = RunningApp::try_start(command)
        .map(|_| "it listens")
        .unwrap_err();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
    assert!(
        ended.log.contains("unknown kind of store `mysql://`"),
        "{}",
        ended.log
    );
    assert!(
        ended.log.contains("`redis://host:port/db`"),
        "{}",
        ended.log
    );
    assert!(!ended.log.contains(SECRET), "{}", ended.log);
}

#[test]
fn a_server_that_is_away_is_named() {
    let Some(server) = RedisServer::away() else {
        return;
    };
    let location = server.location();
    let address = location.strip_prefix("redis://").unwrap();
    let words = format!("the Redis server {address} cannot be reached");
    assert_no_start(&site().bundle(), &location, &[&words]);
}

#[test]
fn another_kind_of_server_is_named() {
    let origin = Origin::start(|_, _| Ok(()));
    let location = format!("redis://127.0.0.1:{}", origin.port());
    // It may answer with what is no Redis, close, or wait for the end of a request.
    let app = site().bundle();
    let address = format!("127.0.0.1:{}", origin.port());
    assert_no_start(&app, &location, &[&address, "Redis server"]);
}

#[test]
fn a_server_that_speaks_http_is_no_redis() {
    let origin = Origin::raw(|mut stream| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 1024])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    });
    let location = format!("redis://127.0.0.1:{}", origin.port());
    let words = ["is not a Redis server", "rediss://"];
    assert_no_start(&site().bundle(), &location, &words);
}

/// A run of the app with a password from the environment.
fn start_with(
    app: &BundledApp,
    location: &str,
    password: Option<&str>,
) -> Result<RunningApp, Ended> {
    let mut command = app.command(&["--kv", location]);
    if let Some(password) = password {
        command.env("WWS_KV_PASSWORD", password);
    }
    RunningApp::try_start(command)
}

#[test]
fn a_wrong_password_is_told_and_never_shown() {
    let Some(server) = RedisServer::start_with(&["--requirepass", SECRET]) else {
        return;
    };
    let app = site().bundle();
    let location = server.location();
    let with_wrong = location.replace("redis://", "redis://:wrong-staple@");
    for (location, password) in [
        (&location, None),
        (&location, Some("wrong-staple")),
        (&with_wrong, None),
    ] {
        let ended = start_with(&app, location, password)
            .map(|_| "it listens")
            .unwrap_err();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        assert!(
            ended.log.contains("refuses the user or the password"),
            "{}",
            ended.log
        );
        assert!(!ended.log.contains("staple"), "{}", ended.log);
    }
    let flags = ["--kv", &with_wrong, "--kv-optional"];
    let optional = app.start(&flags);
    let line = optional.log_line("kv_unavailable");
    assert!(line.contains("refuses the user or the password"), "{line}");
    assert!(!line.contains("staple"), "{line}");
    optional.get("/w").assert_status(503);
    optional.get("/other").assert_status(200);
    let with_right = location.replace("redis://", &format!("redis://:{SECRET}@"));
    let with_user = location.replace("redis://", "redis://default@");
    for (number, (location, password)) in [
        (&location, Some(SECRET)),
        (&with_wrong, Some(SECRET)),
        (&with_right, None),
        (&with_user, Some(SECRET)),
    ]
    .into_iter()
    .enumerate()
    {
        let running =
            start_with(&app, location, password).unwrap_or_else(|ended| panic!("{ended:?}"));
        assert_eq!(running.get("/w").text(), (number + 1).to_string());
        let said = running.log() + &running.output();
        assert!(!said.contains(SECRET) && !said.contains("staple"), "{said}");
    }
}

#[test]
fn databases_of_a_server_are_apart_and_a_wrong_one_is_told() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let app = site().bundle();
    for (database, want) in [("", "1"), ("/0", "2"), ("/3", "1")] {
        let location = server.location() + database;
        assert_eq!(
            app.start(&["--kv", &location]).get("/w").text(),
            want,
            "{database}"
        );
    }
    let location = server.location() + "/99";
    assert_no_start(&app, &location, &["has no database 99"]);
}

#[test]
fn an_optional_server_may_come_later() {
    let Some(mut server) = RedisServer::away() else {
        return;
    };
    let location = server.location();
    let flags = ["--kv", &location, "--kv-optional"];
    let site = site();
    let check = |app: &RunningApp, server: &mut RedisServer| {
        assert!(app.log_line("kv_unavailable").contains("cannot be reached"));
        assert_discreet(app.get("/w").assert_status(503));
        for path in ["/page.txt", "/other"] {
            app.get(path).assert_status(200);
        }
        server.come_back();
        let answer = wait_for(|| Some(app.get("/w")).filter(|answer| answer.status != 503));
        assert_eq!(answer.assert_status(200).text(), "1");
        server.kill();
    };
    check(&site.bundle().start(&flags), &mut server);
    check(&site.serve(&flags), &mut server);
}

#[test]
fn an_optional_server_is_no_excuse_for_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.kv");
    std::fs::write(&file, "something else").unwrap();
    let flags = ["--kv", file.to_str().unwrap(), "--kv-optional"];
    let ended = RunningApp::try_start(site().bundle().command(&flags));
    let ended = ended.map(|_| "it listens").unwrap_err();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
}
