//! The settings of a running server: flags, then the environment, then defaults.

mod admission;
mod cors;
mod net;
mod ops;
mod privileges;
mod proxies;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use kv::{Location, LocationError};
use limits::{ByteSize, LimitOverrides, TimeSpan};
use site_rules::CorsError;

pub use self::privileges::Sandbox;
use self::privileges::{PrivilegeArgs, places_of};
use crate::app::{AppOptions, parse_prefix};
use crate::privileges::Privileges;
pub use admission::AdmissionOptions;
use cors::CorsArgs;
pub use net::NetOptions;
pub use ops::{AdminAddress, AdminOptions, OpsOptions};
pub use proxies::TrustedProxies;

use crate::log::LogFormat;
use crate::watch::WatchOptions;

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
    #[command(flatten)]
    net: net::NetArgs,
    #[command(flatten)]
    cors: CorsArgs,
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
    /// How long a call to another server may take, its answer included, such as 10s
    #[arg(long, env = "WWS_WORKER_OUTBOUND_TIME", value_parser = limits::parse_outbound_time, value_name = "TIME", help_heading = "Limits of every worker")]
    worker_outbound_time: Option<TimeSpan>,
    /// How long it may take until there is a connection
    #[arg(long, env = "WWS_WORKER_OUTBOUND_CONNECT", value_parser = limits::parse_outbound_connect, value_name = "TIME", help_heading = "Limits of every worker")]
    worker_outbound_connect: Option<TimeSpan>,
    /// How long the body of its answer may be
    #[arg(long, env = "WWS_WORKER_OUTBOUND_RESPONSE", value_parser = limits::parse_outbound_response, value_name = "SIZE", help_heading = "Limits of every worker")]
    worker_outbound_response: Option<ByteSize>,
    /// How many calls one worker makes at once
    #[arg(long, env = "WWS_WORKER_OUTBOUND_CALLS", value_parser = limits::parse_outbound_calls, value_name = "NUMBER", help_heading = "Limits of every worker")]
    worker_outbound_calls: Option<u32>,
    /// How much of its namespace a worker of the wws protocol is given
    #[arg(long, env = "WWS_WORKER_KV_SNAPSHOT", value_parser = limits::parse_kv_snapshot, value_name = "SIZE", help_heading = "Limits of every worker")]
    worker_kv_snapshot: Option<ByteSize>,
    /// Where the key-value store lives: memory, a file, redis://HOST:PORT/DB or rediss://…; user and password of a server also from WWS_KV_USER and WWS_KV_PASSWORD
    #[arg(
        long,
        env = "WWS_KV",
        hide_env_values = true,
        value_name = "LOCATION",
        default_value = "memory",
        help_heading = "Data and calls"
    )]
    kv: Unshown,
    /// Start even if the server of the store cannot be reached yet
    #[arg(long, env = "WWS_KV_OPTIONAL", value_parser = BoolishValueParser::new(), help_heading = "Data and calls")]
    kv_optional: bool,
    /// The DNS server to ask instead of those in /etc/resolv.conf, as ADDRESS or ADDRESS:PORT
    #[arg(long, env = "WWS_DNS_SERVER", value_parser = parse_dns_server, value_name = "ADDRESS", help_heading = "Data and calls")]
    dns_server: Option<SocketAddr>,
    /// A PEM file with further certificate authorities that other servers may have theirs from
    #[arg(
        long,
        env = "WWS_OUTBOUND_CA",
        value_name = "FILE",
        help_heading = "Data and calls"
    )]
    outbound_ca: Option<PathBuf>,
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
    #[command(flatten)]
    admission: admission::AdmissionArgs,
    #[command(flatten)]
    privileges: PrivilegeArgs,
    #[command(flatten)]
    proxies: proxies::ProxiesArgs,
    #[command(flatten)]
    ops: ops::OpsArgs,
}

/// A value that may hold a password.
#[derive(Clone)]
struct Unshown(String);

impl From<&str> for Unshown {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Unshown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Everything that was decided before the server starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name or address.
    pub host: String,
    /// 0: any free one.
    pub port: u16,
    /// Where else connections come from, and how they are secured.
    pub net: NetOptions,
    /// For the app.
    pub app: AppOptions,
    /// For connections.
    pub connections: ConnectionLimits,
    /// How long open requests may take to end.
    pub grace_period: Duration,
    /// What is kept of root's.
    pub privileges: Privileges,
    /// Logs and metrics.
    pub ops: OpsOptions,
}

