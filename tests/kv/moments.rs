//! Serializable isolation: it is as if requests ran one after the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Over, compiled, everywhere, namespace};
use crate::support::{Connection, RunningApp, TestSite};

const CLIENTS: usize = 4;
const READS: usize = 50;

fn ask(connection: &mut Connection, path: &str) -> String {
    let answer = connection.request("GET", path, &[], b"");
    assert_eq!(answer.status, 200, "{path}");
    answer.text()
}

/// What is asked for again and again at `reader`, while `writer` writes.
fn while_written(app: &RunningApp, writer: &str, reader: &str) -> Vec<String> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut connection = app.connect();
                let mut n = 0;
                while !is_over.load(Ordering::Relaxed) {
                    n += 1;
                    ask(&mut connection, &format!("{writer}?{client}-{n}"));
                }
            });
        }
        let _over = Over(&is_over);
        let mut connection = app.connect();
        (0..READS).map(|_| ask(&mut connection, reader)).collect()
    })
}

#[test]
fn a_reader_sees_two_keys_of_one_moment() {
    let pause = "await new Promise((done) => setTimeout(done, 1));";
    let write =
        format!("Cache.set('a', query); {pause} Cache.set('b', query); return new Response('')");
    let read =
        format!("const a = Cache.get('a'); {pause} return new Response(a === Cache.get('b'))");
    let write_many = "await kv.setMany({ a: query, b: query }); return new Response('')";
    let read_many = "const [a, b] = await kv.getMany(['a', 'b']); return new Response(a === b)";
    let site = TestSite::new()
        .storing("write", "n", &write)
        .storing("write-many", "n", write_many)
        .storing("read", "n", &read)
        .storing("read-many", "n", read_many);
    everywhere(&site, |app| {
        for (writer, reader) in [
            ("/write", "/read"),
            ("/write", "/read-many"),
            ("/write-many", "/read-many"),
        ] {
            let seen = while_written(app, writer, reader);
            let torn = seen.iter().filter(|same| *same != "true").count();
            assert_eq!(torn, 0, "{reader} while {writer}: {}", app.log());
        }
    });
}

#[test]
fn one_of_many_claims_is_granted() {
    // Each looks at all, and writes its own alone.
    let claim = "const [round, mine] = query.split('-');
        const others = Array.from({ length: 8 }, (_, n) => Cache.get(`${round}/${n}`));
        await new Promise((done) => setTimeout(done, 1));
        if (others.some((claim) => claim !== undefined)) return new Response('refused');
        Cache.set(`${round}/${mine}`, 'claimed'); return new Response('granted')";
    everywhere(&TestSite::new().storing("claim", "n", claim), |app| {
        for round in 0..10 {
            let claim = |mine: usize| ask(&mut app.connect(), &format!("/claim?{round}-{mine}"));
            let answers: Vec<String> = thread::scope(|scope| {
                let claims: Vec<_> = (0..8)
                    .map(|mine| scope.spawn(move || claim(mine)))
                    .collect();
                claims
                    .into_iter()
                    .map(|claim| claim.join().unwrap())
                    .collect()
            });
            let granted = answers.iter().filter(|answer| *answer == "granted").count();
            assert_eq!(granted, 1, "{answers:?}");
        }
    });
}

#[test]
fn a_script_a_component_and_a_program_count_together() {
    let toml = namespace("n");
    let cache =
        "const n = Number(Cache.get('n') ?? 0) + 1; Cache.set('n', n); return new Response(n)";
    let site = TestSite::new()
        .storing("cache", "n", cache)
        .storing(
            "increment",
            "n",
            "return new Response(await kv.increment('n'))",
        )
        .with_toml("protocol.wasm", compiled("kv_p1"), &toml)
        .with_toml("kv/cas-incr.wasm", compiled("kv_draft2"), &toml);
    let paths = ["/cache", "/increment", "/protocol", "/kv/cas-incr?n"];
    everywhere(&site, |app| {
        let count = |path| {
            let mut connection = app.connect();
            (0..READS)
                .map(|_| ask(&mut connection, path))
                .collect::<Vec<_>>()
        };
        let answers = thread::scope(|scope| {
            let clients = paths.map(|path| scope.spawn(move || count(path)));
            clients.map(|client| client.join().unwrap()).concat()
        });
        let mut numbers: Vec<usize> = answers.iter().map(|n| n.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=paths.len() * READS).collect::<Vec<_>>());
    });
}
