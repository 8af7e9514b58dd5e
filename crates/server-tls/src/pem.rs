//! From the text of a PEM file (RFC 7468) to certificates or a key, or to what is wrong with it.

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;

/// Why a file has no certificates to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// There is none.
    #[error("there is no certificate in it; it must have -----BEGIN CERTIFICATE----- blocks (PEM)")]
    None,
    /// There is one that cannot be read.
    #[error("its certificate {number} cannot be read: {reason}")]
    Bad {
        /// Counted from 1.
        number: usize,
        /// In words.
        reason: String,
    },
}

/// Why a file has no private key to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error(
        "there is no private key in it; it must have one -----BEGIN PRIVATE KEY----- block (PEM), or \
         one of RSA PRIVATE KEY or EC PRIVATE KEY"
    )]
    None,
    /// It needs a password.
    #[error(
        "its private key is encrypted, and nobody is there to type a password; decrypt it with \
         `openssl pkey -in FILE -out FILE`"
    )]
    Encrypted,
    /// Nobody could say which.
    #[error("there are {count} private keys in it; leave the one of the certificate")]
    Several {
        /// How many.
        count: usize,
    },
    /// The block is damaged.
    #[error("its private key cannot be read: {reason}")]
    Bad {
        /// In words.
        reason: String,
    },
}

/// The certificates of a file, in their order; that of the server comes first.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let mut chain = Vec::new();
    for (index, found) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let number = index + 1;
        let bad = |reason: String| CertificateError::Bad { number, reason };
        let certificate = found.map_err(|error| bad(error.to_string()))?;
        ParsedCertificate::try_from(&certificate).map_err(|error| bad(error.to_string()))?;
        chain.push(certificate);
    }
    match chain.is_empty() {
        true => Err(CertificateError::None),
        false => Ok(chain),
    }
}

/// The one private key of a file.
pub(crate) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, KeyError> {
    let mut keys = Vec::new();
    for found in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        let (kind, der) = found.map_err(|error| KeyError::Bad {
            reason: error.to_string(),
        })?;
        match kind {
            SectionKind::PrivateKey => keys.push(PrivateKeyDer::Pkcs8(der.into())),
            SectionKind::RsaPrivateKey => keys.push(PrivateKeyDer::Pkcs1(der.into())),
            SectionKind::EcPrivateKey => keys.push(PrivateKeyDer::Sec1(der.into())),
            _ => {}
        }
    }
    let count = keys.len();
    match keys.pop() {
        Some(key) if count == 1 => Ok(key),
        Some(_) => Err(KeyError::Several { count }),
        None if is_encrypted(pem) => Err(KeyError::Encrypted),
        None => Err(KeyError::None),
    }
}

/// Whether there is a key that only a password opens (RFC 5958, 3), whose kind of block nobody reads.
fn is_encrypted(pem: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
    pem.windows(BEGIN.len()).any(|window| window == BEGIN)
}
