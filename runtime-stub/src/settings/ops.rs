//! What a server tells about itself: logs, metrics, the panel.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::SettingsError;
use crate::log::{Filter, LogFormat, LogSettings};
use crate::privileges::Place;

/// Flags about logs and metrics.
#[derive(Args, Debug, Clone)]
pub(super) struct OpsArgs {
    /// Write one line a request to standard error, and in which format; json also for the lines about events
    #[arg(
        long,
        env = "WWS_LOG_FORMAT",
        value_enum,
        default_value = "off",
        value_name = "FORMAT",
        help_heading = "Logs and metrics"
    )]
    log_format: LogFormat,
    /// Address for metrics and health, such as 127.0.0.1:9090 or unix:/run/app/admin; never one that others can reach
    #[arg(long, env = "WWS_ADMIN", value_parser = parse_admin, value_name = "ADDRESS", help_heading = "Logs and metrics")]
    admin: Option<AdminAddress>,
    /// Show a page about the running app there, at /panel/
    #[arg(long, env = "WWS_ENABLE_PANEL", value_parser = BoolishValueParser::new(), help_heading = "Logs and metrics")]
    enable_panel: bool,
}

/// What a server tells about itself.
#[derive(Clone, Debug, Default)]
pub struct OpsOptions {
    /// The log.
    pub log: LogSettings,
    /// Metrics and health.
    pub admin: Option<AdminOptions>,
}

/// The second listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminOptions {
    /// Where.
    pub address: AdminAddress,
    /// Whether there is a page for people.
    pub panel: bool,
}

impl AdminOptions {
    /// What it still has to reach of the disk once it serves.
    pub(super) fn place(&self) -> Option<Place> {
        match &self.address {
            AdminAddress::Tcp(_) => None,
            AdminAddress::Unix(path) => Some(Place::Socket(path.clone())),
        }
    }
}

/// Where the second listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// A port; 0 is any free one.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn parse_admin(text: &str) -> Result<AdminAddress, String> {
    if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
        return Ok(AdminAddress::Unix(path.into()));
    }
    let problem = "write an address with a port, such as 127.0.0.1:9090, or unix:/path";
    let address = text.parse().map_err(|_| problem.to_owned())?;
    Ok(AdminAddress::Tcp(address))
}

impl OpsArgs {
    pub(super) fn settle(
        self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<OpsOptions, SettingsError> {
        let filter = environment("RUST_LOG").unwrap_or_default();
        let admin = self.admin.map(|address| AdminOptions {
            address,
            panel: self.enable_panel,
        });
        if admin.is_none() && self.enable_panel {
            return Err(SettingsError::PanelWithoutAdmin);
        }
        Ok(OpsOptions {
            log: LogSettings {
                format: self.log_format,
                filter: Filter::parse(&filter),
            },
            admin,
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
        ops: OpsArgs,
    }

    fn settle(flags: &[&str]) -> Result<OpsOptions, SettingsError> {
        let command = Command::parse_from([&["app"], flags].concat());
        command.ops.settle(|_| None)
    }

    #[test]
    fn nothing_is_told_unless_it_is_asked_for() {
        let options = settle(&[]).unwrap();
        assert_eq!(options.log.format, LogFormat::Off);
        assert_eq!(options.admin, None);
    }

    #[test]
    fn the_panel_needs_a_listener() {
        let error = settle(&["--enable-panel"]).unwrap_err().to_string();
        assert!(error.contains("--admin"), "{error}");
        let options = settle(&["--enable-panel", "--admin", "[::1]:0"]).unwrap();
        let want = AdminOptions {
            address: AdminAddress::Tcp("[::1]:0".parse().unwrap()),
            panel: true,
        };
        assert_eq!(options.admin, Some(want));
    }

    #[test]
    fn an_admin_address_is_a_port_or_a_path() {
        #[track_caller]
        fn check(text: &str, want: Option<&str>) {
            let found = parse_admin(text).ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), want, "{text:?}");
        }
        check("127.0.0.1:9090", Some("127.0.0.1:9090"));
        check("[::]:9090", Some("[::]:9090"));
        check("unix:/run/admin", Some("unix:/run/admin"));
        for bad in [
            "",
            "unix:",
            "9090",
            ":9090",
            "admin.example:80",
            "127.0.0.1",
        ] {
            check(bad, None);
        }
    }
}
