//! What the system says of names: `/etc/resolv.conf` and `/etc/hosts`.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use domain::base::Name;

/// The usual port of a DNS server (RFC 1035, 4.2).
const PORT: u16 = 53;

/// More of either file is not read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What `resolv.conf(5)` allows too.
const TIMEOUT_MAX: u32 = 30;
const ATTEMPTS_MAX: u32 = 5;
const NDOTS_MAX: u32 = 15;

/// Whom to ask, and how.
#[derive(Debug)]
pub(super) struct System {
    /// In the order in which they are asked.
    pub(super) servers: Vec<SocketAddr>,
    /// For one try with one server.
    pub(super) timeout: Duration,
    /// How often all are asked.
    pub(super) attempts: u32,
    /// What names with fewer dots than `ndots` are completed with first.
    search: Vec<String>,
    ndots: u32,
    hosts: HashMap<String, Vec<IpAddr>>,
}

impl System {
    /// Asks this server only, and knows nothing else.
    pub(super) fn of_server(server: SocketAddr) -> Self {
        Self::new(&resolv_conf::Config::new(), vec![server], HashMap::new())
    }

    /// Reads both files; a hosts file that is missing is an empty one.
    ///
    /// # Errors
    /// In words, where there is no server.
    pub(super) fn read() -> Result<Self, String> {
        let hosts = read_file("/etc/hosts").unwrap_or_default();
        let resolv = read_file("/etc/resolv.conf").map_err(|error| error.to_string())?;
        Self::parse(&resolv, &hosts)
    }

    fn parse(resolv: &[u8], hosts: &[u8]) -> Result<Self, String> {
        // As other resolvers do: what one line has wrong does not spoil the others.
        let (config, _) = resolv_conf::Config::parse_with_errors(resolv);
        let servers: Vec<SocketAddr> = config
            .nameservers
            .iter()
            .map(|server| SocketAddr::new(server.into(), PORT))
            .collect();
        match servers.is_empty() {
            true => Err("it has no nameserver line".to_owned()),
            false => Ok(Self::new(&config, servers, parse_hosts(hosts))),
        }
    }

    fn new(
        config: &resolv_conf::Config,
        servers: Vec<SocketAddr>,
        hosts: HashMap<String, Vec<IpAddr>>,
    ) -> Self {
        let search = config.get_last_search_or_domain();
        Self {
            servers,
            timeout: Duration::from_secs(config.timeout.clamp(1, TIMEOUT_MAX).into()),
            attempts: config.attempts.clamp(1, ATTEMPTS_MAX),
            search: search.map(ToOwned::to_owned).collect(),
            ndots: config.ndots.min(NDOTS_MAX),
            hosts,
        }
    }

    /// What the hosts file says of a name in lower case.
    pub(super) fn hosts(&self, name: &str) -> Option<&[IpAddr]> {
        let name = name.strip_suffix('.').unwrap_or(name);
        self.hosts.get(name).map(Vec::as_slice)
    }

    /// The full names that a name may mean, in the order in which they are tried; none where it
    /// can be no name.
    pub(super) fn candidates(&self, name: &str) -> Vec<Name<Vec<u8>>> {
        let full = |text: &str| Name::<Vec<u8>>::from_str(text).ok();
        if name.ends_with('.') {
            return full(name).into_iter().collect();
        }
        let completed = self
            .search
            .iter()
            .filter_map(|domain| full(&format!("{name}.{domain}")));
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        match dots >= self.ndots as usize {
            true => full(name).into_iter().chain(completed).collect(),
            false => completed.chain(full(name)).collect(),
        }
    }
}

fn read_file(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An address and the names that it has, a line (`hosts(5)`).
fn parse_hosts(bytes: &[u8]) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        for name in words {
            let addresses = hosts.entry(name.to_ascii_lowercase()).or_default();
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_completed_as_resolv_conf_says() {
        #[track_caller]
        fn check(resolv: &str, name: &str, want: &[&str]) {
            let text = format!("nameserver 10.0.0.1\n{resolv}");
            let system = System::parse(text.as_bytes(), b"").unwrap();
            let found: Vec<String> = system
                .candidates(name)
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(found, want);
        }
        check("", "db", &["db"]);
        check(
            "search a.test b.test",
            "db",
            &["db.a.test", "db.b.test", "db"],
        );
        check("search a.test", "x.y", &["x.y", "x.y.a.test"]);
        check(
            "search a.test\noptions ndots:5",
            "x.y",
            &["x.y.a.test", "x.y"],
        );
        check("search a.test", "db.", &["db"]);
        check("", &"a".repeat(64), &[]);
        check("", &"a.".repeat(140), &[]);
        check("", "a..b", &[]);
    }

    #[test]
    fn servers_and_patience_are_those_of_the_file_within_bounds() {
        let text =
            b"nameserver 10.0.0.1\nnonsense\nnameserver fd00::1\noptions timeout:99 attempts:0";
        let system = System::parse(text, b"").unwrap();
        let servers: Vec<String> = system.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[fd00::1]:53"]);
        assert_eq!((system.timeout.as_secs(), system.attempts), (30, 1));
        assert!(System::parse(b"search a.test", b"").is_err());
    }

    #[test]
    fn the_hosts_file_is_read_as_it_is_written() {
        let hosts =
            b"# a comment\n10.0.0.1 Db db.test # another\n::1 db\nnonsense x\n10.0.0.1 db\n";
        let system = System::parse(b"nameserver 10.0.0.1", hosts).unwrap();
        let of = |name| system.hosts(name).map(<[IpAddr]>::len);
        assert_eq!(
            (of("db"), of("db.test."), of("x"), of("nonsense")),
            (Some(2), Some(1), None, None)
        );
    }

    proptest! {
        #[test]
        fn any_files_are_read_without_panic(resolv: Vec<u8>, hosts: Vec<u8>, name: String) {
            if let Ok(system) = System::parse(&resolv, &hosts) {
                let _ = (system.candidates(&name), system.hosts(&name));
            }
        }
    }
}
