//! Which servers are asked, and how: `/etc/resolv.conf` (resolv.conf(5)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use resolv_conf::{Config, ScopedIp};

use super::exchange::Transport;
use super::read_file;

const PATH: &str = "/etc/resolv.conf";
const BYTES_MAX: u64 = 64 << 10;
const PORT: u16 = 53;

// What glibc caps the values of the file at.
const SERVERS_MAX: usize = 3;
const NDOTS_MAX: usize = 15;
const SECONDS_MAX: u32 = 30;
const ATTEMPTS_MAX: u32 = 5;

/// As many as Kubernetes gives at most.
const SEARCH_MAX: usize = 32;

/// What a server is given to answer the first time; twice as long the next time, up to `timeout`
/// (RFC 1035, 4.2.1). The 5 s of the file are all that a call has for its connection, and a lost
/// datagram or a server that is down has to leave some of it.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Which servers are asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// At least one.
    pub(super) servers: Vec<SocketAddr>,
    /// What is appended to a name that is not there.
    pub(super) search: Vec<String>,
    /// A name with as many dots is tried as it is before it is searched.
    pub(super) ndots: usize,
    /// What a server is given to answer at most.
    pub(super) timeout: Duration,
    /// How often each server is asked.
    pub(super) attempts: u32,
    /// Whether the servers take turns.
    pub(super) rotate: bool,
    pub(super) transport: Transport,
    /// Whether addresses of IPv6 are asked for.
    pub(super) with_v6: bool,
}

/// Why there is nobody to ask.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    #[error("{0}")]
    BadLine(resolv_conf::ParseError),
    #[error("it has no line `nameserver ADDRESS`")]
    NoServer,
}

impl Settings {
    /// Asks one server, without a search list.
    pub(super) fn asking(server: SocketAddr) -> Self {
        Self::of(&Config::new(), vec![server])
    }

    /// Those of the file.
    pub(super) fn read() -> Result<Self, SettingsError> {
        Self::parse(&read_file(PATH, BYTES_MAX)?)
    }

    /// Reads a file. What is wrong with it counts only if it then names no server: the file is the
    /// machine's, other resolvers pass over what they do not know, and so must the app.
    pub(super) fn parse(content: &[u8]) -> Result<Self, SettingsError> {
        let (config, errors) = Config::parse_with_errors(content);
        let servers: Vec<_> = config.nameservers.iter().filter_map(address).collect();
        match (servers.is_empty(), errors.into_iter().next()) {
            (false, _) => Ok(Self::of(&config, servers)),
            (true, Some(error)) => Err(SettingsError::BadLine(error)),
            (true, None) => Err(SettingsError::NoServer),
        }
    }

    fn of(config: &Config, mut servers: Vec<SocketAddr>) -> Self {
        servers.truncate(SERVERS_MAX);
        let search = config.get_last_search_or_domain();
        Self {
            servers,
            search: search.take(SEARCH_MAX).cloned().collect(),
            ndots: usize::try_from(config.ndots).map_or(NDOTS_MAX, |it| it.min(NDOTS_MAX)),
            timeout: Duration::from_secs(config.timeout.clamp(1, SECONDS_MAX).into()),
            attempts: config.attempts.clamp(1, ATTEMPTS_MAX),
            rotate: config.rotate,
            transport: match config.use_vc {
                true => Transport::Tcp,
                false => Transport::Udp,
            },
            with_v6: !config.no_aaaa,
        }
    }

    /// What a server is given to answer at an attempt, counted from 0.
    pub(super) fn wait(&self, attempt: u32) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(attempt));
        doubled.min(self.timeout)
    }
}

/// `None` for one of an interface that this machine does not have.
fn address(server: &ScopedIp) -> Option<SocketAddr> {
    Some(match server {
        ScopedIp::V4(address) => (IpAddr::V4(*address), PORT).into(),
        ScopedIp::V6(address, None) => (IpAddr::V6(*address), PORT).into(),
        ScopedIp::V6(address, Some(scope)) => {
            SocketAddrV6::new(*address, PORT, 0, interface(scope)?).into()
        }
    })
}

/// The number of an interface, by its number or its name.
fn interface(scope: &str) -> Option<u32> {
    let by_name = || {
        let any_socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        rustix::net::netdevice::name_to_index(any_socket, scope).ok()
    };
    scope.parse().ok().or_else(by_name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_file_is_read_as_other_resolvers_read_it() {
        let file = b"# made by hand\n\
            domain old.example\n\
            search a.example b.example\n\
            nameserver 192.0.2.1\n\
            nameserver 2001:db8::1\n\
            nameserver fe80::1%3\n\
            nameserver 192.0.2.4\n\
            options ndots:5 timeout:3 attempts:4 rotate use-vc no-aaaa edns0 of-the-future\n\
            of-the-future too\n";
        let want = Settings {
            servers: addresses(&["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%3]:53"]),
            search: vec!["a.example".to_owned(), "b.example".to_owned()],
            ndots: 5,
            timeout: Duration::from_secs(3),
            attempts: 4,
            rotate: true,
            transport: Transport::Tcp,
            with_v6: false,
        };
        assert_eq!(Settings::parse(file).unwrap(), want);
    }

    #[test]
    fn values_have_defaults_and_bounds() {
        let settings = Settings::parse(b"nameserver 192.0.2.1").unwrap();
        assert_eq!(settings, Settings::asking(([192, 0, 2, 1], 53).into()));
        assert_eq!((settings.ndots, settings.attempts), (1, 2));
        let waits = [0, 1, 2, 1000].map(|attempt| settings.wait(attempt).as_secs());
        assert_eq!(waits, [2, 4, 5, 5]);
        let file = "nameserver 192.0.2.1\noptions ndots:4294967295 timeout:99999 attempts:1000";
        let settings = Settings::parse(file.as_bytes()).unwrap();
        let found = (
            settings.ndots,
            settings.timeout.as_secs(),
            settings.attempts,
        );
        assert_eq!(found, (15, 30, 5));
        let file = "nameserver 192.0.2.1\noptions timeout:0 attempts:0";
        let settings = Settings::parse(file.as_bytes()).unwrap();
        assert_eq!((settings.wait(0).as_secs(), settings.attempts), (1, 1));
    }

    #[test]
    fn a_server_behind_an_interface_is_known_by_its_name() {
        let file = b"nameserver fe80::1%lo\nnameserver fe80::2%none-such";
        let index = interface("lo").unwrap();
        let want = SocketAddrV6::new("fe80::1".parse().unwrap(), 53, 0, index);
        assert_eq!(Settings::parse(file).unwrap().servers, [want.into()]);
    }

    #[test]
    fn a_file_without_server_says_what_is_wrong() {
        #[track_caller]
        fn check(file: &str, want: &str) {
            let error = Settings::parse(file.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
        }
        check("", "no line `nameserver ADDRESS`");
        check("search a.example\n", "no line `nameserver ADDRESS`");
        check("nameserver ns.example\n", "line 0");
    }

    proptest! {
        #[test]
        fn any_file_can_be_read(content: Vec<u8>, text in "(nameserver|options|search|[ a-z0-9:%.\n]){0,30}") {
            drop(Settings::parse(&content));
            if let Ok(settings) = Settings::parse(text.as_bytes()) {
                assert!(!settings.servers.is_empty());
            }
        }
    }
}
