//! A server that workers call: it does what its test says, and counts who connects.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{PATIENCE, wait_for};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    /// Without chunks.
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A server on the loopback addresses of both families, as long as the test runs.
pub(crate) struct Origin {
    listens: Vec<SocketAddr>,
    /// The other ends of all connections so far.
    clients: Arc<Mutex<Vec<SocketAddr>>>,
    /// Those that were made to look whether all others have been counted.
    marks: Mutex<Vec<SocketAddr>>,
}

impl Origin {
    /// Serves HTTP/1.1: `answer` writes the answer to each request, and gives an error where the
    /// connection is to end.
    pub(crate) fn start<F>(answer: F) -> Self
    where
        F: Fn(&Asked, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        Self::raw(move |stream| serve(stream, &answer))
    }

    /// As [`start`](Self::start), at one address and port alone.
    pub(crate) fn start_at<F>(address: SocketAddr, answer: F) -> Self
    where
        F: Fn(&Asked, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(address).unwrap();
        Self::serving(vec![listener], move |stream| serve(stream, &answer))
    }

    /// Answers everything with a short text.
    pub(crate) fn saying(text: &'static str) -> Self {
        Self::start(move |_, stream| respond(stream, 200, &[], text.as_bytes()))
    }

    /// Serves each connection as `serve` does.
    pub(crate) fn raw<F>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        Self::serving(listen(), serve)
    }

    fn serving<F>(listeners: Vec<TcpListener>, serve: F) -> Self
    where
        F: Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listens = listeners.iter().map(|it| it.local_addr().unwrap());
        let listens: Vec<SocketAddr> = listens.collect();
        let clients = Arc::<Mutex<Vec<SocketAddr>>>::default();
        let serve = Arc::new(serve);
        for listener in listeners {
            let (clients, serve) = (Arc::clone(&clients), Arc::clone(&serve));
            thread::spawn(move || {
                while let Ok((stream, client)) = listener.accept() {
                    clients.lock().unwrap().push(client);
                    let serve = Arc::clone(&serve);
                    // A client that goes away is what some tests are about.
                    thread::spawn(move || serve(stream).ok());
                }
            });
        }
        Self {
            listens,
            clients,
            marks: Mutex::default(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listens[0].port()
    }

    /// A URL of it, by its (first) address.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listens[0])
    }

    /// How many connections were made so far, each one that has been established included.
    pub(crate) fn connections(&self) -> usize {
        for address in &self.listens {
            // Connections are taken in the order in which they were made.
            let mark = TcpStream::connect(address).unwrap();
            let mark = mark.local_addr().unwrap();
            self.marks.lock().unwrap().push(mark);
            wait_for(|| self.clients.lock().unwrap().contains(&mark).then_some(()));
        }
        let marks = self.marks.lock().unwrap();
        let clients = self.clients.lock().unwrap();
        clients.iter().filter(|it| !marks.contains(it)).count()
    }
}

/// Both families on one port, where the machine has both.
fn listen() -> Vec<TcpListener> {
    loop {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = v4.local_addr().unwrap().port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
            Ok(v6) => return vec![v4, v6],
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(_) => return vec![v4],
        }
    }
}

fn serve<F>(mut stream: TcpStream, answer: &F) -> io::Result<()>
where
    F: Fn(&Asked, &mut TcpStream) -> io::Result<()>,
{
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(asked) = read_request(&mut reader)? {
        answer(&asked, &mut stream)?;
    }
    Ok(())
}

/// The next request; `None` if the client closes the connection.
pub(crate) fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut word = || words.next().ok_or(io::ErrorKind::InvalidData);
    let (method, target) = (word()?, word()?);
    let fields = read_fields(stream)?;
    let mut asked = Asked {
        method,
        target,
        fields,
        body: Vec::new(),
    };
    if asked.field("transfer-encoding").is_some() {
        asked.body = read_chunks(stream)?;
    } else if let Some(length) = asked.field("content-length") {
        asked.body = vec![0; length.parse().map_err(io::Error::other)?];
        stream.read_exact(&mut asked.body)?;
    }
    Ok(Some(asked))
}

fn read_fields(stream: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut fields = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => fields.push((name.to_lowercase(), value.trim().to_owned())),
            None => return Ok(fields),
        }
    }
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        if size == 0 {
            read_fields(stream)?;
            return Ok(body);
        }
        stream.by_ref().take(size).read_to_end(&mut body)?;
        stream.read_line(&mut line)?;
    }
}

/// Writes an answer of a known length.
pub(crate) fn respond(
    stream: &mut impl Write,
    status: u16,
    fields: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    let length = body.len().to_string();
    let fields = [fields, &[("content-length", &length)]].concat();
    stream.write_all(&[head(status, &fields).as_bytes(), body].concat())
}

/// Begins an answer of an unknown length.
pub(crate) fn begin(stream: &mut impl Write, fields: &[(&str, &str)]) -> io::Result<()> {
    let fields = [fields, &[("transfer-encoding", "chunked")]].concat();
    stream.write_all(head(200, &fields).as_bytes())
}

/// A piece of such an answer; an empty one ends it.
pub(crate) fn chunk(stream: &mut impl Write, piece: &[u8]) -> io::Result<()> {
    let size = format!("{:x}\r\n", piece.len());
    stream.write_all(&[size.as_bytes(), piece, b"\r\n"].concat())
}

/// Waits until the client closes the connection.
pub(crate) fn wait_until_closed(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    // A reset is an end too.
    let ended = stream.read_to_end(&mut rest);
    let is_patience_over = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    assert!(!ended.is_err_and(|error| is_patience_over(&error)));
}

fn head(status: u16, fields: &[(&str, &str)]) -> String {
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}
