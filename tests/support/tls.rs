//! Secure servers, and an authority of their own that vouches for them.

use std::fs;
use std::io::BufReader;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};

use super::{Connection, Origin, PATIENCE, read_request, respond};

/// An authority that nobody knows.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes its certificate into a folder.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("authority.pem");
        fs::write(&path, self.0.pem()).unwrap();
        path
    }
}

impl Authority {
    /// A certificate for `localhost`, with its key.
    pub(crate) fn issue(&self) -> Issued {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued {
            der: certificate.der().clone(),
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A certificate, with its key.
pub(crate) struct Issued {
    pub(crate) der: CertificateDer<'static>,
    /// As PEM.
    pub(crate) certificate: String,
    /// As PEM.
    pub(crate) key: String,
}

impl Issued {
    /// Writes both into a folder, in place of those that were there; each at once, one after the
    /// other.
    pub(crate) fn write(&self, folder: &Path) -> [PathBuf; 2] {
        let files = [("cert.pem", &self.certificate), ("key.pem", &self.key)];
        files.map(|(name, text)| {
            let (path, beside) = (folder.join(name), folder.join("new"));
            fs::write(&beside, text).unwrap();
            fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
            fs::rename(beside, &path).unwrap();
            path
        })
    }
}

/// Clients that trust one authority, and remember their sessions.
#[derive(Clone)]
pub(crate) struct TlsClient(pub(crate) Arc<ClientConfig>);

impl TlsClient {
    /// One of these versions that offers these protocols.
    pub(crate) fn new(
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Self(Arc::new(config))
    }

    /// A connection to a port of this machine, with the handshake done.
    pub(crate) fn connect(
        &self,
        port: u16,
    ) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let mut socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_nodelay(true)?;
        self.handshake(&mut socket)
            .map(|connection| StreamOwned::new(connection, socket))
    }

    /// The handshake on a socket.
    pub(crate) fn handshake(&self, socket: &mut TcpStream) -> std::io::Result<ClientConnection> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.0), name);
        let mut connection = connection.map_err(std::io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(socket)?;
        }
        Ok(connection)
    }

    /// A connection for requests.
    #[track_caller]
    pub(crate) fn open(&self, port: u16) -> Connection {
        Connection::over(self.connect(port).unwrap())
    }
}

/// A server for `name` that the authority vouches for, and that answers with a text.
pub(crate) fn secure(authority: &Authority, name: &str, text: &'static str) -> Origin {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    Origin::raw(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        while read_request(&mut stream)?.is_some() {
            respond(stream.get_mut(), 200, &[], text.as_bytes())?;
        }
        Ok(())
    })
}