/// The key-value store.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Where it lives.
    pub location: Location,
    /// Whether the app starts without it.
    pub optional: bool,
    /// Of a server; stronger than what the location says.
    pub user: Option<String>,
    /// Of a server; stronger than what the location says.
    pub password: Option<String>,
}

/// Without the password.
impl std::fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("location", &self.location)
            .field("optional", &self.optional)
            .finish_non_exhaustive()
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            location: Location::Memory,
            optional: false,
            user: None,
            password: None,
        }
    }
}

/// Calls to other servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboundOptions {
    /// Asked for names instead of the system's.
    pub dns_server: Option<SocketAddr>,
    /// Further certificate authorities, as PEM.
    pub ca_file: Option<PathBuf>,
}

/// The usual port of a DNS server (RFC 1035, 4.2).
const DNS_PORT: u16 = 53;

fn parse_dns_server(text: &str) -> Result<SocketAddr, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, DNS_PORT));
    }
    let problem = "write an address with or without a port, such as 10.0.0.2 or [fd00::2]:5353";
    text.parse().map_err(|_| problem.to_owned())
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

/// Why flags and environment could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `--kv` or `WWS_KV`. Not one of clap's errors, which repeat the value: it may hold a password.
    #[error("--kv (WWS_KV): {0}")]
    Store(#[from] LocationError),
    /// `--cors` or `WWS_CORS`.
    #[error("--cors (WWS_CORS): {0}")]
    Cors(#[from] CorsError),
    /// `WWS_PORT` or `PORT`.
    #[error("the environment variable {variable} is {value:?}; a port is a number from 0 to 65535")]
    Port {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// One of `--tls-cert` and `--tls-key`.
    #[error("{given} is given, and {missing} is missing: TLS needs a certificate and its key")]
    HalfOfTls {
        /// The one that is there.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// `--http-redirect` where nobody speaks https.
    #[error(
        "--http-redirect (WWS_HTTP_REDIRECT) sends clients on to https: give --tls-cert and \
         --tls-key, or --https-port if another server speaks it"
    )]
    RedirectToNowhere,
    /// `--proxy-protocol` without anybody who is believed.
    #[error(
        "--proxy-protocol (WWS_PROXY_PROTOCOL) is read from trusted proxies only: say with \
         --trusted-proxy (WWS_TRUSTED_PROXY) who they are"
    )]
    ProxyProtocolFromNobody,
    /// `--enable-panel` alone.
    #[error(
        "--enable-panel (WWS_ENABLE_PANEL) shows its page at the address of --admin (WWS_ADMIN), \
         which is missing"
    )]
    PanelWithoutAdmin,
}

impl SettingsError {
    /// The exit code of a process that ends with this: 2 for wrong usage, as where clap refuses a
    /// value. A kind of store that is not known is 1, as one that cannot be reached is.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Store(LocationError::UnknownScheme { .. }) => 1,
            _ => 2,
        }
    }
}

