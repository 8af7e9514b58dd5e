//! Where connections come from, and how they are secured: sockets of all kinds, TLS, load balancers,
//! and replacing an app under load.

mod handover;
mod proxies;
mod redirect;
mod reload;
mod sockets;
mod tls;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::{Authority, BundledApp, Connection, Issued, PATIENCE, RunningApp, TestSite};

/// Says who asks, and how.
const WHO: &str = "export default { fetch(request) {
    return new Response(request.headers.get('x-forwarded-for') + ' ' + new URL(request.url).protocol) } };";

/// A page, a file that is not copied where it need not be, and a worker.
fn site() -> TestSite {
    TestSite::new()
        .file("public/index.html", "<h1>Home</h1>")
        .file("public/large.bin", vec![b'x'; 300_000])
        .file("who.js", WHO)
}

/// A folder with a certificate and its key, and who vouches for it.
struct Secured {
    folder: tempfile::TempDir,
    authority: Authority,
    issued: Issued,
}

impl Secured {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let issued = authority.issue();
        issued.write(folder.path());
        Self {
            folder,
            authority,
            issued,
        }
    }

    /// The flags that name the files.
    fn flags(&self) -> [String; 4] {
        let path = |name| self.folder.path().join(name).display().to_string();
        let [certificate, key] = ["--tls-cert", "--tls-key"].map(str::to_owned);
        [certificate, path("cert.pem"), key, path("key.pem")]
    }

    fn start(&self, app: &BundledApp, arguments: &[&str]) -> RunningApp {
        let flags = self.flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        app.start(&[&flags, arguments].concat())
    }
}

/// A connection to a Unix socket.
fn connect_unix(path: &Path) -> std::io::Result<Connection> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(Connection::over(stream))
}

/// What a connection gives until its end; nothing if that is an error.
fn rest_of(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// How clients under load fare.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    answered: AtomicUsize,
    failed: AtomicUsize,
    /// Clients that have not ended.
    running: AtomicUsize,
}

impl Load {
    /// Asks again and again, on connections that `connect` makes, until it is over. A connection is
    /// kept for `requests_max` requests, or until the server says that it ends.
    fn run(&self, connect: impl Fn() -> std::io::Result<Connection>, requests_max: usize) {
        self.running.fetch_add(1, Ordering::Relaxed);
        while !self.is_over.load(Ordering::Relaxed) {
            if let Err(error) = self.connection(&connect, requests_max) {
                eprintln!("a request failed: {error}");
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Has the clients end; what they have asked is answered still.
    fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn connection(
        &self,
        connect: impl Fn() -> std::io::Result<Connection>,
        requests_max: usize,
    ) -> std::io::Result<()> {
        let mut connection = connect()?;
        for _ in 0..requests_max {
            connection.send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
            let answer = connection.answer("GET")?;
            if answer.status != 200 || answer.text() != "<h1>Home</h1>" {
                return Err(std::io::Error::other(format!("{answer:?}")));
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
            let ends = answer.field("connection") == Some("close");
            if ends || self.is_over.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(())
    }

    /// Waits for so many more answers.
    #[track_caller]
    fn wait_for(&self, count: usize) {
        let begin = self.answered.load(Ordering::Relaxed);
        crate::support::wait_for(|| {
            (self.answered.load(Ordering::Relaxed) >= begin + count).then_some(())
        });
    }
}

/// Ends a load when a test ends, however it does.
struct Ends<'l>(&'l Load);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Sends something, and gives all that comes of it.
fn exchange(mut stream: impl Read + Write, bytes: &[u8]) -> String {
    // A connection that is refused may be closed before all of it was sent.
    let _ = stream.write_all(bytes);
    String::from_utf8_lossy(&rest_of(stream)).into_owned()
}
