//! `kv` and `Cache` of scripts in the real engine, on a store in memory.

use std::sync::Arc;

use bytes::Bytes;
use kv::{Location, Namespace, Store};
use tokio::sync::mpsc;

use super::{a_request, block_on, body_of, script};
use crate::CallError;
use crate::stdio::LogLine;
use crate::worker::{KvSettings, Program, Worker};

async fn namespace() -> Namespace {
    let store = Store::open(&Location::Memory).await.unwrap();
    store.namespace("n")
}

/// A worker whose handler has this body, over a store.
fn worker(body: &str, namespace: &Namespace, may_retry: bool, reuse: u32) -> Worker {
    logging_worker(body, namespace, may_retry, reuse, Arc::new(|_, _| {}))
}

fn logging_worker(
    body: &str,
    namespace: &Namespace,
    may_retry: bool,
    reuse: u32,
    log: LogLine,
) -> Worker {
    let source = format!("export default {{ async fetch(request, env, ctx) {{ {body} }} }}");
    let (host, mut settings, program) = script(&source);
    settings.kv = Some(KvSettings {
        namespace: namespace.clone(),
        may_retry,
    });
    settings.concurrency = 20;
    settings.reuse = reuse;
    settings.log = log;
    Worker::new(&host, Program::Script(program), settings)
}

async fn answer(worker: &Worker) -> Result<String, CallError> {
    let response = worker.call(a_request()).await?;
    Ok(String::from_utf8(body_of(response).await.unwrap()).unwrap())
}

async fn value(namespace: &Namespace, key: &str) -> Option<String> {
    let value = namespace.get(key.as_bytes()).await.unwrap();
    value.map(|value| String::from_utf8_lossy(&value).into_owned())
}

/// What a handler with this body answers, over an empty store.
async fn run(body: &str) -> String {
    answer(&worker(body, &namespace().await, true, 1))
        .await
        .unwrap()
}

#[test]
fn what_is_set_can_be_got_in_each_form() {
    block_on(async {
        let body = r#"await kv.set("text", "é"); await kv.set("json", '{"a":1}');
            await kv.set(new Uint8Array([255]), new Uint8Array([1, 255]).buffer);
            const refused = await kv.get(new Uint8Array([255])).catch((error) => error);
            return Response.json([await kv.get("text"), (await kv.get("json", { type: "json" })).a,
                [...await kv.get(new Uint8Array([255]), "bytes")],
                (await kv.get("text", { type: "arrayBuffer" })).byteLength, await kv.get("none"),
                await kv.getMany(["text", "none"]), refused.name, refused.message])"#;
        let want = r#"["é",1,[1,255],2,null,["é",null],"TypeError","kv.get: the value is not text; get it with kv.get(key, { type: \"bytes\" })"]"#;
        assert_eq!(run(body).await, want);
    });
}

#[test]
fn keys_are_deleted_listed_counted_and_compared() {
    block_on(async {
        let body = r#"await kv.setMany({ "a/1": "x", "a/2": "y", b: "z" });
            await kv.setMany([["a/3", "w"], ["b", null]]);
            const page = await kv.list({ prefix: "a/", limit: 2 });
            const rest = await kv.list({ prefix: "a/", after: page.next });
            return Response.json([page.keys, rest.keys, rest.next, await kv.delete("a/1"), await kv.delete("a/1"),
                await kv.get("b"), await kv.increment("n"), await kv.increment("n", 5), await kv.increment("n", -7),
                `${await kv.increment("big", 2n ** 62n)}`,
                await kv.compareAndSet("c", null, "1"), await kv.compareAndSet("c", null, "2"),
                await kv.compareAndSet("c", "1", null), await kv.get("c")])"#;
        let want = r#"[["a/1","a/2"],["a/3"],null,true,false,null,1,6,-1,"4611686018427387904",true,false,true,null]"#;
        assert_eq!(run(body).await, want);
    });
}

