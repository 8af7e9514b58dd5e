//! From a location to a connection that is let in and can do what is needed, or a reason in words.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, RedisConnectionInfo, RedisError, RedisResult,
    ServerErrorKind, Value,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::redis_store::failure::in_words;
use crate::redis_store::tls;
use crate::{OpenError, OpenOptions, RedisLocation};

/// To find and reach the server, and again for it to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// For the answer to one operation.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The oldest version with all commands that are used, and users.
const VERSION_MIN: u32 = 6;

/// What carries a connection; it ends when the connection is lost.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that is let in.
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: Driver,
}

/// A server, and all that is needed to connect to it again and again.
pub(super) struct Endpoint {
    location: RedisLocation,
    options: OpenOptions,
    /// Host and port, for messages.
    server: String,
}

impl Endpoint {
    pub(super) fn new(location: RedisLocation, options: OpenOptions) -> Self {
        let server = location.server();
        Self {
            location,
            options,
            server,
        }
    }

    /// Connects, logs in, chooses the database, and checks that the server will do.
    pub(super) async fn connect(&self) -> Result<Connected, OpenError> {
        let stream = match timeout(CONNECT_TIMEOUT, self.dial()).await {
            Ok(stream) => stream?,
            Err(_) => return Err(self.unreachable("it does not answer in time")),
        };
        match timeout(CONNECT_TIMEOUT, self.enter(stream)).await {
            Ok(connected) => connected,
            Err(_) => Err(self.silent()),
        }
    }

