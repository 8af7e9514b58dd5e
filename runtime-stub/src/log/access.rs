//! One line a request.

use std::net::IpAddr;

use super::{clock, escape};

/// What is said about a request that was answered.
pub(crate) struct Access<'a> {
    /// `None` where nobody knows it.
    pub(crate) client: Option<IpAddr>,
    pub(crate) method: &'a str,
    /// Path and query, as the client sent them.
    pub(crate) target: &'a str,
    /// `HTTP/1.1`
    pub(crate) protocol: &'a str,
    pub(crate) status: u16,
    /// Of the body.
    pub(crate) bytes: u64,
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) user_agent: Option<&'a [u8]>,
    /// From the head of the request to the end of the answer.
    pub(crate) micros: u64,
    pub(crate) request_id: &'a [u8],
    pub(crate) trace_id: Option<&'a str>,
    /// Of a worker, or a word for what else has answered.
    pub(crate) route: &'a str,
}

impl Access<'_> {
    /// The combined format of Apache and nginx, and behind it what that has no place for.
    pub(super) fn push_combined(&self, out: &mut Vec<u8>) {
        match self.client {
            Some(client) => out.extend(client.to_string().as_bytes()),
            None => out.push(b'-'),
        }
        out.extend(b" - - [");
        clock::push_combined(out);
        out.extend(b"] \"");
        escape::push_combined(self.method.as_bytes(), out);
        out.push(b' ');
        escape::push_combined(self.target.as_bytes(), out);
        out.push(b' ');
        out.extend(self.protocol.as_bytes());
        out.extend(format!("\" {} {}", self.status, self.bytes).as_bytes());
        for value in [self.referer, self.user_agent] {
            out.extend(b" \"");
            escape::push_combined(value.unwrap_or(b"-"), out);
            out.push(b'"');
        }
        out.extend(format!(" us={} id=", self.micros).as_bytes());
        escape::push_combined(self.request_id, out);
        out.extend(b" trace=");
        out.extend(self.trace_id.unwrap_or("-").as_bytes());
        out.extend(b" route=\"");
        escape::push_combined(self.route.as_bytes(), out);
        out.extend(b"\"\n");
    }

    /// One object. What is not known is left out.
    pub(super) fn push_json(&self, out: &mut Vec<u8>) {
        out.extend(b"{\"time\":\"");
        clock::push_rfc3339(out);
        out.extend(b"\",\"level\":\"info\",\"event\":\"request\"");
        if let Some(client) = self.client {
            push_text("client", &client.to_string(), out);
        }
        push_text("method", self.method, out);
        push_text("path", self.target, out);
        push_text("protocol", self.protocol, out);
        push_number("status", self.status.into(), out);
        push_number("bytes", self.bytes, out);
        for (name, value) in [("referer", self.referer), ("user_agent", self.user_agent)] {
            if let Some(value) = value {
                push_text(name, &String::from_utf8_lossy(value), out);
            }
        }
        push_number("duration_us", self.micros, out);
        push_text("request_id", &String::from_utf8_lossy(self.request_id), out);
        if let Some(trace) = self.trace_id {
            push_text("trace_id", trace, out);
        }
        push_text("route", self.route, out);
        out.extend(b"}\n");
    }
}

fn push_text(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend(format!(",\"{name}\":").as_bytes());
    escape::push_json(value, out);
}

fn push_number(name: &str, value: u64, out: &mut Vec<u8>) {
    out.extend(format!(",\"{name}\":{value}").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: Access<'_> = Access {
        client: None,
        method: "GET",
        target: "/a?b=\"c\"",
        protocol: "HTTP/1.1",
        status: 200,
        bytes: 12,
        referer: None,
        user_agent: Some(b"x\" 200 0\n1.1.1.1 - - \xff\\"),
        micros: 345,
        request_id: b"id-1",
        trace_id: None,
        route: "/a",
    };

    #[test]
    fn the_combined_format_is_that_of_nginx_with_more_behind_it() {
        let mut out = Vec::new();
        ACCESS.push_combined(&mut out);
        let line = String::from_utf8(out).unwrap();
        let (head, rest) = line.split_once('[').unwrap();
        let (_, rest) = rest.split_once(']').unwrap();
        assert_eq!(head, "- - - ");
        assert_eq!(
            rest,
            " \"GET /a?b=\\x22c\\x22 HTTP/1.1\" 200 12 \"-\" \
             \"x\\x22 200 0\\x0A1.1.1.1 - - \\xFF\\x5C\" us=345 id=id-1 trace=- route=\"/a\"\n"
        );
    }

    #[test]
    fn json_has_all_that_is_known() {
        let access = Access {
            client: "2001:db8::1".parse().ok(),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
            referer: Some(b"https://example.com/"),
            ..ACCESS
        };
        let mut out = Vec::new();
        access.push_json(&mut out);
        let mut value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert!(value["time"].take().is_string());
        let want = serde_json::json!({
            "time": null, "level": "info", "event": "request", "client": "2001:db8::1",
            "method": "GET", "path": "/a?b=\"c\"", "protocol": "HTTP/1.1", "status": 200,
            "bytes": 12, "referer": "https://example.com/",
            "user_agent": "x\" 200 0\n1.1.1.1 - - \u{fffd}\\", "duration_us": 345,
            "request_id": "id-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "route": "/a",
        });
        assert_eq!(value, want);
        let mut out = Vec::new();
        ACCESS.push_json(&mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        for absent in ["client", "referer", "trace_id"] {
            assert!(value.get(absent).is_none(), "{absent}");
        }
    }
}
