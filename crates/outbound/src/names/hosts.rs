//! `/etc/hosts`: names that need no server (hosts(5)).

use std::collections::HashMap;
use std::net::IpAddr;

use super::{ADDRESSES_MAX, read_file};

const PATH: &str = "/etc/hosts";

/// A list that shuts out advertisements has about 5 MB.
const BYTES_MAX: u64 = 16 << 20;

/// The names of the file, and their addresses.
#[derive(Debug, Default)]
pub(super) struct Hosts(HashMap<Box<str>, Vec<IpAddr>>);

impl Hosts {
    /// Of this machine. One without the file, or with one that cannot be read, has no such names,
    /// as with any other resolver.
    pub(super) fn read() -> Self {
        read_file(PATH, BYTES_MAX).map_or_else(|_| Self::default(), |content| Self::parse(&content))
    }

    /// Reads a file: an address and its names on each line, and `#` before what is none of it.
    /// A line that makes no sense is for nobody to say anything about, since the file is the
    /// machine's; it is passed over.
    pub(super) fn parse(content: &[u8]) -> Self {
        let mut hosts = Self::default();
        for line in String::from_utf8_lossy(content).lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
                continue;
            };
            words.for_each(|name| hosts.add(name, address));
        }
        hosts
    }

    fn add(&mut self, name: &str, address: IpAddr) {
        let name = without_dot(name).to_ascii_lowercase();
        let addresses = self.0.entry(name.into()).or_default();
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    /// The addresses of a name in lower case, at least one if it is in the file.
    pub(super) fn addresses(&self, name: &str) -> Option<&[IpAddr]> {
        self.0.get(without_dot(name)).map(Vec::as_slice)
    }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &[u8] = b"# of this machine\n\
        127.0.0.1\tlocalhost\n\
        192.0.2.1  DB.example db  # the old one\r\n\
        2001:db8::1 db.example\n\
        192.0.2.1 db.example\n\
        192.0.2.3 dot.example.\n\
        #192.0.2.4 off.example\n\
        fe80::1%eth0 scoped\n\
        db.example 192.0.2.5\n\
        192.0.2.6\n\
        192.0.2.7 \xff\xfe odd\n\
        192.0.2.8 last";

    #[test]
    fn a_name_has_all_its_addresses_in_the_order_of_the_file() {
        let hosts = Hosts::parse(FILE);
        for (name, want) in [
            ("db.example", &["192.0.2.1", "2001:db8::1"][..]),
            ("db.example.", &["192.0.2.1", "2001:db8::1"]),
            ("db", &["192.0.2.1"]),
            ("dot.example", &["192.0.2.3"]),
            ("odd", &["192.0.2.7"]),
            ("last", &["192.0.2.8"]),
        ] {
            let want: Vec<IpAddr> = want.iter().map(|it| it.parse().unwrap()).collect();
            assert_eq!(hosts.addresses(name), Some(&want[..]), "{name}");
        }
        for name in ["off.example", "scoped", "192.0.2.5", "", "#", "old"] {
            assert_eq!(hosts.addresses(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_has_no_more_addresses_than_anybody_tries() {
        let lines = (0..1000u32).map(|number| {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
            format!("{address} many.example\n")
        });
        let hosts = Hosts::parse(lines.collect::<String>().as_bytes());
        assert_eq!(
            hosts.addresses("many.example").unwrap().len(),
            ADDRESSES_MAX
        );
    }

    proptest! {
        #[test]
        fn any_file_can_be_read(content: Vec<u8>, text in "([0-9.:]{0,9}[ a-z#]{0,9}\n?){0,9}") {
            Hosts::parse(&content);
            let hosts = Hosts::parse(text.as_bytes());
            assert!(hosts.0.values().all(|addresses| !addresses.is_empty()));
        }
    }
}