    /// The first address that answers. Each gets its share of the time.
    async fn dial(&self) -> Result<TcpStream, OpenError> {
        let addresses = self.addresses().await?;
        let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let share = CONNECT_TIMEOUT / count.max(1);
        let mut failure = None;
        for address in addresses {
            let address = SocketAddr::new(address, self.location.port);
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Small commands are not to wait for each other. Without it, it is only slower.
                    drop(stream.set_nodelay(true));
                    return Ok(stream);
                }
                Ok(Err(error)) => failure = Some(self.unreachable(&error.to_string())),
                Err(_) => failure = Some(self.unreachable("it does not answer in time")),
            }
        }
        Err(failure.unwrap_or_else(|| self.no_address("the name stands for none")))
    }

    async fn addresses(&self) -> Result<Vec<IpAddr>, OpenError> {
        let host = &self.location.host;
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let Some(resolve) = &self.options.resolve else {
            return Err(self.no_address("nothing here resolves names"));
        };
        let found = resolve(host.clone()).await;
        found.map_err(|error| self.no_address(&error.to_string()))
    }

    async fn enter(&self, stream: TcpStream) -> Result<Connected, OpenError> {
        if !self.location.tls {
            return self.set_up(stream).await;
        }
        let extra_roots = &self.options.extra_roots;
        let stream = tls::handshake(&self.location.host, stream, extra_roots)
            .await
            .map_err(|reason| self.no_tls(reason))?;
        self.set_up(stream).await
    }

    /// All that is asked of a new server is asked here and not left to the library, which does not
    /// say what the server answers.
    async fn set_up(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Connected, OpenError> {
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
        let (mut connection, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config)
                .await
                .map_err(|error| self.failed(&error))?;
        let mut driver: Driver = Box::pin(driver);
        let mut check = Box::pin(self.check(&mut connection));
        let checked = tokio::select! {
            checked = &mut check => Some(checked),
            () = &mut driver => None,
        };
        match checked {
            Some(checked) => checked?,
            // What has ended the driver may say more than that it has ended.
            None => {
                drop(driver);
                check.await?;
                return Err(self.closed());
            }
        }
        drop(check);
        Ok(Connected { connection, driver })
    }

    async fn check(&self, connection: &mut MultiplexedConnection) -> Result<(), OpenError> {
        self.log_in(connection).await?;
        self.choose_database(connection).await?;
        self.check_version(connection).await?;
        let mut eval = Cmd::new();
        eval.arg("EVAL").arg("return 1").arg(0);
        let one = ask(connection, &eval)
            .await
            .map_err(|error| self.failed(&error))?;
        if one != Value::Int(1) {
            return Err(self.not_redis());
        }
        Ok(())
    }

    async fn log_in(&self, connection: &mut MultiplexedConnection) -> Result<(), OpenError> {
        let Some(password) = &self.location.password else {
            return Ok(());
        };
        let mut auth = Cmd::new();
        auth.arg("AUTH");
        if let Some(user) = &self.location.user {
            auth.arg(user);
        }
        auth.arg(password);
        match ask(connection, &auth).await {
            Ok(_) => Ok(()),
            Err(error) if is_from_server(&error) => Err(self.credentials(&error)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn choose_database(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), OpenError> {
        let database = self.location.database;
        if database == 0 {
            return Ok(());
        }
        let mut select = Cmd::new();
        select.arg("SELECT").arg(database);
        match ask(connection, &select).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) => {
                Err(OpenError::NoDatabase {
                    server: self.server.clone(),
                    database,
                    reason: in_words(&error),
                })
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// A user who may not ask for the version is believed to be on a server that is new enough:
    /// older ones have no such users.
    async fn check_version(&self, connection: &mut MultiplexedConnection) -> Result<(), OpenError> {
        let mut info = Cmd::new();
        info.arg("INFO").arg("server");
        match ask(connection, &info).await {
            Ok(Value::BulkString(text)) => match version(&String::from_utf8_lossy(&text)) {
                Some((found, major)) if major < VERSION_MIN => Err(OpenError::TooOld {
                    server: self.server.clone(),
                    found,
                }),
                _ => Ok(()),
            },
            Ok(_) => Err(self.not_redis()),
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &RedisError) -> OpenError {
        match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => self.not_redis(),
            ErrorKind::Io if error.is_timeout() => self.silent(),
            ErrorKind::Io => self.closed(),
            ErrorKind::Server(ServerErrorKind::BusyLoading) => self.unreachable(&in_words(error)),
            _ if matches!(error.code(), Some("NOAUTH" | "WRONGPASS")) => self.credentials(error),
            _ => OpenError::Refused {
                server: self.server.clone(),
                reason: in_words(error),
            },
        }
    }

    fn credentials(&self, error: &RedisError) -> OpenError {
        OpenError::Credentials {
            server: self.server.clone(),
            reason: in_words(error),
        }
    }

    fn closed(&self) -> OpenError {
        self.unreachable("it closes the connection; if it wants TLS, write rediss://")
    }

    /// It takes the connection and says nothing: perhaps because it waits for more of what it takes
    /// for TLS, or for more of what it takes for a command.
    fn silent(&self) -> OpenError {
        if self.location.tls {
            self.no_tls("it does not answer in time".to_owned())
        } else {
            self.unreachable("it does not answer in time; if it wants TLS, write rediss://")
        }
    }

    fn no_tls(&self, reason: String) -> OpenError {
        OpenError::Tls {
            server: self.server.clone(),
            reason,
        }
    }

    fn not_redis(&self) -> OpenError {
        OpenError::NotRedis {
            server: self.server.clone(),
        }
    }

    fn no_address(&self, reason: &str) -> OpenError {
        OpenError::NoAddress {
            server: self.server.clone(),
            reason: reason.to_owned(),
        }
    }

    fn unreachable(&self, reason: &str) -> OpenError {
        OpenError::Unreachable {
            server: self.server.clone(),
            reason: reason.to_owned(),
        }
    }
}

async fn ask(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    connection
        .send_packed_command(command)
        .await
        .and_then(Value::extract_error)
}

fn is_from_server(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// The version that the answer to `INFO` names, and the first number of it.
fn version(info: &str) -> Option<(String, u32)> {
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))?
        .trim();
    let major = version.split('.').next()?.parse().ok()?;
    Some((version.to_owned(), major))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_where_there_is_one() {
        let info = "# Server\r\nredis_version:5.0.14\r\nredis_git_sha1:0\r\n";
        assert_eq!(version(info), Some(("5.0.14".to_owned(), 5)));
        assert_eq!(version("# Server\r\n"), None);
        assert_eq!(version("redis_version:unstable\r\n"), None);
    }
}
