//! `[limits]`, the same in every file: sizes and times are strings, counts are integers.
//!
//! Not here: defaults and bounds (`limits`).

use limits::{LIMIT_NAMES, LimitError, LimitOverrides};

use crate::document::Findings;
use crate::keys::{self, Value};

pub(crate) fn read(value: &Value<'_>, findings: &mut Findings) -> LimitOverrides {
    let mut limits = LimitOverrides::default();
    let Some(table) = keys::table(value, "[limits]", findings) else {
        return limits;
    };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "time" => limits.time = quantity(value, "\"30s\"", limits::parse_time, findings),
            "memory" => {
                limits.memory = quantity(value, "\"128MiB\"", limits::parse_memory, findings);
            }
            "request_body" => {
                let parse = limits::parse_request_body;
                limits.request_body = quantity(value, "\"10MiB\"", parse, findings);
            }
            "response_body" => {
                let parse = limits::parse_response_body;
                limits.response_body = quantity(value, "\"16MiB\"", parse, findings);
            }
            "concurrency" => {
                limits.concurrency = count(value, "8", limits::parse_concurrency, findings);
            }
            "queue" => limits.queue = count(value, "64", limits::parse_queue, findings),
            "outbound_time" => {
                let parse = limits::parse_outbound_time;
                limits.outbound_time = quantity(value, "\"10s\"", parse, findings);
            }
            "outbound_connect" => {
                let parse = limits::parse_outbound_connect;
                limits.outbound_connect = quantity(value, "\"5s\"", parse, findings);
            }
            "outbound_response" => {
                let parse = limits::parse_outbound_response;
                limits.outbound_response = quantity(value, "\"16MiB\"", parse, findings);
            }
            "outbound_calls" => {
                limits.outbound_calls = count(value, "32", limits::parse_outbound_calls, findings);
            }
            "kv_snapshot" => {
                let parse = limits::parse_kv_snapshot;
                limits.kv_snapshot = quantity(value, "\"4MiB\"", parse, findings);
            }
            _ => keys::unknown(key, "limit", LIMIT_NAMES, findings),
        }
    }
    limits
}

fn quantity<T>(
    value: &Value<'_>,
    example: &str,
    parse: fn(&str) -> Result<T, LimitError>,
    findings: &mut Findings,
) -> Option<T> {
    let text = keys::string(value, example, findings)?;
    parsed(value, parse(&text), findings)
}

fn count(
    value: &Value<'_>,
    example: &str,
    parse: fn(&str) -> Result<u32, LimitError>,
    findings: &mut Findings,
) -> Option<u32> {
    let text = keys::integer(value, example, findings)?;
    parsed(value, parse(&text), findings)
}

fn parsed<T>(
    value: &Value<'_>,
    result: Result<T, LimitError>,
    findings: &mut Findings,
) -> Option<T> {
    result
        .map_err(|error| findings.add(value.span().start, error.to_string()))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use limits::{ByteSize, TimeSpan};

    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<LimitOverrides, &[&str]>) {
        let found = crate::parse_site_config("wws.toml", text.as_bytes()).whole();
        let found = found
            .map(|config| config.limits)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        let want =
            want.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, want);
    }

    #[test]
    fn every_limit_is_read_with_its_unit() {
        let text = "[limits]\ntime = \"1.5s\"\nmemory = \"64MiB\"\nrequest_body = \"0B\"\n\
            response_body = \"1GiB\"\nconcurrency = 0x10\nqueue = 1_000\n\
            outbound_time = \"1s\"\noutbound_connect = \"2s\"\noutbound_response = \"3B\"\n\
            outbound_calls = 4\nkv_snapshot = \"5B\"\n";
        let want = LimitOverrides {
            time: Some(TimeSpan(Duration::from_millis(1500))),
            memory: Some(ByteSize(64 << 20)),
            request_body: Some(ByteSize(0)),
            response_body: Some(ByteSize(1 << 30)),
            concurrency: Some(16),
            queue: Some(1000),
            outbound_time: Some(TimeSpan(Duration::from_secs(1))),
            outbound_connect: Some(TimeSpan(Duration::from_secs(2))),
            outbound_response: Some(ByteSize(3)),
            outbound_calls: Some(4),
            kv_snapshot: Some(ByteSize(5)),
        };
        check(text, Ok(want));
    }

    #[test]
    fn every_limit_name_is_understood() {
        for name in LIMIT_NAMES {
            let text = format!("limits.{name} = true");
            let problems = crate::parse_site_config("wws.toml", text.as_bytes()).problems;
            assert!(
                problems[0].message.starts_with("expected a"),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn wrong_types_are_problems_at_the_value() {
        check(
            "[limits]\nmemory = 128\n",
            Err(&["wws.toml:2:10: expected a string such as \"128MiB\", found an integer"]),
        );
        check(
            "[limits]\nqueue = \"64\"\nconcurrency = 1.5",
            Err(&[
                "wws.toml:2:9: expected an integer such as 64, found a string",
                "wws.toml:3:15: expected an integer such as 8, found a float",
            ]),
        );
        check(
            "limits = 5",
            Err(&["wws.toml:1:10: expected a table, written [limits], found an integer"]),
        );
        check(
            "[[limits]]\ntime = \"1s\"",
            Err(&["wws.toml:1:1: expected a table, written [limits], found an array"]),
        );
    }

    #[test]
    fn values_out_of_bounds_and_without_unit_are_problems_at_the_value() {
        check(
            "[limits]\nmemory = \"128\"\ntime = \"2000m\"\nqueue = -1\n\
             concurrency = 99999999999999999999",
            Err(&[
                "wws.toml:2:10: \"128\" has no unit; write a unit, as in \"16MiB\"",
                "wws.toml:3:8: time must be from 1ms to 1440m, found 2000m",
                "wws.toml:4:9: queue must be from 0 to 100000, found -1",
                "wws.toml:5:15: concurrency must be from 1 to 10000, found 99999999999999999999",
            ]),
        );
    }

    #[test]
    fn unknown_limits_are_problems_at_the_key() {
        let known = format!("known here: {}", LIMIT_NAMES.join(", "));
        check(
            "limits.memroy = \"1MiB\"\nlimits.cpu = 1",
            Err(&[
                &format!(
                    "wws.toml:1:8: unknown limit \"memroy\"; did you mean \"memory\"? {known}"
                ),
                &format!("wws.toml:2:8: unknown limit \"cpu\"; {known}"),
            ]),
        );
    }
}
