//! Connections: kept for the next call, closed when nobody wants the answer any more.

use std::io::Read;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::{DOORS, Door, allowing, allowing_origin, each_door};
use crate::support::{Origin, PATIENCE, TestSite, begin, chunk, respond, wait_until_closed};

#[test]
fn a_connection_serves_one_call_after_the_other() {
    for door in DOORS {
        let origin = Origin::saying("here");
        let caller = super::Caller::start(door, &allowing_origin(&origin, ""), &[]);
        for _ in 0..10 {
            assert_eq!(caller.get(&origin.url("/")), Ok((200, "here".to_owned())));
        }
        // A call may begin in the moment in which the connection of the last one is given back.
        let connections = origin.connections();
        assert!(connections < 4, "{door:?}: {connections}");
    }
}

#[test]
fn workers_share_connections() {
    let origin = Origin::saying("here");
    let toml = allowing_origin(&origin, "");
    let (_, script) = Door::Script.worker();
    let (_, legacy) = Door::Legacy.worker();
    let (_, component) = Door::Proxy.worker();
    let site = TestSite::new()
        .file("a.js", &script)
        .file("a.toml", &toml)
        .file("b.js", &script)
        .file("b.toml", &toml)
        .file("c.wasm", legacy)
        .file("c.toml", &toml)
        .file("fetch.wasm", component)
        .file("fetch.toml", &toml);
    let app = site.bundle().start(&[]);
    for worker in ["a", "b", "c", "fetch"].into_iter().cycle().take(12) {
        let answer = app.get(&format!("/{worker}?{}", origin.url("/")));
        assert!(answer.assert_status(200).text().contains("here"));
    }
    let connections = origin.connections();
    assert!(connections < 4, "{connections}");
}

#[test]
fn a_connection_that_the_server_has_closed_is_replaced() {
    for door in DOORS {
        let origin = Origin::start(|_, stream| {
            respond(stream, 200, &[], b"once")?;
            // Without a word: what `connection: close` would have announced.
            super::close()
        });
        let caller = super::Caller::start(door, &allowing_origin(&origin, ""), &[]);
        for _ in 0..3 {
            assert_eq!(caller.get(&origin.url("/")), Ok((200, "once".to_owned())));
        }
    }
}

/// A server that begins an answer, and goes on when the test says so.
struct InPieces {
    origin: Origin,
    /// A piece; an empty one ends the answer, [`WAIT`] leaves it at that.
    next: Sender<&'static str>,
    /// Tells that an answer has begun.
    begun: Receiver<()>,
    /// Tells that a client went away from an answer that was left.
    gone: Receiver<()>,
}

const WAIT: &str = "wait";

fn in_pieces() -> InPieces {
    let (next, pieces) = channel::<&str>();
    let (begins, begun) = channel();
    let (goes, gone) = channel();
    let all = Mutex::new((pieces, begins, goes));
    let origin = Origin::start(move |_, stream| {
        let (pieces, begins, goes) = &*all.lock().unwrap();
        begin(stream, &[("content-type", "text/plain")])?;
        chunk(stream, b"first")?;
        begins.send(()).unwrap();
        loop {
            match pieces.recv_timeout(PATIENCE) {
                Ok(WAIT) => break,
                Ok(piece) => chunk(stream, piece.as_bytes())?,
                // The test is over.
                Err(_) => return super::close(),
            }
        }
        wait_until_closed(stream);
        goes.send(()).unwrap();
        super::close()
    });
    InPieces {
        origin,
        next,
        begun,
        gone,
    }
}

const NO_LIMIT: &str = "[limits]\noutbound_time = \"10m\"\ntime = \"10m\"\n";

#[test]
fn a_piece_of_an_answer_arrives_before_the_next_one_is_made() {
    for door in DOORS.into_iter().filter(|door| door.streams()) {
        let server = in_pieces();
        let toml = allowing_origin(&server.origin, NO_LIMIT);
        let caller = super::Caller::start(door, &toml, &[]);
        let mut connection = caller.begin(&server.origin.url("/"));
        connection.head().unwrap().assert_status(200);
        assert_eq!(connection.chunk().unwrap(), b"first");
        for piece in ["second", "third"] {
            server.next.send(piece).unwrap();
            assert_eq!(connection.chunk().unwrap(), piece.as_bytes());
        }
        server.next.send("").unwrap();
        assert_eq!(connection.chunk().unwrap(), b"");
    }
}

#[test]
fn a_client_that_goes_away_from_an_answer_ends_the_call() {
    for door in DOORS {
        let server = in_pieces();
        let toml = allowing_origin(&server.origin, NO_LIMIT);
        let caller = super::Caller::start(door, &toml, &[]);
        let mut connection = caller.begin(&server.origin.url("/"));
        server.begun.recv_timeout(PATIENCE).unwrap();
        server.next.send(WAIT).unwrap();
        if door.streams() {
            connection.head().unwrap().assert_status(200);
            assert_eq!(connection.chunk().unwrap(), b"first");
        }
        drop(connection);
        let gone = server.gone.recv_timeout(PATIENCE);
        gone.unwrap_or_else(|error| panic!("{door:?}: {error}"));
    }
}

