//! An nginx before several apps, on a port of its own.

use std::fs;
use std::io::ErrorKind;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::ports::free_port;
use super::{Connection, PATIENCE, skipped};

/// Its children end with it, when it is dropped.
pub(crate) struct Nginx {
    child: Child,
    _folder: TempDir,
    port: u16,
}

impl Nginx {
    /// Spreads requests over these ports. `None`, with a line that says so, where there is no
    /// nginx.
    pub(crate) fn start(ports: &[u16]) -> Option<Self> {
        let version = Command::new("nginx").arg("-v").output();
        if version.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            skipped("there is no nginx here (apt-get install nginx)");
            return None;
        }
        // Somebody else may take the port in between.
        let nginx = (0..10).find_map(|_| Self::try_start(ports, free_port()));
        Some(nginx.expect("nginx starts"))
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `None` if it ends instead of listening.
    fn try_start(ports: &[u16], port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(ports, port)).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        command.args(["-e", "stderr"]).stdin(Stdio::null());
        let mut nginx = Self {
            child: command.spawn().unwrap(),
            _folder: folder,
            port,
        };
        let end = Instant::now() + PATIENCE;
        while nginx.child.try_wait().unwrap().is_none() {
            if Connection::open(port).is_ok() {
                return Some(nginx);
            }
            assert!(Instant::now() < end, "nginx does not listen");
            thread::sleep(Duration::from_millis(1));
        }
        None
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Not by KILL: that would leave its children behind.
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-s", "TERM", &pid]).status());
        drop(self.child.wait());
    }
}

/// A request that an app may have taken is not sent to another one: those are POST, which nginx
/// takes for what it is.
fn configuration(ports: &[u16], port: u16) -> String {
    let servers: String = ports
        .iter()
        .map(|port| format!("server 127.0.0.1:{port};\n"))
        .collect();
    // Who is root here gives its children the folder of the test otherwise, and takes it away.
    let user = match rustix::process::geteuid().is_root() {
        true => "user root;",
        false => "",
    };
    format!(
        "daemon off;
        master_process on;
        worker_processes 1;
        pid nginx.pid;
        error_log stderr crit;
        {user}
        events {{ worker_connections 256; }}
        http {{
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            upstream apps {{
                {servers}
                keepalive 16;
            }}
            server {{
                listen 127.0.0.1:{port};
                location / {{
                    proxy_pass http://apps;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                }}
            }}
        }}
        "
    )
}
