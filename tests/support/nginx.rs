//! An nginx on a port of its own: before several apps, or as another server of the same files.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
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
        Self::with(|port| before_apps(ports, port))
    }

    /// Serves the files of a folder, each with the `.gz` beside it. `None` as above.
    pub(crate) fn of_files(folder: &Path) -> Option<Self> {
        Self::with(|port| of_folder(folder, port))
    }

    fn with(http: impl Fn(u16) -> String) -> Option<Self> {
        let version = Command::new("nginx").arg("-v").output();
        if version.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            skipped("there is no nginx here (apt-get install nginx)");
            return None;
        }
        // Somebody else may take the port in between.
        let nginx = (0..10).find_map(|_| {
            let port = free_port();
            Self::try_start(&http(port), port)
        });
        Some(nginx.expect("nginx starts"))
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `None` if it ends instead of listening.
    fn try_start(http: &str, port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(http)).unwrap();
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

/// What every nginx of a test needs, and what it serves.
fn configuration(http: &str) -> String {
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
            {http}
        }}
        "
    )
}

/// A request that an app may have taken is not sent to another one: those are POST, which nginx
/// takes for what it is.
fn before_apps(ports: &[u16], port: u16) -> String {
    let servers: String = ports
        .iter()
        .map(|port| format!("server 127.0.0.1:{port};\n"))
        .collect();
    format!(
        "upstream apps {{
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
        }}"
    )
}

/// What differs from the defaults of nginx is what brings it nearer to RFC 9110: `Vary` where there
/// is a choice, and dates that are compared and not only recognised.
fn of_folder(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "types {{
            text/html html;
            text/plain txt;
            application/octet-stream bin;
        }}
        gzip_static on;
        gzip_vary on;
        gzip_http_version 1.0;
        if_modified_since before;
        absolute_redirect off;
        client_header_timeout 1s;
        client_body_timeout 1s;
        lingering_timeout 1s;
        keepalive_timeout 1s;
        keepalive_requests 100000;
        server {{
            listen 127.0.0.1:{port};
            root {folder};
            try_files $uri $uri.html $uri/ =404;
        }}"
    )
}
