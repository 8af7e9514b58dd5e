//! All that is measured, for Prometheus. What each family means stands in docs/observability.md.

use metrics::{Exposition, Kind};

use super::process;
use crate::app::App;
use crate::log;
use crate::watch::{LimitName, Measures, RouteKind, RouteSums, Watch};

/// The whole text.
pub(super) fn render(app: &App) -> String {
    let mut text = Exposition::new();
    text.family("wws_build_info", Kind::Gauge, "The program; always 1.");
    text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    if let Some(measures) = app.watch.measures() {
        requests(app.watch, measures, &mut text);
    }
    connections(app.watch, &mut text);
    limits(&mut text);
    workers(app, &mut text);
    calls(app, &mut text);
    of_process(&mut text);
    text.into_text()
}

/// A route with its sums.
type Row<'r> = (&'r str, RouteKind, RouteSums);

fn requests(watch: &Watch, measures: &Measures, text: &mut Exposition) {
    let rows: Vec<Row<'_>> = watch
        .routes()
        .map(|(number, route, kind)| (route, kind, measures.sums(number)))
        .collect();
    text.family(
        "wws_requests_total",
        Kind::Counter,
        "Requests that were answered, by the route that did and the status.",
    );
    for (route, _, sums) in &rows {
        for (status, count) in &sums.statuses {
            text.sample(&[("route", route), ("status", &status.label())], count);
        }
    }
    times(&rows, text);
    let workers = || {
        rows.iter()
            .filter(|(_, kind, _)| *kind == RouteKind::Worker)
    };
    text.family(
        "wws_worker_seconds_total",
        Kind::Counter,
        "Time from a request to its worker until that had answered, waiting for its turn included.",
    );
    for (route, _, sums) in workers() {
        text.sample(&[("route", route)], seconds(sums.worked_micros));
    }
    text.family(
        "wws_worker_failures_total",
        Kind::Counter,
        "Requests that a worker has not answered, or not to the end, by the reason.",
    );
    for (route, _, sums) in workers() {
        for (kind, count) in &sums.failures {
            text.sample(&[("route", route), ("kind", kind.label())], count);
        }
    }
}

/// What is told by the kind of route.
fn times(rows: &[Row<'_>], text: &mut Exposition) {
    let of_kind = RouteKind::ALL.map(|kind| {
        let mut sums = RouteSums::default();
        for (_, _, more) in rows.iter().filter(|(_, other, _)| *other == kind) {
            sums.add_times(more);
        }
        (kind.label(), sums)
    });
    text.histograms(
        "wws_request_seconds",
        "Time from the head of a request to the end of its answer, by the kind of route.",
    );
    for (kind, sums) in &of_kind {
        text.histogram(&[("kind", kind)], &sums.buckets, sums.micros);
    }
    text.family(
        "wws_sent_bytes_total",
        Kind::Counter,
        "Bytes of the bodies of answers, by the kind of route.",
    );
    for (kind, sums) in &of_kind {
        text.sample(&[("kind", kind)], sums.bytes);
    }
}

fn connections(watch: &Watch, text: &mut Exposition) {
    let (open, all) = watch.connections();
    text.family(
        "wws_connections_open",
        Kind::Gauge,
        "Connections that are open.",
    );
    text.sample(&[], open);
    text.family(
        "wws_connections_total",
        Kind::Counter,
        "Connections that were accepted.",
    );
    text.sample(&[], all);
}

fn limits(text: &mut Exposition) {
    text.family(
        "wws_limits_hit_total",
        Kind::Counter,
        "How often a limit has made a difference, by its name.",
    );
    for limit in LimitName::ALL {
        text.sample(&[("limit", limit.label())], limit.count());
    }
    text.family(
        "wws_log_lines_dropped_total",
        Kind::Counter,
        "Lines of the log that standard error did not take fast enough.",
    );
    text.sample(&[], log::dropped());
}

fn workers(app: &App, text: &mut Exposition) {
    let Some(usage) = app.workers.pool_usage() else {
        return;
    };
    let gauges = [
        (
            "wws_worker_calls",
            "Calls of workers that run.",
            usage.calls,
        ),
        (
            "wws_worker_calls_max",
            "How many may run at once.",
            usage.calls_max,
        ),
        (
            "wws_worker_memories",
            "Memories of instances that live.",
            usage.memories,
        ),
        (
            "wws_worker_idle_memory_bytes",
            "Memory that is kept for the next instances.",
            usage.idle_bytes,
        ),
    ];
    for (name, help, value) in gauges {
        text.family(name, Kind::Gauge, help);
        text.sample(&[], value);
    }
}

fn calls(app: &App, text: &mut Exposition) {
    text.family(
        "wws_kv_operations_total",
        Kind::Counter,
        "Operations on the key-value store, by what they were and how they ended.",
    );
    if let Some(counts) = app.surroundings.operation_counts() {
        for (operation, result, count) in counts.all() {
            text.sample(&[("operation", operation), ("result", result)], count);
        }
    }
    let counts = app.surroundings.call_counts();
    text.family(
        "wws_outbound_calls_total",
        Kind::Counter,
        "Calls of workers to other servers, by what became of them up to the head of the answer.",
    );
    for (result, count) in counts.calls() {
        text.sample(&[("result", result)], count);
    }
    text.family(
        "wws_outbound_bodies_failed_total",
        Kind::Counter,
        "Bodies of answers of other servers that broke off, by the reason.",
    );
    for (reason, count) in counts.bodies_failed() {
        text.sample(&[("reason", reason)], count);
    }
}

/// Under the names that all programs have them.
fn of_process(text: &mut Exposition) {
    if let Some(bytes) = process::resident_bytes() {
        text.family(
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Memory of the machine that the process takes.",
        );
        text.sample(&[], bytes);
    }
    if let Some(files) = process::open_files() {
        text.family(
            "process_open_fds",
            Kind::Gauge,
            "Files and sockets that are open.",
        );
        text.sample(&[], files);
    }
    text.family(
        "process_cpu_seconds_total",
        Kind::Counter,
        "How long processors have worked for the process.",
    );
    text.sample(&[], process::processor_time().as_secs_f64());
}

fn seconds(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64()
}
