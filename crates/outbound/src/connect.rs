//! A new connection: name, address, TCP, TLS.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use outbound_rules::{Host, Refused, Rules};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::error::{CallError, with_sources};
use crate::names::Names;
use crate::target::Origin;
use crate::tls::{Trust, server_name};

/// How long an address is tried alone before the next one is tried too (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// More addresses of one host are not tried.
const ADDRESSES_MAX: usize = 16;

/// What bytes go over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects to an address of the host that the rules allow.
///
/// # Errors
/// Each step's.
pub(crate) async fn connect(
    names: &Names,
    trust: &Trust,
    rules: &Rules,
    origin: &Origin,
) -> Result<Connection, CallError> {
    let addresses = allowed_addresses(names, rules, &origin.host).await?;
    let stream = tcp(&addresses, origin.port)
        .await
        .map_err(|error| CallError::Connect {
            host: origin.authority(),
            reason: error.to_string(),
        })?;
    // Small requests must not wait for the answer to the piece before.
    let _ = stream.set_nodelay(true);
    match origin.is_https {
        true => secure(trust, stream, origin).await,
        false => Connection::http1(Box::new(stream)).await,
    }
}

/// The addresses of a host that may be connected to, at least one.
async fn allowed_addresses(
    names: &Names,
    rules: &Rules,
    host: &Host,
) -> Result<Vec<IpAddr>, CallError> {
    let found = match host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => names.addresses(name).await?,
    };
    Ok(in_turn(only_allowed(rules, &host.to_string(), found)?))
}

/// What the rules leave of the addresses of a host.
fn only_allowed(rules: &Rules, host: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, Refused> {
    let mut refused = None;
    let mut allowed = Vec::new();
    for address in found {
        match rules.check_address(host, address) {
            Ok(()) => allowed.push(address),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(refused) if allowed.is_empty() => Err(refused),
        _ => Ok(allowed),
    }
}

/// Both families in turn, so that one that leads nowhere costs one head start (RFC 8305, 4).
fn in_turn(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let v6_first = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|it| it.is_ipv6() == v6_first);
    let mut second = second.into_iter();
    let mut mixed = Vec::new();
    for address in first {
        mixed.push(address);
        mixed.extend(second.next());
    }
    mixed.extend(second);
    mixed.truncate(ADDRESSES_MAX);
    mixed
}

/// The first of the addresses that takes a connection. Dropping the future ends all attempts.
async fn tcp(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        attempts.spawn(TcpStream::connect((*address, port)));
        match timeout(HEAD_START, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => failure = error,
            Ok(Some(Err(error))) => failure = error.into(),
            // Slow is not failed: it goes on beside the next.
            Ok(None) | Err(_) => {}
        }
    }
    while let Some(ended) = attempts.join_next().await {
        match ended? {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn secure(
    trust: &Trust,
    stream: TcpStream,
    origin: &Origin,
) -> Result<Connection, CallError> {
    let failed = |reason: String| CallError::Tls {
        host: origin.authority(),
        reason,
    };
    let config = trust.config().map_err(failed)?;
    let name = server_name(&origin.host).map_err(failed)?;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| failed(with_sources(&error)))?;
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Connection::http2(Box::new(stream)).await,
        _ => Connection::http1(Box::new(stream)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_public_addresses_are_left_of_a_mixture() {
        let mut rules = Rules::default();
        let found = parse(&["127.0.0.1", "192.0.32.10", "::1", "169.254.169.254"]);
        let left = only_allowed(&rules, "a.example", found.clone()).unwrap();
        assert_eq!(left, parse(&["192.0.32.10"]));
        let inside = parse(&["10.0.0.1", "::1"]);
        let refused = only_allowed(&rules, "a.example", inside).unwrap_err();
        assert_eq!(
            refused,
            Refused::Private {
                host: "a.example".to_owned(),
                address: "10.0.0.1".parse().unwrap(),
            }
        );
        rules.allow_private = true;
        assert_eq!(only_allowed(&rules, "a.example", found.clone()), Ok(found));
    }

    #[test]
    fn families_take_turns_in_the_order_of_the_first() {
        assert_eq!(
            in_turn(parse(&["1.1.1.1", "2.2.2.2", "::1", "3.3.3.3"])),
            parse(&["1.1.1.1", "::1", "2.2.2.2", "3.3.3.3"]),
        );
        assert_eq!(
            in_turn(parse(&["::1", "::2", "1.1.1.1", "2.2.2.2", "3.3.3.3"])),
            parse(&["::1", "1.1.1.1", "::2", "2.2.2.2", "3.3.3.3"]),
        );
    }
}
