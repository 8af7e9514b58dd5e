//! A DNS server that says what its test wants.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Types of records (RFC 1035, 3.2.2; RFC 3596, 2.1).
const A: u16 = 1;
const AAAA: u16 = 28;

/// A server on loopback, as long as the test runs.
pub(crate) struct DnsServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl DnsServer {
    /// Answers with what `addresses` says of a name, given how many addresses of IPv4 were asked
    /// for before. No answer lives longer than a moment.
    pub(crate) fn start<F>(addresses: F) -> Self
    where
        F: Fn(&str, usize) -> Vec<IpAddr> + Send + 'static,
    {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            let mut query = [0; 1500];
            // Both families of one name are asked for at the same time, in either order.
            let mut times = [0, 0];
            while let Ok((length, client)) = socket.recv_from(&mut query) {
                let Question { name, kind, bytes } = question(&query[..length]);
                let family = usize::from(kind == AAAA);
                let found = addresses(&name, times[family]);
                times[family] += 1;
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = socket.send_to(&answer(&query[..2], kind, bytes, &found), client);
            }
        });
        Self { address, asked }
    }

    /// Says the same of each name.
    pub(crate) fn saying(addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        Self::start(move |_, _| addresses.clone())
    }

    /// The flag that has an app ask it.
    pub(crate) fn flag(&self) -> String {
        format!("--dns-server={}", self.address)
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

struct Question<'q> {
    name: String,
    kind: u16,
    /// As it was sent.
    bytes: &'q [u8],
}

/// The one question of a query (RFC 1035, 4.1.2).
fn question(query: &[u8]) -> Question<'_> {
    let mut at = 12;
    let mut labels = Vec::new();
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    Question {
        name: labels.join("."),
        kind: u16::from_be_bytes([query[at + 1], query[at + 2]]),
        bytes: &query[12..at + 5],
    }
}

fn answer(id: &[u8], kind: u16, question: &[u8], addresses: &[IpAddr]) -> Vec<u8> {
    let octets: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|address| match address {
            IpAddr::V4(address) if kind == A => Some(address.octets().to_vec()),
            IpAddr::V6(address) if kind == AAAA => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let count = u8::try_from(octets.len()).unwrap();
    let mut answer = [id, &[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0], question].concat();
    for octets in octets {
        // The name of the question, the type, IN, a TTL of 0, the length.
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 0, 0]);
        answer.push(u8::try_from(octets.len()).unwrap());
        answer.extend(octets);
    }
    answer
}
