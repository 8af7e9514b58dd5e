//! Which proxies are believed what they say about their clients.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;

/// Flags about proxies.
#[derive(Args, Debug, Clone)]
pub(super) struct ProxiesArgs {
    /// Proxies that are believed what they say about their clients (X-Forwarded-…, Forwarded): an address, a network such as 10.0.0.0/8, or `unix` for all on Unix sockets
    #[arg(long, env = "WWS_TRUSTED_PROXY", value_delimiter = ',', value_parser = parse_trusted, value_name = "CIDR", help_heading = "Proxies")]
    trusted_proxy: Vec<Trusted>,
}

/// One value of `--trusted-proxy`.
#[derive(Clone, Debug)]
enum Trusted {
    Network(IpNet),
    Unix,
}

fn parse_trusted(text: &str) -> Result<Trusted, String> {
    let text = text.trim();
    if text == "unix" {
        return Ok(Trusted::Unix);
    }
    let network = text.parse::<IpNet>().ok();
    let network = network.or_else(|| Some(text.parse::<IpAddr>().ok()?.into()));
    let problem = "write an address, a network such as 10.0.0.0/8 or fd00::/8, or the word unix";
    network
        .map(Trusted::Network)
        .ok_or_else(|| problem.to_owned())
}

impl ProxiesArgs {
    pub(super) fn settle(self) -> TrustedProxies {
        let mut proxies = TrustedProxies::default();
        for trusted in self.trusted_proxy {
            match trusted {
                Trusted::Network(network) => proxies.networks.push(network),
                Trusted::Unix => proxies.unix = true,
            }
        }
        proxies
    }
}

/// The proxies that are believed; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    unix: bool,
}

impl TrustedProxies {
    /// Whether a proxy with this address is believed. An IPv4 address in IPv6 is that address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether all who connect through a Unix socket are.
    pub fn contains_unix(&self) -> bool {
        self.unix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        proxies: ProxiesArgs,
    }

    fn settle(flags: &[&str]) -> Result<TrustedProxies, clap::Error> {
        let command = Command::try_parse_from([&["app"], flags].concat())?;
        Ok(command.proxies.settle())
    }

    #[test]
    fn networks_come_one_by_one_or_with_commas() {
        let flags = [
            "--trusted-proxy",
            "10.0.0.0/8,192.0.2.7",
            "--trusted-proxy=fd00::/8,unix",
        ];
        let proxies = settle(&flags).unwrap();
        assert!(proxies.contains_unix());
        for (address, want) in [
            ("10.255.0.1", true),
            ("::ffff:10.255.0.1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(
                proxies.contains(address.parse().unwrap()),
                want,
                "{address}"
            );
        }
        let none = settle(&[]).unwrap();
        assert!(!none.contains("127.0.0.1".parse().unwrap()) && !none.contains_unix());
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "10.0.0.0/33", "proxy.example", "10.0.0.1:80", "*"] {
            let error = settle(&["--trusted-proxy", bad]).unwrap_err().to_string();
            assert!(error.contains("10.0.0.0/8"), "{bad:?}: {error}");
        }
    }
}
