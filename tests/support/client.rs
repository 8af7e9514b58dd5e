//! A client that sends exactly the bytes it is told to, and reads one answer after the other.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Fields that no two answers have in common.
pub(crate) const OF_ONE_ANSWER: [&str; 2] = ["date", "x-request-id"];

/// An answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Of the status line.
    pub(crate) status: u16,
    /// Names in lower case, in the order in which they came.
    pub(crate) fields: Vec<(String, String)>,
    /// Without chunks.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a field that stands once; `None` if it does not stand at all.
    #[track_caller]
    pub(crate) fn field<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut values = self.all(name);
        let first = values.next();
        assert!(
            values.next().is_none(),
            "{name} stands more than once: {self:?}"
        );
        first
    }

    /// The values of a field.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Checks the status.
    #[track_caller]
    pub(crate) fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

/// What bytes are exchanged over.
trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// A connection that is kept from one request to the next.
pub(crate) struct Connection {
    stream: Box<dyn Wire>,
    /// Read, but not yet part of an answer.
    rest: Vec<u8>,
}

impl Connection {
    /// Connects to a port of this machine.
    #[track_caller]
    pub(crate) fn to(port: u16) -> Self {
        Self::open(port).unwrap()
    }

    /// Connects to a port of this machine, if something listens there.
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// One that is there already: of another kind, or encrypted.
    pub(crate) fn over(stream: impl Read + Write + Send + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            rest: Vec::new(),
        }
    }

    /// Sends a request and reads its answer. `host` is added unless it is among the fields, and
    /// `content-length` if there is a body and no `transfer-encoding`.
    #[track_caller]
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let has = |name: &str| fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        if !has("host") {
            head += "host: localhost\r\n";
        }
        if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        self.send(head.as_bytes()).unwrap();
        // The server may have refused, and closed, before it has read all of it.
        let _ = self.send(body);
        self.answer(method)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Reads an answer to a request with that method.
    pub(crate) fn answer(&mut self, method: &str) -> io::Result<Answer> {
        let mut answer = self.head()?;
        if answer.status == 100 {
            return self.answer(method);
        }
        if method == "HEAD" || matches!(answer.status, 204 | 304) {
            return Ok(answer);
        }
        answer.body = match (
            answer.field("transfer-encoding"),
            answer.field("content-length"),
        ) {
            (Some("chunked"), _) => self.chunks()?,
            (None, Some(length)) => self.exactly(length.parse().unwrap())?,
            _ => self.read_to_end()?,
        };
        Ok(answer)
    }

    /// Reads an answer up to its body.
    pub(crate) fn head(&mut self) -> io::Result<Answer> {
        let head = self.until(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer: {head:?}")))?;
        let fields: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        Ok(Answer {
            status,
            fields,
            body: Vec::new(),
        })
    }

    /// Reads one chunk of a body; an empty one is the end.
    pub(crate) fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let line = self.until(b"\r\n")?;
        let size = String::from_utf8_lossy(&line);
        let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let chunk = self.exactly(size)?;
        self.exactly(2)?;
        Ok(chunk)
    }

    /// Reads until the server closes the connection.
    pub(crate) fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.rest);
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend(chunk);
        }
    }

    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self
                .rest
                .windows(end.len())
                .position(|window| window == end)
            {
                return Ok(self.rest.drain(..at + end.len()).collect());
            }
            self.more()?;
        }
    }

    /// Reads so many bytes.
    pub(crate) fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.rest.len() < length {
            self.more()?;
        }
        Ok(self.rest.drain(..length).collect())
    }

    fn more(&mut self) -> io::Result<()> {
        let mut piece = [0; 65536];
        match retry(|| self.stream.read(&mut piece))? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.rest.extend(&piece[..count]);
                Ok(())
            }
        }
    }
}

/// Reads again when a signal came in between.
fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
