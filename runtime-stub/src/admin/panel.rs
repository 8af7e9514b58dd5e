//! The page about the running app, and what it asks for every other second.

use std::borrow::Cow;
use std::time::SystemTime;

use metrics::quantile;
use rust_embed::RustEmbed;
use serde_json::{Value, json};

use super::{health, process};
use crate::app::App;
use crate::watch::{LastError, LimitName, RouteKind, RouteSums};

/// The files of the page.
#[derive(RustEmbed)]
#[folder = "panel"]
struct Files;

/// Media type and contents of a file of the page.
pub(super) fn file(name: &str) -> Option<(&'static str, Vec<u8>)> {
    let name = if name.is_empty() { "index.html" } else { name };
    let media_type = match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    let contents = Files::get(name)?.data;
    Some((media_type, Cow::into_owned(contents)))
}

/// All that the page shows, as JSON.
pub(super) async fn data(app: &App) -> String {
    let obstacles = health::obstacles(app).await;
    let watch = app.watch;
    let (open, all) = watch.connections();
    let measures = watch.measures();
    let routes: Vec<Value> = watch
        .routes()
        .filter_map(|(number, name, kind)| Some(route(name, kind, &measures?.sums(number))))
        .collect();
    let errors = measures.map_or_else(Vec::new, |measures| measures.last_errors());
    let limits = LimitName::ALL
        .into_iter()
        .filter(|limit| limit.count() > 0)
        .map(|limit| json!({ "name": limit.label(), "count": limit.count() }));
    let data = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now_ms": process::millis_of(SystemTime::now()),
        "started_ms": process::millis_of(watch.started()),
        "obstacles": obstacles,
        "connections": { "open": open, "all": all },
        "memory": memory(app),
        "processor_ms": u64::try_from(process::processor_time().as_millis()).unwrap_or(u64::MAX),
        "routes": routes,
        "limits": limits.collect::<Vec<_>>(),
        "kv": operations(app),
        "outbound": calls(app),
        "errors": errors.iter().map(error).collect::<Vec<_>>(),
    });
    data.to_string()
}

fn route(name: &str, kind: RouteKind, sums: &RouteSums) -> Value {
    let errors = sums
        .statuses
        .iter()
        .filter(|(status, _)| status.is_server_error());
    json!({
        "route": name,
        "kind": kind.label(),
        "requests": sums.requests(),
        "errors": errors.map(|(_, count)| count).sum::<u64>(),
        "bytes": sums.bytes,
        "p50_us": quantile(&sums.buckets, 0.5),
        "p99_us": quantile(&sums.buckets, 0.99),
        "statuses": sums
            .statuses
            .iter()
            .map(|(status, count)| json!([status.label(), count]))
            .collect::<Vec<_>>(),
    })
}

fn memory(app: &App) -> Value {
    let usage = app.workers.pool_usage();
    json!({
        "resident": process::resident_bytes(),
        "calls": usage.map(|usage| usage.calls),
        "calls_max": usage.map(|usage| usage.calls_max),
        "memories": usage.map(|usage| usage.memories),
        "idle": usage.map(|usage| usage.idle_bytes),
    })
}

fn operations(app: &App) -> Vec<Value> {
    let Some(counts) = app.surroundings.operation_counts() else {
        return Vec::new();
    };
    let row =
        |(operation, result, count)| json!({ "name": operation, "result": result, "count": count });
    counts.all().map(row).collect()
}

fn calls(app: &App) -> Vec<Value> {
    let counts = app.surroundings.call_counts();
    let calls = counts
        .calls()
        .map(|(result, count)| ("call", result, count));
    let bodies = counts
        .bodies_failed()
        .map(|(reason, count)| ("body", reason, count));
    let row = |(what, result, count)| json!({ "name": what, "result": result, "count": count });
    calls.chain(bodies).map(row).collect()
}

fn error(error: &LastError) -> Value {
    json!({
        "at_ms": process::millis_of(error.at),
        "route": error.route,
        "status": error.status,
        "kind": error.kind.label(),
        "reason": error.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_files_and_asks_nobody_else() {
        let (media_type, page) = file("").unwrap();
        assert_eq!(media_type, "text/html; charset=utf-8");
        let page = String::from_utf8(page).unwrap();
        for part in ["panel.css", "panel.js"] {
            assert!(
                page.contains(&format!("\"{part}\"")) && file(part).is_some(),
                "{part}"
            );
        }
        for name in ["panel.css", "panel.js", "index.html"] {
            let text = String::from_utf8(file(name).unwrap().1).unwrap();
            let namespace = "http://www.w3.org/2000/svg";
            assert!(!text.replace(namespace, "").contains("://"), "{name}");
            assert!(
                !text.contains("style=\"") && !text.contains("innerHTML"),
                "{name}"
            );
        }
        assert!(file("../src/lib.rs").is_none() && file("nothing.js").is_none());
    }
}
