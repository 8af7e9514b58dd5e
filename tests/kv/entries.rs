//! Keys, values and namespaces: the same on each of the places.

use serde_json::{Value, json};

use super::{compiled, everywhere, namespace};
use crate::support::{RunningApp, TestSite};

const KEY_BYTES_MAX: usize = 1 << 10;
const VALUE_BYTES_MAX: usize = 1 << 20;

/// A script at `/w` that answers with JSON.
fn worker(body: &str) -> TestSite {
    TestSite::new().storing("w", "n", body)
}

#[track_caller]
fn assert_answers(app: &RunningApp, want: &Value) {
    let answer = app.get("/w");
    let answer = answer.assert_status(200);
    let found: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(&found, want, "{}", app.log());
}

#[test]
fn keys_and_values_are_any_bytes() {
    let body = "const key = Uint8Array.from({ length: 256 }, (_, n) => n);
        const value = key.toReversed();
        const isKey = (found) => found instanceof Uint8Array && `${found}` === `${key}`;
        await kv.set(key, value); await kv.set('', '');
        const found = await kv.get(key, { type: 'bytes' });
        const { keys, next } = await kv.list();
        return Response.json([`${found}` === `${value}`, await kv.get(''), keys[0], isKey(keys[1]),
          next, await kv.compareAndSet(key, value, key), isKey(await kv.get(key, { type: 'bytes' })),
          await kv.delete(key), await kv.get(key)])";
    let want = json!([true, "", "", true, null, true, true, true, null]);
    everywhere(&worker(body), |app| assert_answers(app, &want));
}

#[test]
fn the_longest_are_kept_and_longer_ones_refused_with_words() {
    let body = format!(
        "const [key, value] = ['k'.repeat({KEY_BYTES_MAX}), new Uint8Array({VALUE_BYTES_MAX}).fill(255)];
        const [longKey, longValue] = [key + 'k', new Uint8Array({VALUE_BYTES_MAX} + 1)];
        await kv.set(key, value);
        const found = await kv.get(key, {{ type: 'bytes' }});
        const failure = async (act) => {{
          try {{ await act(); return null; }} catch ({{ name, code, message }}) {{ return [name, code, message]; }}
        }};
        return Response.json([found.length, found.every((byte) => byte === 255),
          await failure(() => kv.set(longKey, '')), await failure(() => kv.set('k', longValue)),
          await failure(() => Cache.set(longKey, '')), await failure(() => Cache.set('k', longValue)),
          await failure(() => kv.compareAndSet('k', null, longValue)), await kv.get('k')])"
    );
    let site = worker(&body);
    everywhere(&site, |app| {
        let answer = app.get("/w");
        let found: Value = serde_json::from_slice(&answer.assert_status(200).body).unwrap();
        assert_eq!(found[0], VALUE_BYTES_MAX);
        assert_eq!(found[1], true);
        let key = ["key-too-long", "a key of 1025 bytes; the longest has 1024"];
        let value = [
            "value-too-long",
            "a value of 1048577 bytes; the longest has 1048576",
        ];
        for (failure, [code, words]) in (2..).zip([key, value, key, value, value]) {
            let failure = &found[failure];
            assert_eq!(
                (&failure[0], &failure[1]),
                (&json!("RangeError"), &json!(code))
            );
            assert!(failure[2].as_str().unwrap().contains(words), "{failure}");
        }
        assert_eq!(found[7], Value::Null);
    });
}

#[test]
fn components_keep_the_longest_and_are_told_of_longer_ones() {
    let site =
        TestSite::new().with_toml("kv/[...rest].wasm", compiled("kv_draft"), &namespace("n"));
    let key = "k".repeat(KEY_BYTES_MAX);
    let value = vec![255; VALUE_BYTES_MAX];
    everywhere(&site, |app| {
        let set = |key: &str, value: &[u8]| {
            let path = format!("/kv/set?{key}");
            app.request("POST", &path, &[], value)
        };
        set(&key, &value).assert_status(200);
        assert_eq!(app.get(&format!("/kv/get?{key}")).body, value);
        let refused = set(&format!("{key}k"), b"");
        assert!(
            refused
                .assert_status(500)
                .text()
                .contains("a key of 1025 bytes"),
            "{refused:?}"
        );
        let refused = set("k", &[&value[..], b"k"].concat());
        assert!(
            refused.text().contains("a value of 1048577 bytes"),
            "{refused:?}"
        );
        app.get("/kv/get?k").assert_status(404);
    });
}

#[test]
fn namespaces_know_nothing_of_each_other() {
    let names = ["a", "a:b", "a:b:", "A", " a", "ä", "a/b*?"];
    let body = "const keys = ['k', 'b:k', ':b:k', '*'];
        if (query) { await kv.setMany(keys.map((key) => [key, query])); return new Response('set'); }
        return Response.json([await kv.getMany(keys), (await kv.list()).keys.length])";
    let with = |site: TestSite, (number, name): (usize, &&str)| {
        site.storing(&format!("w{number}"), name, body)
    };
    let site = names.iter().enumerate().fold(TestSite::new(), with);
    everywhere(&site, |app| {
        for number in 0..names.len() {
            app.get(&format!("/w{number}?{number}")).assert_status(200);
        }
        for (number, name) in names.iter().enumerate() {
            let answer = app.get(&format!("/w{number}"));
            let found: Value = serde_json::from_slice(&answer.assert_status(200).body).unwrap();
            let value = number.to_string();
            assert_eq!(found, json!([[value, value, value, value], 4]), "{name:?}");
        }
    });
}

#[test]
fn workers_of_every_kind_share_a_namespace() {
    let both = "const before = [await kv.get('x'), Cache.get('x')];
        await kv.set('y', 'of kv'); Cache.set('z', 'of Cache'); return Response.json(before)";
    let toml = namespace("n");
    let site = worker(both)
        .with_toml("p.wasm", compiled("kv_p1"), &toml)
        .with_toml("kv/[...rest].wasm", compiled("kv_draft"), &toml)
        .with_toml("kv/incr-by.wasm", compiled("kv_draft2"), &toml);
    everywhere(&site, |app| {
        assert_eq!(app.get("/p?set=x:1").text(), "1");
        assert_answers(app, &json!(["1", "1"]));
        assert_eq!(app.get("/p?get=y").text(), "of kv");
        assert_eq!(app.get("/kv/get?z").text(), "of Cache");
        assert_eq!(app.get("/kv/incr?x").text(), "2");
        assert_eq!(app.get("/kv/incr-by?x,40").text(), "42");
        assert_eq!(app.get("/p?get=x").text(), "42");
        assert_eq!(app.get("/kv/list").text(), "x\ny\nz\n");
    });
}

#[test]
fn a_component_opens_its_own_namespace_alone() {
    let toml = namespace("mine");
    let site = TestSite::new().with_toml("kv/[...rest].wasm", compiled("kv_draft2"), &toml);
    let app = site.bundle().start(&[]);
    let open = |name: &str| app.get_with("/kv/incr?n", &[("x-store", name)]);
    for (name, want) in [("", "1"), ("default", "2"), ("mine", "3")] {
        assert_eq!(open(name).assert_status(200).text(), want, "{name:?}");
    }
    let refused = open("other");
    assert!(
        refused.assert_status(500).text().contains("NoSuchStore"),
        "{refused:?}"
    );
}