impl ServeArgs {
    /// Settles what flags and environment say. `environment` is [`std::env::var`], or a test's.
    pub fn settle(
        self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, SettingsError> {
        let location = match self.kv.0.as_str() {
            // Set to nothing, as other variables are.
            "" => Location::Memory,
            text => Location::parse(text)?,
        };
        // Not flags: every process of the machine can read those.
        let credential = |name| environment(name).filter(|value| !value.is_empty());
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
        let at_port = self.port.is_some() || from_environment.is_some();
        // A platform that gives a port in the environment sends traffic from outside.
        let host_default = if from_environment.is_some() {
            "0.0.0.0"
        } else {
            "127.0.0.1"
        };
        let proxies = self.proxies.settle();
        let net = self.net.settle(at_port, &proxies)?;
        let mut places = places_of(&location, self.outbound_ca.as_ref());
        places.extend(net.places());
        let ops = self.ops.settle(&environment)?;
        places.extend(ops.admin.as_ref().and_then(AdminOptions::place));
        Ok(Settings {
            host: host.unwrap_or_else(|| host_default.to_owned()),
            port: self.port.or(from_environment).unwrap_or(PORT_DEFAULT),
            net,
            app: AppOptions {
                prefix: self.prefix,
                cors: self.cors.settle()?,
                limits: LimitOverrides {
                    time: self.worker_time,
                    memory: self.worker_memory,
                    request_body: self.worker_request_body,
                    response_body: self.worker_response_body,
                    concurrency: self.worker_concurrency,
                    queue: self.worker_queue,
                    outbound_time: self.worker_outbound_time,
                    outbound_connect: self.worker_outbound_connect,
                    outbound_response: self.worker_outbound_response,
                    outbound_calls: self.worker_outbound_calls,
                    kv_snapshot: self.worker_kv_snapshot,
                },
                store: StoreOptions {
                    location,
                    optional: self.kv_optional,
                    user: credential("WWS_KV_USER"),
                    password: credential("WWS_KV_PASSWORD"),
                },
                outbound: OutboundOptions {
                    dns_server: self.dns_server,
                    ca_file: self.outbound_ca,
                },
                body_timeout: self.body_timeout.0,
                admission: self.admission.settle(self.max_connections),
                watch: WatchOptions {
                    proxies,
                    logs_requests: ops.log.format != LogFormat::Off,
                    measures: ops.admin.is_some(),
                },
            },
            connections: ConnectionLimits {
                header_timeout: self.header_timeout.0,
                body_timeout: self.body_timeout.0,
                idle_timeout: self.idle_timeout.0,
                connections_max: self.max_connections as usize,
            },
            grace_period: self.grace_period.0,
            privileges: self.privileges.settle(places),
            ops,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privileges::Place;
    use clap::Parser;
    use site_rules::Origins;

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
    fn origins_come_with_commas_or_one_by_one() {
        let cors = |flags: &[&str]| settle(flags, &[]).map(|settings| settings.app.cors);
        let list = |list: &[&str]| {
            let list = list.iter().map(|&origin| origin.to_owned()).collect();
            Some(Origins::of_list(list).unwrap())
        };
        assert_eq!(cors(&[]).unwrap(), None);
        assert_eq!(cors(&["--cors", ""]).unwrap(), None);
        assert_eq!(cors(&["--cors", "*"]).unwrap(), Some(Origins::Any));
        let two = list(&["https://a.example", "http://b.example:81"]);
        assert_eq!(
            cors(&["--cors", "https://a.example, http://B.example:81"]).unwrap(),
            two
        );
        let each = [
            "--cors",
            "https://a.example",
            "--cors",
            "http://b.example:81",
        ];
        assert_eq!(cors(&each).unwrap(), two);
        assert!(matches!(
            cors(&["--cors", "*,https://a.example"]),
            Err(SettingsError::Cors(_))
        ));
        let wrong = Command::try_parse_from(["app", "--cors", "https://a.example/"]);
        assert!(wrong.is_err_and(|error| error.to_string().contains("write https://a.example")));
    }

    #[test]
    fn the_store_has_its_password_from_the_environment() {
        let flags = ["--kv", "redis://127.0.0.1:7000/2", "--kv-optional"];
        let environment = [("WWS_KV_USER", "u"), ("WWS_KV_PASSWORD", "p")];
        let store = settle(&flags, &environment).unwrap().app.store;
        assert_eq!(store.location, Location::parse(flags[1]).unwrap());
        assert!(store.optional);
        assert_eq!(store.user.as_deref(), Some("u"));
        assert_eq!(store.password.as_deref(), Some("p"));
        for environment in [&[][..], &[("WWS_KV_USER", ""), ("WWS_KV_PASSWORD", "")]] {
            let store = settle(&[], environment).unwrap().app.store;
            assert_eq!(store, StoreOptions::default());
        }
    }

    #[test]
    fn files_that_flags_name_stay_within_reach() {
        let places = |flags: &[&str]| settle(flags, &[]).unwrap().privileges.places;
        assert_eq!(places(&["--kv", "redis://h"]), []);
        assert_eq!(
            places(&["--kv", "/data/kv", "--outbound-ca", "ca.pem"]),
            [
                Place::Store("/data/kv".into()),
                Place::Read("ca.pem".into())
            ]
        );
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        let environment = [("WWS_KV_PASSWORD", "secret")];
        let settings = settle(&["--kv", "redis://u:secret@h"], &environment).unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
        let bad = ["--kv", "redis://:secret@h/first"];
        let text = settle(&bad, &environment).unwrap_err().to_string();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("--kv") && text.contains("redis://host:port/0"));
        let arguments = Command::parse_from(["app", "--kv", "redis://:secret@h"]);
        assert!(!format!("{:?}", arguments.serve).contains("secret"));
    }

    #[test]
    fn every_limit_of_workers_has_a_flag_and_a_variable() {
        use clap::CommandFactory;
        let command = Command::command();
        for name in limits::LIMIT_NAMES {
            let id = format!("worker_{name}");
            let found = command
                .get_arguments()
                .find(|it| it.get_id() == id.as_str());
            let flag = found.and_then(|argument| argument.get_long());
            assert_eq!(flag, Some(id.replace('_', "-").as_str()));
            let variable = found.and_then(|argument| argument.get_env());
            let want = format!("WWS_{}", id.to_uppercase());
            assert_eq!(variable, Some(std::ffi::OsStr::new(&want)));
        }
    }

    #[test]
    fn limits_of_calls_and_data_are_those_of_their_flags() {
        let flags = [
            "--worker-outbound-time=1s",
            "--worker-outbound-connect=2s",
            "--worker-outbound-response=3B",
            "--worker-outbound-calls=4",
            "--worker-kv-snapshot=5B",
        ];
        let want = LimitOverrides {
            outbound_time: Some(TimeSpan(Duration::from_secs(1))),
            outbound_connect: Some(TimeSpan(Duration::from_secs(2))),
            outbound_response: Some(ByteSize(3)),
            outbound_calls: Some(4),
            kv_snapshot: Some(ByteSize(5)),
            ..LimitOverrides::default()
        };
        assert_eq!(settle(&flags, &[]).unwrap().app.limits, want);
    }

    #[test]
    fn calls_go_where_the_flags_say() {
        let flags = ["--dns-server", "10.0.0.2", "--outbound-ca", "ca.pem"];
        let want = OutboundOptions {
            dns_server: Some(SocketAddr::from(([10, 0, 0, 2], DNS_PORT))),
            ca_file: Some("ca.pem".into()),
        };
        assert_eq!(settle(&flags, &[]).unwrap().app.outbound, want);
        let none = settle(&[], &[]).unwrap().app.outbound;
        assert_eq!(none, OutboundOptions::default());
    }

    #[test]
    fn a_dns_server_has_a_port_or_the_usual_one() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let found = parse_dns_server(text);
            assert_eq!(found.map(|a| a.to_string()).unwrap_or_else(|e| e), want);
        }
        check("10.0.0.2", "10.0.0.2:53");
        check("10.0.0.2:5353", "10.0.0.2:5353");
        check("fd00::2", "[fd00::2]:53");
        check("[fd00::2]", "[fd00::2]:53");
        check("[fd00::2]:1", "[fd00::2]:1");
        for bad in ["", "example.com", "1.2.3.4:x"] {
            assert!(parse_dns_server(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_bad_port_in_the_environment_is_named() {
        let error = settle(&[], &[("PORT", "http")]).unwrap_err().to_string();
        assert!(
            error.contains("PORT") && error.contains("\"http\""),
            "{error}"
        );
    }

    #[test]
    fn wrong_usage_is_2_and_a_store_of_an_unknown_kind_is_1() {
        #[track_caller]
        fn check(flags: &[&str], environment: &[(&str, &str)], want: u8) {
            let error = settle(flags, environment).unwrap_err();
            assert_eq!(error.exit_code(), want, "{error}");
        }
        check(&["--tls-cert", "c"], &[], 2);
        check(&["--http-redirect", "80"], &[], 2);
        check(&["--proxy-protocol"], &[], 2);
        check(&["--enable-panel"], &[], 2);
        check(&["--cors", "*,https://a.example"], &[], 2);
        check(&["--kv", "redis://h/first"], &[], 2);
        check(&[], &[("PORT", "abc")], 2);
        check(&["--kv", "mysql://h/db"], &[], 1);
    }
}
