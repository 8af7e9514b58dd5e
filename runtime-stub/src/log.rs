//! The log, on standard error: lines about events, and one a request where that is asked for.
//!
//! A line about an event is a word first and then `key=value`, or JSON. Which there are, `RUST_LOG`
//! says ([`Filter`]). Once [`start_thread`] was called, lines are written by a thread of their own
//! ([`writer`]), so that who reads standard error slowly keeps no request waiting.

mod access;
mod clock;
mod escape;
mod filter;
mod writer;

use std::fmt::Display;
use std::io::Write;
use std::sync::OnceLock;

pub(crate) use access::Access;
pub use filter::{Filter, Level};
use writer::Writer;

/// What the log is.
#[derive(Clone, Debug, Default)]
pub struct LogSettings {
    /// Of lines about requests and, if it is JSON, of all.
    pub format: LogFormat,
    /// Which lines about events there are.
    pub filter: Filter,
}

impl LogSettings {
    fn is_json(&self) -> bool {
        self.format == LogFormat::Json
    }
}

/// The format of the lines about requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// There are none.
    #[default]
    Off,
    /// That of Apache and nginx, with a few words more at the end.
    Combined,
    /// One object a line; lines about events too.
    Json,
}

/// A process has one log.
static SETTINGS: OnceLock<LogSettings> = OnceLock::new();
static WRITER: OnceLock<Writer> = OnceLock::new();

/// From now on lines are as the settings say. Only the first time counts.
pub fn install(settings: &LogSettings) {
    SETTINGS.get_or_init(|| settings.clone());
}

/// From now on a thread writes them. It has the rights that this one has now.
pub(crate) fn start_thread() {
    let is_json = SETTINGS.get().is_some_and(LogSettings::is_json);
    WRITER.get_or_init(|| {
        Writer::start(move |count, out| {
            let fields: [(&str, &dyn Display); 1] = [("lines", &count)];
            push_event(Level::Warn, "log_dropped", &fields, is_json, out);
        })
    });
}

/// Waits until what was logged has been written, but for no longer than a second.
pub fn flush() {
    if let Some(writer) = WRITER.get() {
        writer.flush();
    }
}

/// How many lines were left out since standard error was not read fast enough.
pub(crate) fn dropped() -> u64 {
    WRITER.get().map_or(0, Writer::dropped)
}

/// Writes one line about an event. A value with spaces, quotes or control characters is quoted and
/// escaped, so that nothing from outside can forge a line.
pub fn line(event: &str, fields: &[(&str, &dyn Display)]) {
    let level = fields.iter().find(|(name, _)| *name == "level");
    let level = level.and_then(|(_, level)| Level::parse(&level.to_string()));
    let level = level.unwrap_or_else(|| level_of(event));
    let settings = SETTINGS.get();
    if settings.is_some_and(|settings| !settings.filter.allows(event, level)) {
        return;
    }
    let is_json = settings.is_some_and(LogSettings::is_json);
    let mut line = Vec::with_capacity(256);
    push_event(level, event, fields, is_json, &mut line);
    write(&line);
}

/// Writes one line about a request.
pub(crate) fn access(access: &Access<'_>) {
    let format = SETTINGS
        .get()
        .map_or(LogFormat::Off, |settings| settings.format);
    let mut line = Vec::with_capacity(512);
    match format {
        LogFormat::Off => return,
        LogFormat::Combined => access.push_combined(&mut line),
        LogFormat::Json => access.push_json(&mut line),
    }
    write(&line);
}

fn write(line: &[u8]) {
    match WRITER.get() {
        Some(writer) => writer.push(line),
        // There is nowhere left to say that the log is gone.
        None => drop(std::io::stderr().lock().write_all(line)),
    }
}

/// How much an event matters. What is not named here is worth a look, and nothing is lost.
fn level_of(event: &str) -> Level {
    match event {
        "worker_failed" | "damaged" | "accept_failed" => Level::Error,
        "worker_log" | "admin" | "tls_reloaded" => Level::Info,
        _ => Level::Warn,
    }
}

fn push_event(
    level: Level,
    event: &str,
    fields: &[(&str, &dyn Display)],
    is_json: bool,
    out: &mut Vec<u8>,
) {
    match is_json {
        true => push_event_json(level, event, fields, out),
        false => push_event_text(event, fields, out),
    }
}

fn push_event_text(event: &str, fields: &[(&str, &dyn Display)], out: &mut Vec<u8>) {
    out.extend(event.as_bytes());
    for (name, value) in fields {
        let value = value.to_string();
        out.push(b' ');
        out.extend(name.as_bytes());
        out.push(b'=');
        match escape::is_plain(&value) {
            true => out.extend(value.as_bytes()),
            false => out.extend(format!("{value:?}").as_bytes()),
        }
    }
    out.push(b'\n');
}

fn push_event_json(level: Level, event: &str, fields: &[(&str, &dyn Display)], out: &mut Vec<u8>) {
    out.extend(b"{\"time\":\"");
    clock::push_rfc3339(out);
    out.extend(b"\",\"level\":\"");
    out.extend(level.name().as_bytes());
    out.extend(b"\",\"event\":");
    escape::push_json(event, out);
    for (name, value) in fields.iter().filter(|(name, _)| *name != "level") {
        out.push(b',');
        escape::push_json(name, out);
        out.push(b':');
        escape::push_json(&value.to_string(), out);
    }
    out.extend(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[(&str, &dyn Display)] = &[
        ("route", &"/a"),
        ("line", &"a \"b\"\nworker_failed x=1\u{1b}\u{2028}"),
        ("empty", &""),
    ];

    #[test]
    fn a_value_forges_no_line_and_no_field() {
        let mut out = Vec::new();
        push_event(Level::Info, "worker_log", FIELDS, false, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "worker_log route=/a line=\"a \\\"b\\\"\\nworker_failed x=1\\u{1b}\\u{2028}\" empty=\"\"\n"
        );
    }

    #[test]
    fn an_event_is_one_line_of_json() {
        let mut out = Vec::new();
        push_event(Level::Error, "worker_log", FIELDS, true, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["level"], "error");
        assert_eq!(value["event"], "worker_log");
        assert_eq!(value["line"], "a \"b\"\nworker_failed x=1\u{1b}\u{2028}");
        assert!(value["time"].as_str().unwrap().ends_with('Z'));
        // What some readers take for the end of a line.
        assert!(!text.contains('\u{2028}'));
    }
}
