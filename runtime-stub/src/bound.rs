//! All that a server listens on: taken while the process may, let in when the app is ready.

mod ports;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use listen::{BindOptions, ListenError, Listener, Named, Notifier};
use server_tls::{Identity, Remark};

use self::ports::take_ports;
use crate::admin;
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
        // Before anything else listens.
        let passed = listen::activated(environment)?;
        let notifier = Notifier::connect(environment).unwrap_or_else(|error| {
            unsaid.push(("notify_failed", error.to_string()));
            Notifier::default()
        });
        let tls = settings.net.tls.clone().map(Identity::open).transpose()?;
        let ports = take_ports(settings, passed)?;
        let admin = settings.ops.admin.as_ref();
        let admin = admin.map(|options| take_admin(options, settings));
        let admin = admin.transpose()?;
        if admin.is_some() {
            admin::open_system_files();
        }
        privileges::give_up(&settings.privileges)?;
        log::start_thread();
        // The files of sockets belong to the user that the app is now.
        let options = bind_options(settings);
        let take = |(taken, purpose): (Taken, Purpose)| Ok((taken.finish(options)?, purpose));
        let sockets = ports.into_iter().map(take);
        Ok(Self {
            sockets: sockets.collect::<Result<_, ServeError>>()?,
            admin: admin
                .map(|taken| finish_admin(taken, options))
                .transpose()?,
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
        let listen = |(socket, purpose): (listen::Bound, Purpose)| Ok((socket.listen()?, purpose));
        let listeners = self.sockets.into_iter().map(listen);
        let listeners: Vec<(Listener, Purpose)> = listeners.collect::<Result<_, ServeError>>()?;
        let identity = self.tls.map(|tls| tls.identity);
        let is_tls = identity.is_some();
        let tls = identity.as_ref().map(|identity| identity.config().into());
        let own_port = first_port(&listeners);
        Ok(Open {
            https_port: self.options.https_port.or(own_port).unwrap_or(HTTPS_PORT),
            announcements: listeners
                .iter()
                .map(|listener| announcement(listener, is_tls))
                .collect(),
            listeners,
            admin: self.admin.map(listen_admin).transpose()?,
            door: Door {
                tls,
                proxies: self.options.proxy_protocol.then_some(self.proxies),
            },
            identity,
            notifier: self.notifier,
        })
    }
}

/// The first port that the site is on.
fn first_port(listeners: &[(Listener, Purpose)]) -> Option<u16> {
    let mut sites = listeners
        .iter()
        .filter(|(_, purpose)| *purpose == Purpose::Site);
    sites.find_map(|(listener, _)| Some(listener.address()?.port()))
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
    fn finish(self, options: BindOptions) -> Result<listen::Bound, ListenError> {
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
            let named = Named {
                host: address.ip().to_string(),
                flag: "--admin",
            };
            let bound = listen::Bound::port(*address, named, bind_options(settings));
            Taken::Socket(bound.map_err(|reason| admin_error(options, reason))?)
        }
        AdminAddress::Unix(path) => Taken::Path(path.clone()),
    };
    Ok((taken, options.clone()))
}

fn finish_admin(
    (taken, admin): (Taken, AdminOptions),
    options: BindOptions,
) -> Result<(listen::Bound, AdminOptions), ServeError> {
    let options = BindOptions {
        socket_mode: ADMIN_MODE,
        ..options
    };
    match taken.finish(options) {
        Ok(bound) => Ok((bound, admin)),
        Err(reason) => Err(admin_error(&admin, reason)),
    }
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
