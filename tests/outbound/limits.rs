//! Servers that answer too much, too slowly, or never, and workers that call too often.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::{Door, allowing_origin, check_refused, each_door};
use crate::support::{
    Asked, Origin, PATIENCE, begin, chunk, peak_memory, respond, wait_until_closed,
};

/// A server that says when its client has gone away from an answer, and does until then what the
/// path says.
fn troublesome() -> (Origin, Receiver<()>) {
    let (gone, is_gone) = channel();
    let gone = Mutex::new(gone);
    let origin = Origin::start(move |asked, stream| {
        let gone: Sender<()> = gone.lock().unwrap().clone();
        answer(asked, stream);
        gone.send(()).unwrap();
        super::close()
    });
    (origin, is_gone)
}

fn answer(asked: &Asked, stream: &mut TcpStream) {
    match asked.target.as_str() {
        "/endless" => {
            let _ = begin(stream, &[("content-type", "text/plain")]);
            while chunk(stream, &[b'x'; 10_000]).is_ok() {}
        }
        "/announced" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\nx");
            wait_until_closed(stream);
        }
        "/slow-head" => wait_until_closed(stream),
        "/slow-body" => {
            let _ = begin(stream, &[("content-type", "text/plain")]);
            let _ = chunk(stream, b"first");
            wait_until_closed(stream);
        }
        "/long-head" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(b"x-field: and so on and on\r\n").is_ok() {}
        }
        "/not-http" => {
            let _ = stream.write_all(b"SSH-2.0-something\r\n\r\n");
            wait_until_closed(stream);
        }
        "/cut" => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx");
        }
        other => panic!("{other}"),
    }
}

#[track_caller]
fn await_gone(is_gone: &Receiver<()>) {
    is_gone.recv_timeout(PATIENCE).unwrap();
}

const SMALL: &str = "[limits]\noutbound_response = \"100KiB\"\noutbound_time = \"10m\"\n";

#[test]
fn an_answer_that_is_announced_as_too_long_is_an_error() {
    let (origin, is_gone) = troublesome();
    each_door(&allowing_origin(&origin, SMALL), &[], |caller| {
        let want = ["outbound_response", "100KiB"];
        check_refused(caller, "GET", &origin.url("/announced"), &want);
        await_gone(&is_gone);
    });
}

#[test]
fn an_answer_without_end_is_ended() {
    let (origin, is_gone) = troublesome();
    each_door(&allowing_origin(&origin, SMALL), &[], |caller| {
        let url = origin.url("/endless");
        if caller.door == Door::Legacy {
            check_refused(caller, "GET", &url, &["outbound_response", "100KiB"]);
        } else {
            let mut connection = caller.begin(&url);
            let head = connection.head().unwrap();
            let mut length = 0;
            if head.status == 200 {
                while let Ok(piece) = connection.chunk() {
                    assert!(
                        !piece.is_empty(),
                        "{:?}: an end that looks like one",
                        caller.door
                    );
                    length += piece.len();
                }
            }
            assert!(length <= 100 << 10, "{:?}: {length} bytes", caller.door);
        }
        await_gone(&is_gone);
    });
}

#[test]
fn an_answer_as_long_as_its_limit_is_whole() {
    let origin = Origin::start(|_, stream| respond(stream, 200, &[], &[b'x'; 100 << 10]));
    each_door(&allowing_origin(&origin, SMALL), &[], |caller| {
        let (status, text) = caller.get(&origin.url("/")).unwrap();
        assert_eq!((status, text.len()), (200, 100 << 10), "{:?}", caller.door);
    });
}

#[test]
fn a_long_answer_is_handed_on_and_never_in_memory() {
    const MEBIBYTES: usize = 64;
    let origin = Origin::start(|_, stream| {
        begin(stream, &[("content-type", "text/plain")])?;
        for _ in 0..MEBIBYTES {
            chunk(stream, &[b'x'; 1 << 20])?;
        }
        chunk(stream, b"")
    });
    let limits =
        "[limits]\noutbound_response = \"1GiB\"\noutbound_time = \"10m\"\ntime = \"10m\"\n";
    for door in super::DOORS.into_iter().filter(|door| door.streams()) {
        let caller = super::Caller::start(door, &allowing_origin(&origin, limits), &[]);
        let read = || {
            let mut connection = caller.begin(&origin.url("/"));
            connection.head().unwrap().assert_status(200);
            let mut length = 0;
            loop {
                match connection.chunk().unwrap().len() {
                    0 => return length,
                    piece => length += piece,
                }
            }
        };
        assert_eq!(read(), MEBIBYTES << 20, "{door:?}");
        let before = peak_memory(&caller.app);
        assert_eq!(read(), MEBIBYTES << 20, "{door:?}");
        let grown = peak_memory(&caller.app) - before;
        assert!(grown < 8 << 20, "{door:?}: {grown} more bytes");
        assert!(before < 80 << 20, "{door:?}: {before} bytes");
    }
}

