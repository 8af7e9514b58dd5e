//! The settings of a running server: flags, then the environment, then defaults.

use std::time::Duration;

use clap::Args;
use limits::{ByteSize, LimitOverrides, TimeSpan};

use crate::app::{AppOptions, parse_prefix};

/// The port that is listened on if none is given.
const PORT_DEFAULT: u16 = 8080;

/// Flags of the app and of `wws [PATH]`.
#[derive(Args, Debug, Clone)]
pub struct ServeArgs {
    /// Address to listen on [env: WWS_HOST, HOST] [default: 127.0.0.1; with PORT set, 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port to listen on, 0 for any free one [env: WWS_PORT, PORT] [default: 8080]
    #[arg(short, long)]
    port: Option<u16>,
    /// What every path begins with, such as /shop
    #[arg(long, env = "WWS_PREFIX", value_parser = parse_prefix, value_name = "PATH")]
    prefix: Option<String>,
    /// How long a request of a worker may take, such as 30s
    #[arg(long, env = "WWS_WORKER_TIME", value_parser = limits::parse_time, value_name = "TIME", help_heading = "Limits of every worker")]
    worker_time: Option<TimeSpan>,
    /// How much memory it may take, such as 128MiB
    #[arg(long, env = "WWS_WORKER_MEMORY", value_parser = limits::parse_memory, value_name = "SIZE", help_heading = "Limits of every worker")]
    worker_memory: Option<ByteSize>,
    /// How long its request body may be
    #[arg(long, env = "WWS_WORKER_REQUEST_BODY", value_parser = limits::parse_request_body, value_name = "SIZE", help_heading = "Limits of every worker")]
    worker_request_body: Option<ByteSize>,
    /// How long its response body may be
    #[arg(long, env = "WWS_WORKER_RESPONSE_BODY", value_parser = limits::parse_response_body, value_name = "SIZE", help_heading = "Limits of every worker")]
    worker_response_body: Option<ByteSize>,
    /// How many requests of one worker run at once
    #[arg(long, env = "WWS_WORKER_CONCURRENCY", value_parser = limits::parse_concurrency, value_name = "NUMBER", help_heading = "Limits of every worker")]
    worker_concurrency: Option<u32>,
    /// How many more may wait
    #[arg(long, env = "WWS_WORKER_QUEUE", value_parser = limits::parse_queue, value_name = "NUMBER", help_heading = "Limits of every worker")]
    worker_queue: Option<u32>,
    /// How long a client may take for the head of a request
    #[arg(long, env = "WWS_HEADER_TIMEOUT", value_parser = limits::parse_time, default_value = "10s", value_name = "TIME", help_heading = "Limits of connections")]
    header_timeout: TimeSpan,
    /// How long a request body, or a client that is sent something, may stand still
    #[arg(long, env = "WWS_BODY_TIMEOUT", value_parser = limits::parse_time, default_value = "30s", value_name = "TIME", help_heading = "Limits of connections")]
    body_timeout: TimeSpan,
    /// How long a connection may be idle between two requests
    #[arg(long, env = "WWS_IDLE_TIMEOUT", value_parser = limits::parse_time, default_value = "75s", value_name = "TIME", help_heading = "Limits of connections")]
    idle_timeout: TimeSpan,
    /// How long open requests may take to end after SIGTERM or SIGINT
    #[arg(long, env = "WWS_GRACE_PERIOD", value_parser = limits::parse_time, default_value = "30s", value_name = "TIME", help_heading = "Limits of connections")]
    grace_period: TimeSpan,
    /// How many connections may be open at once
    #[arg(long, env = "WWS_MAX_CONNECTIONS", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value = "10000", value_name = "NUMBER", help_heading = "Limits of connections")]
    max_connections: u32,
}

/// Everything that was decided before the server starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name or address.
    pub host: String,
    /// 0: any free one.
    pub port: u16,
    /// For the app.
    pub app: AppOptions,
    /// For connections.
    pub connections: ConnectionLimits,
    /// How long open requests may take to end.
    pub grace_period: Duration,
}

/// What one connection may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// From the first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// Between two pieces of a body, and for a client that does not read.
    pub body_timeout: Duration,
    /// Between two requests.
    pub idle_timeout: Duration,
    /// All together.
    pub connections_max: usize,
}

/// Why the environment could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `WWS_PORT` or `PORT`.
    #[error("the environment variable {variable} is {value:?}; a port is a number from 0 to 65535")]
    Port {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
}

impl ServeArgs {
    /// Settles what flags and environment say. `environment` is [`std::env::var`], or a test's.
    pub fn settle(
        self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, SettingsError> {
        let named = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                environment(name)
                    .filter(|value| !value.is_empty())
                    .map(|value| (name, value))
            })
        };
        let from_environment = named(["WWS_PORT", "PORT"])
            .map(|(variable, value)| {
                value
                    .parse()
                    .map_err(|_| SettingsError::Port { variable, value })
            })
            .transpose()?;
        let host = self
            .host
            .or_else(|| named(["WWS_HOST", "HOST"]).map(|(_, host)| host));
        // A platform that gives a port in the environment sends traffic from outside.
        let host_default = if from_environment.is_some() {
            "0.0.0.0"
        } else {
            "127.0.0.1"
        };
        Ok(Settings {
            host: host.unwrap_or_else(|| host_default.to_owned()),
            port: self.port.or(from_environment).unwrap_or(PORT_DEFAULT),
            app: AppOptions {
                prefix: self.prefix,
                limits: LimitOverrides {
                    time: self.worker_time,
                    memory: self.worker_memory,
                    request_body: self.worker_request_body,
                    response_body: self.worker_response_body,
                    concurrency: self.worker_concurrency,
                    queue: self.worker_queue,
                },
                body_timeout: self.body_timeout.0,
            },
            connections: ConnectionLimits {
                header_timeout: self.header_timeout.0,
                body_timeout: self.body_timeout.0,
                idle_timeout: self.idle_timeout.0,
                connections_max: self.max_connections as usize,
            },
            grace_period: self.grace_period.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn settle(flags: &[&str], environment: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let command = Command::parse_from([&["app"], flags].concat());
        command.serve.settle(|name| {
            environment
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_default() {
        #[track_caller]
        fn check(flags: &[&str], environment: &[(&str, &str)], want: (&str, u16)) {
            let settings = settle(flags, environment).unwrap();
            assert_eq!((settings.host.as_str(), settings.port), want);
        }
        check(&[], &[], ("127.0.0.1", 8080));
        check(&[], &[("PORT", "3000")], ("0.0.0.0", 3000));
        check(&[], &[("PORT", "")], ("127.0.0.1", 8080));
        check(&[], &[("PORT", "1"), ("WWS_PORT", "2")], ("0.0.0.0", 2));
        check(&[], &[("PORT", "3000"), ("HOST", "::1")], ("::1", 3000));
        check(&["-p", "0"], &[("PORT", "3000")], ("0.0.0.0", 0));
        check(
            &["--host", "10.0.0.1"],
            &[("HOST", "x")],
            ("10.0.0.1", 8080),
        );
    }

    #[test]
    fn a_bad_port_in_the_environment_is_named() {
        let error = settle(&[], &[("PORT", "http")]).unwrap_err().to_string();
        assert!(
            error.contains("PORT") && error.contains("\"http\""),
            "{error}"
        );
    }
}