#[test]
fn a_client_that_goes_away_before_the_answer_ends_the_call() {
    let (came, has_come) = channel();
    let (gone, is_gone) = channel();
    let (came, gone) = (Mutex::new(came), Mutex::new(gone));
    let origin = Origin::start(move |_, stream| {
        came.lock().unwrap().send(()).unwrap();
        wait_until_closed(stream);
        gone.lock().unwrap().send(()).unwrap();
        super::close()
    });
    each_door(&allowing_origin(&origin, NO_LIMIT), &[], |caller| {
        let connection = caller.begin(&origin.url("/"));
        has_come.recv_timeout(PATIENCE).unwrap();
        drop(connection);
        is_gone.recv_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn a_piece_of_a_request_arrives_before_the_next_one_is_sent() {
    let (came, pieces) = channel();
    let came = Mutex::new(came);
    // The head, and then whatever is read at once.
    let origin = Origin::raw(move |mut stream| {
        let mut received = Vec::new();
        while !received.ends_with(b"0\r\n\r\n") {
            let mut piece = [0; 1024];
            let length = stream.read(&mut piece)?;
            received.extend(&piece[..length]);
            let text = String::from_utf8_lossy(&piece[..length]).into_owned();
            came.lock().unwrap().send(text).unwrap();
        }
        respond(&mut stream, 200, &[], b"all of it")?;
        super::close()
    });
    for door in [Door::Proxy, Door::Service] {
        let caller = super::Caller::start(door, &allowing_origin(&origin, NO_LIMIT), &[]);
        let mut connection = caller.app.connect();
        let target = door.target("POST", &origin.url("/"));
        let head =
            format!("POST {target} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
        connection.send(head.as_bytes()).unwrap();
        for piece in ["first", "other", "third"] {
            connection
                .send(format!("5\r\n{piece}\r\n").as_bytes())
                .unwrap();
            while !pieces.recv_timeout(PATIENCE).unwrap().contains(piece) {}
        }
        connection.send(b"0\r\n\r\n").unwrap();
        let answer = connection.answer("POST").unwrap();
        assert_eq!(answer.assert_status(200).text(), "all of it", "{door:?}");
        // What came of the end of the body.
        while pieces.try_recv().is_ok() {}
    }
}

#[test]
fn the_limit_of_time_of_a_worker_ends_its_call() {
    let (gone, is_gone) = channel();
    let gone = Mutex::new(gone);
    let origin = Origin::start(move |_, stream| {
        wait_until_closed(stream);
        gone.lock().unwrap().send(()).unwrap();
        super::close()
    });
    let limits = "[limits]\noutbound_time = \"10m\"\ntime = \"300ms\"\n";
    each_door(&allowing_origin(&origin, limits), &[], |caller| {
        let mut connection = caller.begin(&origin.url("/"));
        connection.answer("GET").unwrap().assert_status(504);
        is_gone.recv_timeout(PATIENCE).unwrap();
    });
}

#[test]
fn a_signal_closes_the_connection() {
    #[track_caller]
    fn check(script: &str, want: &str) {
        let (gone, is_gone) = channel();
        let gone = Mutex::new(gone);
        let origin = Origin::start(move |asked, stream| {
            if asked.target == "/body" {
                begin(stream, &[])?;
                chunk(stream, b"first")?;
            }
            wait_until_closed(stream);
            gone.lock().unwrap().send(()).unwrap();
            super::close()
        });
        let script = format!(
            "export default {{ async fetch(request, env) {{
                const controller = new AbortController(); const {{ signal }} = controller;
                const said = [];
                try {{ {script} }} catch (error) {{ said.push(error.name ?? error) }}
                return new Response(said.join()) }} }};"
        );
        let vars = format!("[vars]\nORIGIN = \"http://127.0.0.1:{}\"\n", origin.port());
        let toml = vars + &allowing_origin(&origin, "[limits]\noutbound_time = \"10m\"\n");
        let site = TestSite::new().file("w.js", script).file("w.toml", toml);
        let app = site.bundle().start(&["--worker-time", "10m"]);
        assert_eq!(app.get("/w").assert_status(200).text(), want);
        is_gone.recv_timeout(PATIENCE).unwrap();
    }
    check(
        "setTimeout(() => controller.abort(), 50);
         await fetch(env.ORIGIN + '/head', { signal });",
        "AbortError",
    );
    check(
        "const answer = await fetch(env.ORIGIN + '/body', { signal });
         const reader = answer.body.getReader();
         said.push(new TextDecoder().decode((await reader.read()).value));
         setTimeout(() => controller.abort('enough'), 50);
         await reader.read();",
        "first,enough",
    );
    // What is not wanted any more needs no signal.
    check(
        "const answer = await fetch(env.ORIGIN + '/body');
         await answer.body.cancel(); said.push('cancelled');",
        "cancelled",
    );
}

#[test]
fn no_connection_is_made_before_it_is_needed() {
    let origin = Origin::saying("here");
    let toml = allowing(&["*"], super::LOOPBACK);
    let app = Door::Script.site(&toml).bundle().start(&[]);
    // A call to nowhere: the worker runs.
    app.get("/fetch?nothing").assert_status(502);
    assert_eq!(origin.connections(), 0);
}
