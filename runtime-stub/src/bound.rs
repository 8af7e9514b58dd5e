//! All that a server listens on: taken while the process may, let in when the app is ready.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use listen::{Address, BindOptions, Host, ListenError, Listener, Notifier};
use outbound::{Client, ClientOptions};
use server_tls::{Identity, Remark};
use tokio_rustls::TlsAcceptor;

use crate::door::Door;
use crate::log;
use crate::privileges;
use crate::serve::ServeError;
use crate::settings::{AdminAddress, AdminOptions, NetOptions, Settings, TrustedProxies};

/// The port of https that no URL has to name (RFC 9110, 4.2.2).
const HTTPS_PORT: u16 = 443;

/// What connections of a listener are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Site,
    /// Being sent on to https.
    Redirect,
}

/// The addresses that a server has taken, where nobody is let in yet. Having one means that the
/// process has given up what it does not need.
pub struct Bound {
    sockets: Vec<(listen::Bound, Purpose)>,
    admin: Option<(listen::Bound, AdminOptions)>,
    tls: Option<Secure>,
    notifier: Notifier,
    /// What there is to say, to be said once the log has its thread.
    unsaid: Vec<(&'static str, String)>,
    options: NetOptions,
    proxies: TrustedProxies,
}

/// What TLS needs.
struct Secure {
    identity: Arc<Identity>,
    remarks: Vec<Remark>,
}

/// A server that lets clients in.
pub(crate) struct Open {
    pub(crate) listeners: Vec<(Listener, Purpose)>,
    /// Where metrics and health are, and whether there is a panel.
    pub(crate) admin: Option<(Listener, bool)>,
    pub(crate) door: Door,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) notifier: Notifier,
    /// Where clients are sent that come without TLS.
    pub(crate) https_port: u16,
    /// One line for each listener.
    pub(crate) announcements: Vec<String>,
}

impl Bound {
    /// Takes the addresses and reads the key, and then gives up all privileges: only root may take a
    /// low port. Has to come before the runtime, whose threads would keep them.
    ///
    /// # Errors
    /// [`ServeError::Host`], [`ServeError::Listen`], [`ServeError::Activation`],
    /// [`ServeError::Tls`] and [`ServeError::Privileges`].
    pub fn new(settings: &Settings) -> Result<Self, ServeError> {
        let environment = |name: &str| std::env::var(name).ok();
        let mut unsaid = Vec::new();
        // First, before anything has one of their numbers.
        let passed = listen::activated(environment)?;
        let notifier = Notifier::connect(environment).unwrap_or_else(|error| {
            unsaid.push(("notify_failed", error.to_string()));
            Notifier::default()
        });
        let tls = settings.net.tls.clone().map(Identity::open).transpose()?;
        let ports = take_ports(settings, passed)?;
        let admin = settings.ops.admin.as_ref();
        let admin = admin
            .map(|options| take_admin(options, settings))
            .transpose()?;
        privileges::give_up(&settings.privileges)?;
        // Their files belong to the user that the app is now.
        let options = bind_options(settings);
        let take = |(taken, purpose): (Taken, Purpose)| Ok((taken.path(options)?, purpose));
        let sockets = ports
            .into_iter()
            .map(take)
            .collect::<Result<_, ServeError>>()?;
        let take = |(taken, admin): (Taken, AdminOptions)| {
            let options = BindOptions {
                socket_mode: ADMIN_MODE,
                ..options
            };
            match taken.path(options) {
                Ok(bound) => Ok((bound, admin)),
                Err(reason) => Err(admin_error(&admin, reason)),
            }
        };
        let admin = admin.map(take).transpose()?;
        Ok(Self {
            sockets,
            admin,
            tls: tls.map(|(identity, remarks)| Secure {
                identity: Arc::new(identity),
                remarks,
            }),
            notifier,
            unsaid,
            options: settings.net.clone(),
            proxies: settings.app.watch.proxies.clone(),
        })
    }

    /// Lets clients in.
    pub(crate) fn listen(self) -> Result<Open, ServeError> {
        for (event, reason) in &self.unsaid {
            log::line(event, &[("reason", reason)]);
        }
        for remark in self.tls.iter().flat_map(|tls| &tls.remarks) {
            log::line("tls_certificate", &[("reason", remark)]);
        }
        let listeners: Vec<(Listener, Purpose)> = self
            .sockets
            .into_iter()
            .map(|(socket, purpose)| Ok((socket.listen()?, purpose)))
            .collect::<Result<_, ServeError>>()?;
        let admin = self.admin.map(listen_admin).transpose()?;
        let identity = self.tls.map(|tls| tls.identity);
        let door = Door {
            tls: identity
                .as_ref()
                .map(|identity| TlsAcceptor::from(identity.config())),
            proxies: self.options.proxy_protocol.then_some(self.proxies),
        };
        let site_ports = listeners
            .iter()
            .filter(|(_, purpose)| *purpose == Purpose::Site)
            .filter_map(|(listener, _)| listener.address());
        let own_port = site_ports.map(|address| address.port()).next();
        Ok(Open {
            https_port: self.options.https_port.or(own_port).unwrap_or(HTTPS_PORT),
            announcements: listeners
                .iter()
                .map(|listener| announcement(listener, identity.is_some()))
                .collect(),
            listeners,
            admin,
            door,
            identity,
            notifier: self.notifier,
        })
    }
}

/// As it is printed: a URL for a port, `unix:/path` for a path.
fn announcement((listener, purpose): &(Listener, Purpose), is_tls: bool) -> String {
    let scheme = match purpose {
        Purpose::Site if is_tls => "https",
        Purpose::Site | Purpose::Redirect => "http",
    };
    let place: &dyn fmt::Display = listener;
    match (listener.address(), purpose) {
        (None, _) => place.to_string(),
        (Some(_), Purpose::Site) => format!("{scheme}://{place}"),
        (Some(_), Purpose::Redirect) => format!("{scheme}://{place} (sends on to https)"),
    }
}