#[test]
fn a_head_without_end_is_an_error() {
    let (origin, is_gone) = troublesome();
    each_door(&allowing_origin(&origin, ""), &[], |caller| {
        check_refused(caller, "GET", &origin.url("/long-head"), &["no HTTP"]);
        await_gone(&is_gone);
    });
}

#[test]
fn what_is_no_http_is_an_error() {
    let (origin, is_gone) = troublesome();
    each_door(&allowing_origin(&origin, ""), &[], |caller| {
        check_refused(caller, "GET", &origin.url("/not-http"), &["no HTTP"]);
        await_gone(&is_gone);
    });
}

#[test]
fn an_answer_that_breaks_off_is_never_a_whole_one() {
    let (origin, _is_gone) = troublesome();
    each_door(&allowing_origin(&origin, ""), &[], |caller| {
        let url = origin.url("/cut");
        if caller.door == Door::Legacy {
            return check_refused(caller, "GET", &url, &["broke"]);
        }
        match caller.begin(&url).answer("GET") {
            // It was known before anything had been sent.
            Ok(answer) => assert!([500, 502].contains(&answer.status), "{answer:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
        }
    });
}

#[test]
fn nobody_is_waited_for_longer_than_the_limit() {
    let (origin, is_gone) = troublesome();
    let limits = "[limits]\noutbound_time = \"300ms\"\n";
    each_door(&allowing_origin(&origin, limits), &[], |caller| {
        let want = ["outbound_time", "300ms"];
        check_refused(caller, "GET", &origin.url("/slow-head"), &want);
        await_gone(&is_gone);
        let url = origin.url("/slow-body");
        match caller.door {
            Door::Legacy => check_refused(caller, "GET", &url, &["outbound_time"]),
            _ => check_refused(caller, "GET", &url, &["broke off"]),
        }
        await_gone(&is_gone);
        // The worker is as good as new.
        check_refused(caller, "GET", &origin.url("/slow-head"), &want);
        await_gone(&is_gone);
    });
}

#[test]
fn a_flag_beats_the_limits_of_the_file() {
    let (origin, _is_gone) = troublesome();
    let limits = "[limits]\noutbound_time = \"10m\"\n";
    let flags = ["--worker-outbound-time", "200ms"];
    each_door(&allowing_origin(&origin, limits), &flags, |caller| {
        check_refused(caller, "GET", &origin.url("/slow-head"), &["200ms"]);
    });
}

/// A server that answers one call after the other, each when the test says so.
fn patient() -> (Origin, Receiver<String>, Sender<()>) {
    let (came, has_come) = channel();
    let (go, may_go) = channel();
    let (came, may_go) = (Mutex::new(came), Mutex::new(may_go));
    let origin = Origin::start(move |asked, stream| {
        came.lock().unwrap().send(asked.target.clone()).unwrap();
        may_go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        respond(stream, 200, &[], b"now")
    });
    (origin, has_come, go)
}

#[test]
fn a_worker_calls_only_so_often_at_a_time_and_the_rest_wait() {
    let limits = "[limits]\noutbound_calls = 1\noutbound_time = \"10m\"\ntime = \"10m\"\n";
    for door in super::DOORS {
        let (origin, has_come, go) = patient();
        let caller = super::Caller::start(door, &allowing_origin(&origin, limits), &[]);
        let url = origin.url("/");
        thread::scope(|scope| {
            let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| caller.get(&url))).collect();
            for _ in 0..3 {
                has_come.recv_timeout(PATIENCE).unwrap();
                // Others would have come by the time in which so much else is answered.
                for _ in 0..20 {
                    check_refused(
                        &caller,
                        "GET",
                        "http://elsewhere.example/",
                        &["allowed_hosts"],
                    );
                }
                assert!(
                    has_come.try_recv().is_err(),
                    "{door:?}: two calls at a time"
                );
                go.send(()).unwrap();
            }
            for call in calls {
                assert_eq!(call.join().unwrap(), Ok((200, "now".to_owned())));
            }
        });
    }
}
