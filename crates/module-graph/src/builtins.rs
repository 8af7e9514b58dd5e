//! The modules that Node.js has built in, and workers do not.

const NODE_BUILTINS: &[&str] = &[
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

/// Whether Node.js answers this specifier, which has no `node:`, itself.
pub(crate) fn is_node_builtin(specifier: &str) -> bool {
    let module = specifier.split('/').next().unwrap_or(specifier);
    let rest_is_known = match specifier.split_once('/') {
        None => true,
        Some((_, rest)) => matches!(
            rest,
            "promises" | "strict" | "posix" | "win32" | "web" | "consumers" | "types"
        ),
    };
    rest_is_known && NODE_BUILTINS.binary_search(&module).is_ok()
}

/// Why a module of Node.js cannot be imported, and what there is instead. `specifier` may begin
/// with `node:`.
pub(crate) fn message(specifier: &str) -> String {
    let module = specifier.strip_prefix("node:").unwrap_or(specifier);
    let instead = match module.split('/').next().unwrap_or(module) {
        "assert" => "throw an Error",
        "buffer" => "use Uint8Array, TextEncoder and TextDecoder, atob and btoa",
        "crypto" => "use the global crypto: crypto.subtle, crypto.randomUUID()",
        "events" => "use EventTarget",
        "fs" => "import what is known when bundling, as JavaScript or JSON",
        "http" | "https" | "http2" | "net" => "export a fetch handler",
        "path" => "use URL or strings",
        "process" => "take settings from the environment that a handler gets",
        "querystring" | "url" => "use URL and URLSearchParams",
        "stream" => "use ReadableStream, WritableStream and TransformStream",
        "timers" => "use setTimeout",
        "util" => "use TextEncoder, TextDecoder, structuredClone",
        _ => "look for a package that runs in browsers",
    };
    format!(
        "\"{specifier}\" is a module of Node.js; workers have the web platform, not Node.js: \
         {instead}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_of_node_are_known_and_others_are_not() {
        assert!(NODE_BUILTINS.is_sorted());
        for name in ["fs", "fs/promises", "path/posix", "zlib", "assert/strict"] {
            assert!(is_node_builtin(name), "{name}");
        }
        for name in [
            "fs-extra",
            "events/events.js",
            "process/browser",
            "hono",
            "",
            "/",
        ] {
            assert!(!is_node_builtin(name), "{name}");
        }
    }
}