#[test]
fn what_cannot_be_is_said_in_words() {
    block_on(async {
        let body = r#"const all = [() => kv.set("a", { b: 1 }), () => kv.set("a", 1), () => kv.get(1),
                () => kv.get("a".repeat(2000)), () => kv.set("a", "x".repeat(2 ** 20 + 1)),
                () => kv.list({ limit: 0 }), () => kv.increment("a", 0.5), () => kv.get("a", "xml"),
                async () => { await kv.set("t", "x"); await kv.increment("t") }, async () => {
                    await kv.increment("n", 2n ** 60n); await kv.increment("n") }];
            const errors = [];
            for (const each of all) errors.push(await each().then(() => "none", ({ name, message }) => `${name}: ${message}`));
            return new Response(errors.join("\n"))"#;
        let answer = run(body).await;
        let lines: Vec<&str> = answer.lines().collect();
        let wanted = [
            ("TypeError", "JSON.stringify"),
            ("TypeError", "String(value)"),
            ("TypeError", "a key is a string or bytes"),
            ("RangeError", "a key of 2000 bytes"),
            ("RangeError", "a value of 1048577 bytes"),
            ("RangeError", "limit"),
            ("TypeError", "no whole number"),
            ("TypeError", "text, json, bytes, arrayBuffer"),
            ("TypeError", ""),
            ("RangeError", "BigInt"),
        ];
        assert_eq!(lines.len(), wanted.len(), "{answer}");
        for (line, (name, part)) in lines.iter().zip(wanted) {
            assert!(line.starts_with(name) && line.contains(part), "{line}");
        }
    });
}

#[test]
fn more_operations_than_may_be_at_once_wait_for_each_other() {
    block_on(async {
        let body = r#"const sums = await Promise.all(Array.from({ length: 2000 }, () => kv.increment("n")));
            return new Response(Math.max(...sums))"#;
        assert_eq!(run(body).await, "2000");
    });
}

#[test]
fn without_a_store_every_use_says_what_to_write() {
    block_on(async {
        let body = r#"const error = await kv.get("a").catch((error) => error);
            try { Cache.get("a"); } catch (thrown) {
                return new Response(error.message === thrown.message ? error.message : "")
            }"#;
        let answer = super::calls::worker(body).call(a_request()).await;
        let text = String::from_utf8(body_of(answer.unwrap()).await.unwrap()).unwrap();
        assert!(text.contains("[data.kv]"), "{text}");
    });
}

#[test]
fn cache_sees_its_own_writes_and_others_see_them_after_the_answer() {
    block_on(async {
        let namespace = namespace().await;
        namespace.set(b"a", Bytes::from_static(b"1")).await.unwrap();
        let body = r#"const before = [Cache.get("a"), Cache.get("none") === undefined, Cache.delete("a")];
            const deleted = Cache.get("a") === undefined;
            Cache.set("a", 2); Cache.set("b", "x"); await null;
            const elsewhere = await kv.get("a");
            return Response.json([...before, deleted, Cache.get("a"), elsewhere])"#;
        let worker = worker(body, &namespace, true, 1);
        assert_eq!(
            answer(&worker).await.unwrap(),
            r#"["1",true,null,true,"2","1"]"#
        );
        assert_eq!(value(&namespace, "a").await.unwrap(), "2");
        assert_eq!(value(&namespace, "b").await.unwrap(), "x");
    });
}

