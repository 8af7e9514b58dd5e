//! Where connections come from, and how they are secured.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use listen::Address;
use server_tls::Files;

use super::{SettingsError, TrustedProxies};
use crate::privileges::Place;

/// Flags about connections.
#[derive(Args, Debug, Clone)]
pub(super) struct NetArgs {
    /// Where to listen instead of --host and --port: HOST:PORT, [::]:PORT or unix:/path; may be given several times, or with commas between
    #[arg(
        long,
        env = "WWS_LISTEN",
        value_delimiter = ',',
        value_name = "ADDRESS",
        help_heading = "Listening"
    )]
    listen: Vec<Address>,
    /// Who may connect to the Unix sockets of --listen, as the mode of their files
    #[arg(long, env = "WWS_SOCKET_MODE", value_parser = parse_mode, default_value = "660", value_name = "MODE", help_heading = "Listening")]
    socket_mode: u32,
    /// Share the ports with another app that has this flag too, and at the end leave them to it with no request lost
    #[arg(long, env = "WWS_REUSE_PORT", value_parser = BoolishValueParser::new(), help_heading = "Listening")]
    reuse_port: bool,
    /// Expect the header of the PROXY protocol (version 1 or 2) at the beginning of each connection from a --trusted-proxy
    #[arg(long, env = "WWS_PROXY_PROTOCOL", value_parser = BoolishValueParser::new(), help_heading = "Proxies")]
    proxy_protocol: bool,
    /// The certificates to serve with, that of the server first, as a PEM file; read again when it changes
    #[arg(long, env = "WWS_TLS_CERT", value_name = "FILE", help_heading = "TLS")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as a PEM file
    #[arg(long, env = "WWS_TLS_KEY", value_name = "FILE", help_heading = "TLS")]
    tls_key: Option<PathBuf>,
    /// A further port, without TLS, that sends everybody on to https
    #[arg(
        long,
        env = "WWS_HTTP_REDIRECT",
        value_name = "PORT",
        help_heading = "TLS"
    )]
    http_redirect: Option<u16>,
    /// The port of https where --http-redirect sends clients [default: the one that is listened on]
    #[arg(
        long,
        env = "WWS_HTTPS_PORT",
        value_name = "PORT",
        help_heading = "TLS"
    )]
    https_port: Option<u16>,
    /// Tell clients to use nothing but https for so long, such as 180d (Strict-Transport-Security)
    #[arg(long, env = "WWS_HSTS", value_parser = parse_hsts, value_name = "TIME", help_heading = "TLS")]
    hsts: Option<Duration>,
}

/// Where connections come from, and how they are secured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetOptions {
    /// Where to listen, as `--listen` says.
    pub listen: Vec<Address>,
    /// Whether a port was named, so that it is listened on whatever else there is. A host alone is not
    /// enough: images of containers name one for whatever flags they are started with.
    pub at_port: bool,
    /// Of the files of Unix sockets.
    pub socket_mode: u32,
    /// Whether another process may listen at the same places.
    pub reuse_port: bool,
    /// Whether trusted proxies begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Certificate and key, where there is TLS.
    pub tls: Option<Files>,
    /// The port that sends clients on to https.
    pub http_redirect: Option<u16>,
    /// The port of https, where it is another than the one that is listened on.
    pub https_port: Option<u16>,
    /// How long clients are to use nothing but https.
    pub hsts: Option<Duration>,
}

/// Where a file can be read by whom, in octal digits as chmod(1) has them.
fn parse_mode(text: &str) -> Result<u32, String> {
    let is_short = (3..=4).contains(&text.len());
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|mode| is_short && *mode <= 0o777)
        .ok_or_else(|| "write three octal digits, such as 660 or 666".to_owned())
}

/// The longest time that means something: browsers forget after two years at the latest.
const HSTS_DAYS_MAX: u64 = 3650;

fn parse_hsts(text: &str) -> Result<Duration, String> {
    const DAY_SECONDS: u64 = 24 * 60 * 60;
    let problem =
        || "write a time of up to 3650d, such as 180d, 24h, 30m or 60s; 0s ends it".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => DAY_SECONDS,
        _ => return Err(problem()),
    };
    let number: u64 = number.parse().map_err(|_| problem())?;
    number
        .checked_mul(seconds)
        .filter(|seconds| *seconds <= HSTS_DAYS_MAX * DAY_SECONDS)
        .map(Duration::from_secs)
        .ok_or_else(problem)
}

