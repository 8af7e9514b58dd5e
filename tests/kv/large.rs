//! A namespace of 100,000 keys: who asks for one of them is given one of them.

use super::{Place, compiled, namespace};
use crate::support::{TestSite, peak_memory, reset_peak_memory};

const KEYS: usize = 100_000;

/// All values are 40 MB, and a copy of them is at least as much; what instances and the cache of the
/// file take meanwhile differs from machine to machine, and is a few MB.
const VALUE_BYTES: usize = 400;
const GROWTH_BYTES_MAX: u64 = 20 << 20;

#[test]
fn one_request_does_not_copy_all_keys() {
    let fill = format!(
        "for (let page = 0; page < {KEYS}; page += 1000) {{
            const entries = Array.from({{ length: 1000 }}, (_, n) => [`k${{page + n}}`, 'v'.repeat({VALUE_BYTES})]);
            await kv.setMany(entries);
        }}
        return new Response('filled')"
    );
    let toml = namespace("n");
    let site = TestSite::new()
        .storing("fill", "n", &fill)
        .storing("get", "n", "return new Response(await kv.get(query))")
        .storing(
            "increment",
            "n",
            "return new Response(await kv.increment(query))",
        )
        .storing(
            "cache",
            "n",
            "Cache.set('c', query); return new Response(Cache.get(query))",
        )
        .storing(
            "list",
            "n",
            "return new Response((await kv.list({ prefix: query, limit: 9 })).keys)",
        )
        .with_toml("kv/[...rest].wasm", compiled("kv_draft"), &toml)
        .with_toml("protocol.wasm", compiled("kv_p1"), &toml);
    let app = site.bundle();
    for place in Place::all() {
        let location = place.location();
        // Far less than there is.
        let flags = [
            "--kv",
            &location,
            "--worker-time",
            "10m",
            "--worker-kv-snapshot",
            "1MiB",
        ];
        let app = app.start(&flags);
        app.get("/fill").assert_status(200);
        let paths = [
            "/get?k77777",
            "/cache?k77777",
            "/kv/get?k77777",
            "/increment?n",
            "/kv/incr?n",
        ];
        let ask = || {
            for path in paths {
                let length = app.get(path).assert_status(200).body.len();
                let is_number = path.ends_with("?n");
                assert!(is_number || length == VALUE_BYTES, "{path}: {length} bytes");
            }
        };
        // What is allocated once.
        (0..4).for_each(|_| ask());
        let before = reset_peak_memory(&app);
        (0..10).for_each(|_| ask());
        let grown = peak_memory(&app).saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{location}: {grown} more bytes");
        let listed = app.get("/list?k7777").assert_status(200).text();
        assert_eq!(
            listed,
            "k7777,k77770,k77771,k77772,k77773,k77774,k77775,k77776,k77777"
        );
        // All of it is what a worker of the protocol would be given.
        app.get("/protocol").assert_status(500);
    }
}