/// The socket for metrics and health is for the user that the app runs as, and for nobody else.
const ADMIN_MODE: u32 = 0o600;

/// An address of which the part is done that may need root.
enum Taken {
    Socket(listen::Bound),
    /// Nothing: it is made later.
    Path(PathBuf),
}

impl Taken {
    /// Takes what was not taken before.
    fn path(self, options: BindOptions) -> Result<listen::Bound, ListenError> {
        match self {
            Self::Socket(bound) => Ok(bound),
            Self::Path(path) => listen::Bound::path(&path, options),
        }
    }
}

fn bind_options(settings: &Settings) -> BindOptions {
    BindOptions {
        reuse_port: settings.net.reuse_port,
        socket_mode: settings.net.socket_mode,
        v6_only: false,
    }
}

fn take_admin(
    options: &AdminOptions,
    settings: &Settings,
) -> Result<(Taken, AdminOptions), ServeError> {
    let taken = match &options.address {
        AdminAddress::Tcp(address) => {
            let host = address.ip().to_string();
            let bound = listen::Bound::port(*address, host, bind_options(settings));
            Taken::Socket(bound.map_err(|reason| admin_error(options, reason))?)
        }
        AdminAddress::Unix(path) => Taken::Path(path.clone()),
    };
    Ok((taken, options.clone()))
}

fn listen_admin(
    (bound, options): (listen::Bound, AdminOptions),
) -> Result<(Listener, bool), ServeError> {
    let listener = bound.listen();
    let listener = listener.map_err(|reason| admin_error(&options, reason))?;
    Ok((listener, options.panel))
}

fn admin_error(options: &AdminOptions, reason: ListenError) -> ServeError {
    let address = options.address.clone();
    ServeError::Admin { address, reason }
}

/// Takes the ports of all that is to be listened on, in the order of their flags.
fn take_ports(
    settings: &Settings,
    passed: Vec<listen::Bound>,
) -> Result<Vec<(Taken, Purpose)>, ServeError> {
    let net = &settings.net;
    let mut wanted = Vec::new();
    let is_elsewhere = !net.listen.is_empty() || !passed.is_empty();
    if net.at_host || !is_elsewhere {
        let host = Host::parse(&settings.host);
        let port = settings.port;
        wanted.push(Address::Tcp { host, port });
    }
    wanted.extend(net.listen.iter().cloned());
    let mut resolver = Resolver { settings };
    let mut places = Vec::new();
    for address in wanted {
        places.push((resolver.place(address)?, Purpose::Site));
    }
    if let Some(port) = net.http_redirect {
        for ip in redirect_interfaces(&places, settings, &mut resolver)? {
            let host = Host::Ip(ip).to_string();
            places.push((Place::Port((ip, port).into(), host), Purpose::Redirect));
        }
    }
    let addresses: Vec<SocketAddr> = places.iter().filter_map(|(p, _)| p.address()).collect();
    let mut bound: Vec<_> = passed
        .into_iter()
        .map(|socket| (Taken::Socket(socket), Purpose::Site))
        .collect();
    for (place, purpose) in places {
        bound.push((take_port(place, settings, &addresses)?, purpose));
    }
    Ok(bound)
}

/// A place whose address is known.
enum Place {
    /// A port, and what its host was called.
    Port(SocketAddr, String),
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

fn take_port(place: Place, settings: &Settings, all: &[SocketAddr]) -> Result<Taken, ServeError> {
    let (address, host) = match place {
        Place::Port(address, host) => (address, host),
        Place::Path(path) => return Ok(Taken::Path(path)),
    };
    // Otherwise a port of :: is one of 0.0.0.0 too, and that one would be taken.
    let is_same = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    let options = BindOptions {
        v6_only: address.port() != 0 && all.iter().any(is_same),
        ..bind_options(settings)
    };
    Ok(Taken::Socket(listen::Bound::port(address, host, options)?))
}

/// The interfaces that the site is on: each has a port that leads there.
fn redirect_interfaces(
    places: &[(Place, Purpose)],
    settings: &Settings,
    resolver: &mut Resolver<'_>,
) -> Result<Vec<IpAddr>, ServeError> {
    let mut found: Vec<IpAddr> = Vec::new();
    for address in places.iter().filter_map(|(place, _)| place.address()) {
        if !found.contains(&address.ip()) {
            found.push(address.ip());
        }
    }
    if found.is_empty() {
        found.push(resolver.resolve(&Host::parse(&settings.host))?);
    }
    Ok(found)
}

/// Finds the addresses of names: as an app does it later, since the C library's way takes a fifth of
/// a megabyte.
struct Resolver<'s> {
    settings: &'s Settings,
}

impl Resolver<'_> {
    fn place(&mut self, address: Address) -> Result<Place, ServeError> {
        match address {
            Address::Unix(path) => Ok(Place::Path(path)),
            Address::Tcp { host, port } => {
                let ip = self.resolve(&host)?;
                Ok(Place::Port((ip, port).into(), host.to_string()))
            }
        }
    }

    fn resolve(&mut self, host: &Host) -> Result<IpAddr, ServeError> {
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
            dns_server: self.settings.app.outbound.dns_server,
            extra_roots: Vec::new(),
        });
        let found = runtime.block_on(client.resolve(name));
        let found = found.map_err(|error| unknown(error.to_string()))?;
        found
            .first()
            .copied()
            .ok_or_else(|| unknown("it has no address".to_owned()))
    }
}
