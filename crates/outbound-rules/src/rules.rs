//! What a worker may call, and what it is told when it may not.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::address::is_public;
use crate::host::{Host, NotAHost};
use crate::pattern::HostPattern;

/// Methods that only a proxy has a use for, or that show a worker its own secrets (Fetch, 2.2.1).
const METHODS_NEVER: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// What a worker may call. The default allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// `allowed_hosts`.
    pub hosts: Vec<HostPattern>,
    /// `allowed_methods`, in upper case; `None`: all.
    pub methods: Option<Vec<String>>,
    /// `allow_http`: whether `http://` is allowed beside `https://`.
    pub allow_http: bool,
    /// `allow_private`: whether addresses that are not of the public internet may be called.
    pub allow_private: bool,
}

/// Why a call is not allowed; the message names the rule to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There are no `allowed_hosts`.
    #[error(
        "a call to {host} was refused: this worker may make no calls until allowed_hosts = [\"{host}\"] stands under [features.http_requests] of its configuration"
    )]
    Off {
        /// Host and, if it is not the usual one, port.
        host: String,
    },
    /// Not in `allowed_hosts`.
    #[error(
        "a call to {host} was refused: add \"{host}\" to allowed_hosts under [features.http_requests]"
    )]
    Host {
        /// Host and, if it is not the usual one, port.
        host: String,
    },
    /// `http` without `allow_http`.
    #[error(
        "a call to http://{host} was refused: use https, or add allow_http = true under [features.http_requests]"
    )]
    Http {
        /// Host and, if it is not the usual one, port.
        host: String,
    },
    /// Not in `allowed_methods`.
    #[error(
        "a {method} call was refused: add \"{method}\" to allowed_methods under [features.http_requests]"
    )]
    Method {
        /// The method of the call.
        method: String,
    },
    /// A method that no rule allows.
    #[error("a {method} call was refused: no worker may make one")]
    MethodNever {
        /// The method of the call.
        method: String,
    },
    /// Not of the public internet.
    #[error(
        "a call to {host} was refused: its address {address} is not of the public internet; if that is meant, add allow_private = true under [features.http_requests]"
    )]
    Private {
        /// The host as the call names it.
        host: String,
        /// What it is, or what it resolved to.
        address: IpAddr,
    },
    /// Neither a name nor an address.
    #[error("a call was refused: {0}")]
    NotAHost(#[from] NotAHost),
}

impl Rules {
    /// Whether a request may be made. `host` as it stands in a URL, without brackets around an
    /// address or with them; `port` of the URL or the usual one of its scheme.
    ///
    /// # Errors
    /// The first rule that is against it. A name has passed only when each address that it
    /// resolves to has passed [`check_address`](Self::check_address).
    pub fn check(
        &self,
        method: &str,
        is_https: bool,
        host: &str,
        port: u16,
    ) -> Result<(), Refused> {
        self.check_host(method, is_https, &Host::parse(host)?, port)
    }

    /// The same for a host that has been parsed.
    ///
    /// # Errors
    /// The first rule that is against it.
    pub fn check_host(
        &self,
        method: &str,
        is_https: bool,
        host: &Host,
        port: u16,
    ) -> Result<(), Refused> {
        let usual_port = if is_https { 443 } else { 80 };
        let named = match port == usual_port {
            true => host.to_string(),
            false => format!("{host}:{port}"),
        };
        if self.hosts.is_empty() {
            return Err(Refused::Off { host: named });
        }
        if !self
            .hosts
            .iter()
            .any(|it| it.matches(host, port, usual_port))
        {
            return Err(Refused::Host { host: named });
        }
        if !is_https && !self.allow_http {
            return Err(Refused::Http { host: named });
        }
        self.check_method(method)?;
        match host {
            Host::Address(address) => self.check_address(&named, *address),
            Host::Name(_) => Ok(()),
        }
    }

    fn check_method(&self, method: &str) -> Result<(), Refused> {
        let method_owned = || method.to_owned();
        let is = |never: &&str| never.eq_ignore_ascii_case(method);
        if METHODS_NEVER.iter().any(is) {
            return Err(Refused::MethodNever {
                method: method_owned(),
            });
        }
        // Methods differ by case (RFC 9110, 9.1): `get` is not GET.
        match &self.methods {
            Some(methods) if !methods.iter().any(|allowed| allowed == method) => {
                Err(Refused::Method {
                    method: method_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether an address that a host resolved to may be connected to.
    ///
    /// # Errors
    /// It is not of the public internet, and `allow_private` is not set.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        match self.allow_private || is_public(address) {
            true => Ok(()),
            false => Err(Refused::Private {
                host: host.to_owned(),
                address,
            }),
        }
    }
}
