//! Whom a secure connection trusts.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use outbound_rules::Host;

/// Versions that a server may choose from, in order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a file is no list of certificates to trust.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// No certificate.
    #[error(
        "there is no certificate in it; it must have one or more -----BEGIN CERTIFICATE----- blocks (PEM)"
    )]
    None,
    /// A certificate that cannot be read.
    #[error("its certificate {number} cannot be used: {reason}")]
    Bad {
        /// Counted from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The certificates of a PEM file, for [`ClientOptions::extra_roots`](crate::ClientOptions).
///
/// # Errors
/// There is none, or one cannot be used.
pub fn roots_from_pem(pem: &[u8]) -> Result<Vec<Vec<u8>>, RootsError> {
    let mut roots = Vec::new();
    for (index, found) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let bad = |reason: String| RootsError::Bad {
            number: index + 1,
            reason,
        };
        let certificate = found.map_err(|error| bad(error.to_string()))?;
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|error| bad(error.to_string()))?;
        roots.push(certificate.to_vec());
    }
    match roots.is_empty() {
        true => Err(RootsError::None),
        false => Ok(roots),
    }
}

/// The configuration of all secure connections, made when the first one is.
pub(crate) struct Trust {
    extra_roots: Vec<Vec<u8>>,
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Trust {
    pub(crate) fn new(extra_roots: Vec<Vec<u8>>) -> Self {
        Self {
            extra_roots,
            config: OnceLock::new(),
        }
    }

    /// The configuration, or what is wrong with it.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.config.get_or_init(|| self.build()).clone()
    }

    fn build(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        for root in &self.extra_roots {
            let added = roots.add(CertificateDer::from_slice(root));
            added.map_err(|error| format!("an extra root cannot be used: {error}"))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// The name that a certificate must be for.
pub(crate) fn server_name(host: &Host) -> Result<ServerName<'static>, String> {
    match host {
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|error| error.to_string()),
    }
}