#[test]
fn a_request_that_fails_has_changed_nothing() {
    block_on(async {
        let namespace = namespace().await;
        let thrown = worker(
            r#"Cache.set("a", "1"); throw new Error("mine")"#,
            &namespace,
            true,
            1,
        );
        let error = answer(&thrown).await.unwrap_err();
        assert!(matches!(error, CallError::Exception { .. }), "{error}");
        let none = worker(r#"Cache.set("a", "1"); return 7"#, &namespace, true, 1);
        assert!(matches!(
            answer(&none).await,
            Err(CallError::BadResponse(_))
        ));
        assert_eq!(value(&namespace, "a").await, None);
    });
}

#[test]
fn cache_ends_with_the_answer() {
    block_on(async {
        let namespace = namespace().await;
        let body = r#"Cache.set("a", "1");
            ctx.waitUntil((async () => {
                await kv.get("wait");
                try { Cache.set("a", "2"); } catch (error) { await kv.set("error", error.message); }
                await kv.set("done", "yes");
            })());
            return new Response("answered")"#;
        let worker = worker(body, &namespace, true, 1);
        assert_eq!(answer(&worker).await.unwrap(), "answered");
        while value(&namespace, "done").await.is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(value(&namespace, "a").await.unwrap(), "1");
        assert!(value(&namespace, "error").await.unwrap().contains("use kv"));
    });
}

#[test]
fn increments_at_the_same_time_are_all_counted() {
    const REQUESTS: usize = 60;
    block_on(async {
        let namespace = namespace().await;
        // The await lets the requests overlap.
        let body = r#"const n = Number(Cache.get("n") ?? 0); await kv.get("other");
            await new Promise((done) => setTimeout(done, 1));
            Cache.set("n", n + 1); return new Response(`${n + 1}`)"#;
        let worker = worker(body, &namespace, true, 1);
        let calls = (0..REQUESTS).map(|_| {
            let worker = worker.clone();
            tokio::spawn(async move { answer(&worker).await.unwrap().parse::<usize>().unwrap() })
        });
        let mut numbers = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            numbers.push(call.await.unwrap());
        }
        numbers.sort_unstable();
        // Each has seen what the one before it has done.
        assert_eq!(numbers, (1..=REQUESTS).collect::<Vec<_>>());
        assert_eq!(value(&namespace, "n").await.unwrap(), REQUESTS.to_string());
    });
}

/// What becomes of a request that reads a key, which is then changed elsewhere before it writes
/// that key itself; and what the key holds in the end.
async fn conflict(more: &str, may_retry: bool) -> (Result<String, CallError>, Option<String>) {
    let namespace = namespace().await;
    namespace.set(b"n", Bytes::from_static(b"1")).await.unwrap();
    let body = format!(
        r#"const n = Cache.get("n"); {more}
        console.log("read");
        while (await kv.get("go") === null) await new Promise((done) => setTimeout(done, 1));
        Cache.set("n", `${{n}}+`); return new Response("done")"#
    );
    let (say, mut said) = mpsc::unbounded_channel();
    let log = Arc::new(move |_, line: &str| {
        // Nobody listens any more to what comes later.
        let _ = say.send(line.to_owned());
    });
    let worker = logging_worker(&body, &namespace, may_retry, 1, log);
    let running = tokio::spawn(async move { answer(&worker).await });
    assert_eq!(said.recv().await.unwrap(), "read");
    namespace.set(b"n", Bytes::from_static(b"2")).await.unwrap();
    namespace.set(b"go", Bytes::new()).await.unwrap();
    let answer = running.await.unwrap();
    (answer, value(&namespace, "n").await)
}

#[test]
fn a_conflict_repeats_the_request_if_that_cannot_be_seen() {
    block_on(async {
        let (answer, left) = conflict("", true).await;
        assert_eq!(answer.unwrap(), "done");
        assert_eq!(left.unwrap(), "2+");
    });
}

#[test]
fn a_conflict_is_an_error_where_the_request_may_not_be_repeated() {
    block_on(async {
        for (more, may_retry) in [("", false), (r#"await kv.set("effect", "1");"#, true)] {
            let (answer, left) = conflict(more, may_retry).await;
            assert!(
                matches!(answer, Err(CallError::Conflict { runs: 1 })),
                "{answer:?}"
            );
            assert_eq!(left.unwrap(), "2");
        }
    });
}

#[test]
fn shared_instances_have_no_cache() {
    block_on(async {
        let body =
            r#"try { Cache.get("a"); } catch (error) { return new Response(error.message) }"#;
        let worker = worker(body, &namespace().await, true, 100);
        let answer = answer(&worker).await.unwrap();
        assert!(
            answer.contains("reuse") && answer.contains("use kv"),
            "{answer}"
        );
        let counted = Arc::new(namespace().await);
        let worker = self::worker(
            "return new Response(await kv.increment('n'))",
            &counted,
            true,
            100,
        );
        for n in 1..4 {
            assert_eq!(self::answer(&worker).await.unwrap(), n.to_string());
        }
    });
}
