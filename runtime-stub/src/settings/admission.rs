//! How much one client may have of the server.

use std::time::Duration;

use admission::Rate;
use clap::Args;
use limits::ByteSize;

/// hyper refuses longer targets itself.
const TARGET_BYTES_MAX: usize = u16::MAX as usize - 1;

/// Flags about what one client may have.
#[derive(Args, Debug, Clone)]
pub(super) struct AdmissionArgs {
    /// How many of the connections one client may have, an IPv4 address or a /64 of IPv6 [default: a tenth of --max-connections, at least 100]
    #[arg(long, env = "WWS_MAX_CONNECTIONS_PER_IP", value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "NUMBER", help_heading = "Limits of connections")]
    max_connections_per_ip: Option<u32>,
    /// How long the head of a request may be, and the trailers after its body
    #[arg(long, env = "WWS_MAX_HEADER_SIZE", value_parser = parse_header_size, default_value = "16KiB", value_name = "SIZE", help_heading = "Limits of requests")]
    max_header_size: usize,
    /// How many fields they may have
    #[arg(long, env = "WWS_MAX_HEADER_FIELDS", value_parser = clap::value_parser!(u16).range(8..=1000), default_value = "100", value_name = "NUMBER", help_heading = "Limits of requests")]
    max_header_fields: u16,
    /// How long the address in it may be
    #[arg(long, env = "WWS_MAX_URI", value_parser = parse_uri_size, default_value = "8KiB", value_name = "SIZE", help_heading = "Limits of requests")]
    max_uri: usize,
    /// How many requests one connection of HTTP/2 may have open at once
    #[arg(long, env = "WWS_MAX_STREAMS", value_parser = clap::value_parser!(u32).range(1..=10_000), default_value = "128", value_name = "NUMBER", help_heading = "Limits of requests")]
    max_streams: u32,
    /// How many requests one client may send, such as 50/s or 600/m; no limit if not given
    #[arg(long, env = "WWS_RATE_LIMIT", value_parser = parse_rate, value_name = "NUMBER/s", help_heading = "Limits of requests")]
    rate_limit: Option<RequestRate>,
    /// How many of them may come at once [default: the number of --rate-limit]
    #[arg(long, env = "WWS_RATE_BURST", value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "rate_limit", value_name = "NUMBER", help_heading = "Limits of requests")]
    rate_burst: Option<u32>,
}

/// So many requests in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RequestRate {
    count: u32,
    period: Duration,
}

/// What one client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionOptions {
    /// How large heads may be, in all versions of HTTP.
    pub head: http1_framing::Limits,
    /// How many requests one connection of HTTP/2 has open at once.
    pub streams_max: u32,
    /// How many connections one client has.
    pub connections_each_max: u32,
    /// How many requests one client sends.
    pub rate: Option<Rate>,
}

impl Default for AdmissionOptions {
    fn default() -> Self {
        Self {
            head: http1_framing::Limits::default(),
            streams_max: 128,
            connections_each_max: 1000,
            rate: None,
        }
    }
}

impl AdmissionArgs {
    /// With all connections that there may be.
    pub(super) fn settle(self, connections_max: u32) -> AdmissionOptions {
        let each_max_default = (connections_max / 10).max(100);
        let rate = self.rate_limit.map(|RequestRate { count, period }| {
            let burst = self.rate_burst.unwrap_or(count);
            Rate::new(count, period, burst)
        });
        AdmissionOptions {
            head: http1_framing::Limits {
                head_bytes: self.max_header_size,
                fields: self.max_header_fields.into(),
                target_bytes: self.max_uri.min(TARGET_BYTES_MAX),
            },
            streams_max: self.max_streams,
            connections_each_max: self.max_connections_per_ip.unwrap_or(each_max_default),
            rate,
        }
    }
}

/// Smaller ones, no browser would get a request through.
fn parse_header_size(text: &str) -> Result<usize, String> {
    parse_size(text, 1 << 10)
}

fn parse_uri_size(text: &str) -> Result<usize, String> {
    parse_size(text, 64)
}

fn parse_size(text: &str, least: usize) -> Result<usize, String> {
    const MOST: usize = 1 << 20;
    let size: ByteSize = text.parse().map_err(|error| format!("{error}"))?;
    match size.as_usize() {
        bytes if (least..=MOST).contains(&bytes) => Ok(bytes),
        bytes => Err(format!("write a size from {least}B to 1MiB, not {bytes}B")),
    }
}

fn parse_rate(text: &str) -> Result<RequestRate, String> {
    let problem = "write how many requests there may be in a second or a minute, such as 50/s or 600/m; \
        from 1 to 1000000";
    let parts = text.split_once('/');
    let (count, unit) = parts.ok_or_else(|| problem.to_owned())?;
    let period = match unit {
        "s" => Some(Duration::from_secs(1)),
        "m" => Some(Duration::from_secs(60)),
        _ => None,
    };
    let is_number = count.bytes().all(|byte| byte.is_ascii_digit());
    let count = count
        .parse()
        .ok()
        .filter(|count| is_number && (1..=1_000_000).contains(count));
    match (count, period) {
        (Some(count), Some(period)) => Ok(RequestRate { count, period }),
        _ => Err(problem.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        admission: AdmissionArgs,
    }

    fn settle(flags: &[&str], connections_max: u32) -> Result<AdmissionOptions, clap::Error> {
        let command = Command::try_parse_from([&["app"], flags].concat())?;
        Ok(command.admission.settle(connections_max))
    }

    #[test]
    fn without_flags_it_is_the_defaults() {
        assert_eq!(settle(&[], 10_000).unwrap(), AdmissionOptions::default());
        let each = |all| settle(&[], all).unwrap().connections_each_max;
        assert_eq!([each(2), each(500), each(100_000)], [100, 100, 10_000]);
    }

    #[test]
    fn flags_say_it_all() {
        let flags = "--max-connections-per-ip 7 --max-header-size 1KiB --max-header-fields 8 --max-uri 64B \
            --max-streams 1 --rate-limit 600/m --rate-burst 3";
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let want = AdmissionOptions {
            head: http1_framing::Limits {
                head_bytes: 1024,
                fields: 8,
                target_bytes: 64,
            },
            streams_max: 1,
            connections_each_max: 7,
            rate: Some(Rate::new(600, Duration::from_secs(60), 3)),
        };
        assert_eq!(settle(&flags, 10_000).unwrap(), want);
        let longest = settle(&["--max-uri=1MiB"], 1).unwrap().head.target_bytes;
        assert_eq!(longest, 65534);
        let rate = settle(&["--rate-limit=5/s"], 1).unwrap().rate;
        assert_eq!(rate, Some(Rate::new(5, Duration::from_secs(1), 5)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "--max-connections-per-ip=0",
            "--max-header-size=1023B",
            "--max-header-size=2MiB",
            "--max-header-size=16",
            "--max-header-fields=7",
            "--max-header-fields=1001",
            "--max-uri=63B",
            "--max-uri=long",
            "--max-streams=0",
            "--rate-burst=5",
            "--rate-limit=0/s",
            "--rate-limit=5",
            "--rate-limit=+5/s",
            "--rate-limit=/s",
            "--rate-limit=5/h",
            "--rate-limit=1000001/s",
            "--rate-limit=5/s/s",
        ] {
            assert!(settle(&[bad], 1).is_err(), "{bad}");
        }
    }
}
