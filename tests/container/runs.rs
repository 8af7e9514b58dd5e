//! That an image runs: its root, as a folder, with what its configuration says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::ImageFile;
use crate::support::{RunningApp, TestSite, skipped};

#[test]
fn the_root_of_an_image_runs_as_its_user_with_nothing_else_there() {
    if !rustix::process::geteuid().is_root() {
        return skipped("the root of an image: nobody but root can change it here");
    }
    let site = TestSite::with_index().worker("hello", "hello").file(
        "api.js",
        "export default { fetch: () => new Response('from a script') };",
    );
    let site = site.file("wws.toml", "[workers]\nscripts = ['api.js']\n");
    let image = ImageFile::of(&site, &[]);
    let layout = image.layout();
    let root = image.beside("root");
    fs::create_dir(&root).unwrap();
    // As a container's, it is found by every user.
    for folder in [image.folder.path(), &root] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for (name, bytes) in layout.root() {
        fs::write(root.join(&name), bytes).unwrap();
        fs::set_permissions(root.join(&name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    let run = layout.config()["config"].clone();
    let mut command = Command::new("chroot");
    command
        .arg(format!("--userspec={}", run["User"].as_str().unwrap()))
        .args(["--groups="])
        .arg(&root)
        .arg(run["Entrypoint"][0].as_str().unwrap())
        .args(["--port", "0"])
        .env_clear();
    for variable in run["Env"].as_array().unwrap() {
        let (name, value) = variable.as_str().unwrap().split_once('=').unwrap();
        command.env(name, value);
    }
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let app = RunningApp::start(command);
    assert!(app.output().contains("http://0.0.0.0:"), "{}", app.output());
    assert_eq!(app.get("/").text(), "<h1>Home</h1>");
    app.get("/hello").assert_status(200);
    assert_eq!(app.get("/api").text(), "from a script");
    let status = fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    assert!(
        status.contains("Uid:\t65532\t65532\t65532\t65532\n"),
        "{status}"
    );
    let signal = run["StopSignal"].as_str().unwrap();
    let mut app = app;
    app.signal(signal.strip_prefix("SIG").unwrap());
    assert_eq!(app.wait(), Some(0), "{}", app.log());
}
