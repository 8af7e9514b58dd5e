//! From what flags say to ports that are taken.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use listen::{Address, BindOptions, Host, Named};
use outbound::{Client, ClientOptions};

use super::{Purpose, Taken, bind_options};
use crate::serve::ServeError;
use crate::settings::Settings;

/// A place whose address is known.
enum Place {
    Port(SocketAddr, Named),
    Path(PathBuf),
}

impl Place {
    fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Port(address, _) => Some(*address),
            Self::Path(_) => None,
        }
    }
}

/// Takes the ports of all that is to be listened on: what was passed on first, then in the order of
/// the flags.
pub(super) fn take_ports(
    settings: &Settings,
    passed: Vec<listen::Bound>,
) -> Result<Vec<(Taken, Purpose)>, ServeError> {
    let places = places(settings, passed.is_empty())?;
    let addresses: Vec<SocketAddr> = places.iter().filter_map(|(p, _)| p.address()).collect();
    let passed = passed.into_iter().map(Taken::Socket);
    let mut taken: Vec<_> = passed.map(|socket| (socket, Purpose::Site)).collect();
    for (place, purpose) in places {
        taken.push((take(place, settings, &addresses)?, purpose));
    }
    Ok(taken)
}

/// All that flags name. Host and port are listened on where nothing else is, or if the port is named.
fn places(settings: &Settings, is_alone: bool) -> Result<Vec<(Place, Purpose)>, ServeError> {
    let net = &settings.net;
    let host = Host::parse(&settings.host);
    let mut places = Vec::new();
    if net.at_port || (is_alone && net.listen.is_empty()) {
        places.push((
            port(&host, settings.port, "--port", settings)?,
            Purpose::Site,
        ));
    }
    for address in &net.listen {
        let place = match address {
            Address::Unix(path) => Place::Path(path.clone()),
            Address::Tcp { host, port: number } => port(host, *number, "--listen", settings)?,
        };
        places.push((place, Purpose::Site));
    }
    if let Some(number) = net.http_redirect {
        let mut hosts = interfaces(&places);
        if hosts.is_empty() {
            hosts.push(host);
        }
        for host in hosts {
            let place = port(&host, number, "--http-redirect", settings)?;
            places.push((place, Purpose::Redirect));
        }
    }
    Ok(places)
}

/// The interfaces that the site is on: each has a port that leads there.
fn interfaces(places: &[(Place, Purpose)]) -> Vec<Host> {
    let mut hosts = Vec::new();
    for address in places.iter().filter_map(|(place, _)| place.address()) {
        let host = Host::Ip(address.ip());
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn port(
    host: &Host,
    number: u16,
    flag: &'static str,
    settings: &Settings,
) -> Result<Place, ServeError> {
    let address = resolve(host, settings)?;
    let host = host.to_string();
    Ok(Place::Port((address, number).into(), Named { host, flag }))
}

fn take(place: Place, settings: &Settings, all: &[SocketAddr]) -> Result<Taken, ServeError> {
    let (address, named) = match place {
        Place::Port(address, named) => (address, named),
        Place::Path(path) => return Ok(Taken::Path(path)),
    };
    // Otherwise a port of :: is one of 0.0.0.0 too, and that one would be taken.
    let is_same = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    let options = BindOptions {
        v6_only: address.port() != 0 && all.iter().any(is_same),
        ..bind_options(settings)
    };
    Ok(Taken::Socket(listen::Bound::port(address, named, options)?))
}

/// The address of a host. Names are resolved as for calls of workers: the C library's way takes a
/// fifth of a megabyte.
fn resolve(host: &Host, settings: &Settings) -> Result<IpAddr, ServeError> {
    let name = match host {
        Host::Ip(address) => return Ok(*address),
        Host::Name(name) => name,
    };
    let unknown = |reason: String| ServeError::Host {
        host: name.clone(),
        reason,
    };
    // Of this thread alone: others would keep privileges.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let client = Client::new(ClientOptions {
        dns_server: settings.app.outbound.dns_server,
        extra_roots: Vec::new(),
    });
    let found = runtime.block_on(client.resolve(name));
    let found = found.map_err(|error| unknown(error.to_string()))?;
    let first = found.first().copied();
    first.ok_or_else(|| unknown("it has no address".to_owned()))
}
