//! The certificate and the key that connections are served with.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::UnixTime;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConfig};

use crate::files::{self, Files, Fingerprint};
use crate::pem::{self, CertificateError, KeyError};
use crate::validity::{Remark, remarks};

/// What is spoken inside, in order of preference (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why two files cannot be served with.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// A file cannot be read.
    #[error("{flag}: cannot read {}: {reason}", path.display())]
    Read {
        /// The one that names the file.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// What is in the file of the certificates.
    #[error("--tls-cert: {}: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: CertificateError,
    },
    /// What is in the file of the key.
    #[error("--tls-key: {}: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: KeyError,
    },
    /// Each is good, and they are not one another's.
    #[error(
        "the private key in {} is not that of the first certificate in {}; are the files in their \
         places, and does the certificate of the server come first?",
        files.key.display(),
        files.certificate.display()
    )]
    Mismatch {
        /// Both.
        files: Files,
    },
    /// A kind of key that TLS, or this program, does not know.
    #[error(
        "--tls-key: the private key in {} cannot be used: {reason}; use RSA from 2048 bits, ECDSA on \
         P-256, P-384 or P-521, or Ed25519",
        path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// In words.
        reason: Error,
    },
    /// The system gives no random numbers, or the like.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] Error),
}

/// What became of a look at the files.
#[derive(Debug)]
pub enum Reloaded {
    /// They are those that are used, or are still being written.
    Same,
    /// Connections from now on get the new ones.
    New(Vec<Remark>),
    /// They cannot be used; what was there before stays.
    Kept(ServerTlsError),
}

/// A certificate and its key, behind a configuration that always has the present ones.
pub struct Identity {
    files: Files,
    provider: Arc<CryptoProvider>,
    present: Arc<Present>,
    config: Arc<ServerConfig>,
    seen: Mutex<Seen>,
}

/// What the looks at the files have found.
#[derive(Clone, Copy)]
struct Seen {
    /// Of what was tried last, whatever came of it.
    tried: Fingerprint,
    /// Of the last look.
    last: Fingerprint,
}

/// What the next handshake shows.
struct Present(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Present {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Present(…)")
    }
}

impl ResolvesServerCert for Present {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let present = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&present))
    }
}

impl Identity {
    /// Reads the files; what is worth a word about them comes with it.
    ///
    /// # Errors
    /// See [`ServerTlsError`].
    pub fn open(files: Files) -> Result<(Self, Vec<Remark>), ServerTlsError> {
        let provider = Arc::new(ring::default_provider());
        let print = files.fingerprint();
        let (key, remarks) = load(&files, &provider)?;
        let present = Arc::new(Present(RwLock::new(Arc::new(key))));
        let config = config(&provider, &present)?;
        let identity = Self {
            files,
            provider,
            present,
            config: Arc::new(config),
            seen: Mutex::new(Seen {
                tried: print,
                last: print,
            }),
        };
        Ok((identity, remarks))
    }

    /// For every connection: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, and tickets for sessions.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Reads the files again, whether they have changed or not.
    pub fn reload(&self) -> Reloaded {
        let print = self.files.fingerprint();
        self.set_seen(Seen {
            tried: print,
            last: print,
        });
        match load(&self.files, &self.provider) {
            Ok((key, remarks)) => {
                let mut present = self
                    .present
                    .0
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *present = Arc::new(key);
                Reloaded::New(remarks)
            }
            Err(error) => Reloaded::Kept(error),
        }
    }

    /// Reads the files again if they are others than those that were read last, and have not changed
    /// since the look before this one: of two files that are replaced one after the other, the first
    /// one alone would be a mismatch. To be called every few seconds.
    pub fn look(&self) -> Reloaded {
        let print = self.files.fingerprint();
        let mut seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_settled = seen.last == print;
        if seen.tried != print && is_settled {
            return self.reload();
        }
        seen.last = print;
        self.set_seen(seen);
        Reloaded::Same
    }

    fn set_seen(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    present: &Arc<Present>,
) -> Result<ServerConfig, ServerTlsError> {
    let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(present) as _;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    // A client that comes again needs no second signature of ours.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}

fn load(
    files: &Files,
    provider: &CryptoProvider,
) -> Result<(CertifiedKey, Vec<Remark>), ServerTlsError> {
    let Files { certificate, key } = files;
    let read = |flag, path: &PathBuf| {
        files::read(path).map_err(|reason| ServerTlsError::Read {
            flag,
            path: path.clone(),
            reason,
        })
    };
    let chain = pem::certificates(&read("--tls-cert", certificate)?);
    let chain = chain.map_err(|reason| ServerTlsError::Certificate {
        path: certificate.clone(),
        reason,
    })?;
    let private = pem::key(&read("--tls-key", key)?);
    let private = private.map_err(|reason| ServerTlsError::Key {
        path: key.clone(),
        reason,
    })?;
    let remarks = remarks((certificate, &chain[0]), key, provider, UnixTime::now());
    match CertifiedKey::from_der(chain, private, provider) {
        Ok(certified) => Ok((certified, remarks)),
        Err(Error::InconsistentKeys(_)) => Err(ServerTlsError::Mismatch {
            files: files.clone(),
        }),
        Err(reason) => Err(ServerTlsError::Unsupported {
            path: key.clone(),
            reason,
        }),
    }
}
