//! What is good enough to serve with, and still worth a word.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

use crate::files;

/// Whether clients accept the time at which they are shown a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// They do.
    Now,
    /// They no longer do.
    Expired {
        /// For so long.
        since: Duration,
    },
    /// They do not yet.
    NotYet {
        /// For so long still.
        begins_in: Duration,
    },
}

/// Something about the files that keeps nobody from serving, but may keep clients away, or keys from
/// being secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The certificate, at this time.
    Validity(PathBuf, Validity),
    /// Every user of the machine can read the key.
    KeyOpenToAll(PathBuf),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_SECONDS: u64 = 24 * 60 * 60;
        let days = |span: &Duration| span.as_secs() / DAY_SECONDS;
        match self {
            Self::Validity(path, Validity::Expired { since }) => write!(
                f,
                "the certificate in {} has expired, {} days ago; clients refuse it",
                path.display(),
                days(since)
            ),
            Self::Validity(path, Validity::NotYet { begins_in }) => write!(
                f,
                "the certificate in {} is valid in {} days only; clients refuse it until then",
                path.display(),
                days(begins_in)
            ),
            Self::Validity(path, Validity::Now) => {
                write!(f, "the certificate in {} is valid", path.display())
            }
            Self::KeyOpenToAll(path) => write!(
                f,
                "every user of this machine can read the private key in {}; use chmod 600 or 640",
                path.display()
            ),
        }
    }
}

/// What there is to say about files that can be used.
pub(crate) fn remarks(
    certificate: (&Path, &CertificateDer<'_>),
    key: &Path,
    provider: &CryptoProvider,
    now: UnixTime,
) -> Vec<Remark> {
    let (path, certificate) = certificate;
    let mut remarks = Vec::new();
    match validity(certificate, provider, now) {
        Validity::Now => {}
        validity => remarks.push(Remark::Validity(path.to_owned(), validity)),
    }
    if files::is_open_to_all(key) {
        remarks.push(Remark::KeyOpenToAll(key.to_owned()));
    }
    remarks
}

/// Looks at the dates of a certificate, in the way that a client does: it looks at them first, and
/// only then for somebody to trust, of whom there is nobody here.
fn validity(
    certificate: &CertificateDer<'_>,
    provider: &CryptoProvider,
    now: UnixTime,
) -> Validity {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else {
        return Validity::Now;
    };
    let algorithms = provider.signature_verification_algorithms.all;
    let nobody = RootCertStore::empty();
    let found = verify_server_cert_signed_by_trust_anchor(&parsed, &nobody, &[], now, algorithms);
    let between = |from: UnixTime, to: UnixTime| {
        Duration::from_secs(to.as_secs().saturating_sub(from.as_secs()))
    };
    match found {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { time, not_after })) => {
            let since = between(not_after, time);
            Validity::Expired { since }
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
            time,
            not_before,
        })) => Validity::NotYet {
            begins_in: between(time, not_before),
        },
        _ => Validity::Now,
    }
}