impl NetArgs {
    /// `at_port`: whether flags or environment name a port.
    pub(super) fn settle(
        self,
        at_port: bool,
        proxies: &TrustedProxies,
    ) -> Result<NetOptions, SettingsError> {
        if self.proxy_protocol && *proxies == TrustedProxies::default() {
            return Err(SettingsError::ProxyProtocolFromNobody);
        }
        let tls = match (self.tls_cert, self.tls_key) {
            (Some(certificate), Some(key)) => Some(Files { certificate, key }),
            (None, None) => None,
            (certificate, _) => {
                let (given, missing) = match certificate {
                    Some(_) => ("--tls-cert (WWS_TLS_CERT)", "--tls-key (WWS_TLS_KEY)"),
                    None => ("--tls-key (WWS_TLS_KEY)", "--tls-cert (WWS_TLS_CERT)"),
                };
                return Err(SettingsError::HalfOfTls { given, missing });
            }
        };
        if self.http_redirect.is_some() && tls.is_none() && self.https_port.is_none() {
            return Err(SettingsError::RedirectToNowhere);
        }
        Ok(NetOptions {
            listen: self.listen,
            at_port,
            socket_mode: self.socket_mode,
            reuse_port: self.reuse_port,
            proxy_protocol: self.proxy_protocol,
            tls,
            http_redirect: self.http_redirect,
            https_port: self.https_port,
            hsts: self.hsts,
        })
    }
}

impl NetOptions {
    /// What it still has to reach of the disk once it serves.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        let files = self
            .tls
            .iter()
            .flat_map(|files| [&files.certificate, &files.key]);
        let sockets = self.listen.iter().filter_map(|address| match address {
            Address::Unix(path) => Some(Place::Socket(path.clone())),
            Address::Tcp { .. } => None,
        });
        files.cloned().map(Place::Replaced).chain(sockets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        net: NetArgs,
        #[command(flatten)]
        proxies: crate::settings::proxies::ProxiesArgs,
    }

    /// What flags settle to, or why they do not.
    fn settle(flags: &[&str]) -> Result<NetOptions, String> {
        let command = Command::try_parse_from([&["app"], flags].concat());
        let command = command.map_err(|error| error.to_string())?;
        let proxies = command.proxies.settle();
        let settled = command.net.settle(false, &proxies);
        settled.map_err(|error| error.to_string())
    }

    #[test]
    fn places_come_one_by_one_or_with_commas() {
        let flags = ["--listen", "127.0.0.1:1,[::]:2", "--listen=unix:/run/a"];
        let found = settle(&flags).unwrap().listen;
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["127.0.0.1:1", "[::]:2", "unix:/run/a"]);
        let text = settle(&["--listen", "8080"]).unwrap_err();
        assert!(text.contains("write HOST:PORT"), "{text}");
    }

    #[test]
    fn what_needs_something_else_is_refused_without() {
        #[track_caller]
        fn check(flags: &[&str], want: &[&str]) {
            let text = settle(flags).unwrap_err();
            assert!(want.iter().all(|part| text.contains(part)), "{text}");
        }
        check(
            &["--tls-cert", "c"],
            &["--tls-cert", "--tls-key", "missing"],
        );
        check(&["--tls-key", "k"], &["--tls-cert", "--tls-key", "missing"]);
        check(
            &["--http-redirect", "80"],
            &["--http-redirect", "--tls-cert"],
        );
        check(
            &["--proxy-protocol"],
            &["--proxy-protocol", "--trusted-proxy"],
        );
        settle(&["--proxy-protocol", "--trusted-proxy", "unix"]).unwrap();
        settle(&["--http-redirect", "80", "--https-port", "443"]).unwrap();
    }

    #[test]
    fn a_mode_is_three_octal_digits() {
        assert_eq!(settle(&[]).unwrap().socket_mode, 0o660);
        assert_eq!(
            settle(&["--socket-mode", "0666"]).unwrap().socket_mode,
            0o666
        );
        for bad in ["", "6", "888", "1777", "rw-", "-660", "00660"] {
            assert!(settle(&["--socket-mode", bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_of_https_alone_has_a_unit() {
        let hsts = |text: &str| settle(&["--hsts", text]).map(|options| options.hsts);
        for (text, want) in [
            ("0s", 0),
            ("60s", 60),
            ("2m", 120),
            ("1h", 3600),
            ("365d", 31_536_000),
        ] {
            assert_eq!(hsts(text), Ok(Some(Duration::from_secs(want))), "{text}");
        }
        for bad in [
            "",
            "1",
            "d",
            "1y",
            "-1s",
            "1.5d",
            "3651d",
            "99999999999999999999d",
        ] {
            assert!(hsts(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_stay_within_reach() {
        let flags = [
            "--tls-cert=c.pem",
            "--tls-key=k.pem",
            "--listen=unix:/run/a,[::1]:0",
        ];
        let places: Vec<Place> = settle(&flags).unwrap().places().collect();
        let want = [
            Place::Replaced("c.pem".into()),
            Place::Replaced("k.pem".into()),
            Place::Socket("/run/a".into()),
        ];
        assert_eq!(places, want);
    }
}
