//! Where the demo takes place: a folder of its own with the configuration, and ports that nobody
//! else gets meanwhile.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::TcpSocket;

use crate::cli::Failure;

/// A port that is kept without being listened on: connections to it are refused until somebody of
/// this user listens there.
pub(super) struct Reserved {
    pub(super) address: SocketAddr,
    _socket: TcpSocket,
}

impl Reserved {
    /// A free port of the loopback address.
    pub(super) fn new() -> Result<Self, Failure> {
        let reserve = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(true)?;
            socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            let address = socket.local_addr()?;
            Ok::<_, std::io::Error>(Self { address, _socket: socket })
        };
        reserve().map_err(|error| Failure::failed("there is no free port").because(error))
    }
}

/// A folder that is gone when this is.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new one, for this user alone.
    pub(super) fn new() -> Result<Self, Failure> {
        let name = format!("tamis-demo-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Failure::failed(format!("`{}` cannot be made", path.display())).because(error)
        })?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| {
                Failure::failed(format!("`{}` cannot be written", path.display())).because(error)
            })?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The name of the file that log records go to.
pub(super) const RECORDS: &str = "records.log";

/// The configuration, as anybody could have written it.
pub(super) fn configuration(shop: SocketAddr, database: SocketAddr) -> String {
    format!(
        r#"# The configuration of `tamis demo`.

[server]
listen = "127.0.0.1:0"

[admin]
listen = "127.0.0.1:0"

[upstreams.shop]
servers = ["http://{shop}"]
# It fails on purpose, and shall not be left alone for that.
ejection = "off"
check = {{ path = "/healthz", interval = "1s" }}

# The health pages do not reach the application, and are not timed.
[[routes]]
name = "health"
path = "/health"
upstream = "shop"
plugins = ["health"]

# What is said about customers leaves without their addresses and cards.
[[routes]]
name = "customers"
path = "/api/customers"
upstream = "shop"
plugins = ["timing", "errors", "mask"]

[[routes]]
name = "reports"
path = "/api/reports"
upstream = "shop"
plugins = ["timing", "errors", "redact"]

[[routes]]
name = "events"
path = "/api/events"
upstream = "shop"
plugins = ["timing", "errors", "redact"]
stream = true

[[routes]]
name = "shop"
upstream = "shop"
plugins = ["timing", "errors", "redact"]

[plugins.timing]
component = "builtin:timing"
allow = ["metrics"]

[plugins.health]
component = "builtin:health"
allow = ["metrics", "state"]
allow-probe = ["tcp://{database}"]

[[plugins.health.config.checks]]
name = "database"
probe = "tcp://{database}"
interval = "1s"
timeout = "500ms"
fall = 1
start-period = "0s"

[plugins.errors]
component = "builtin:errors"
allow = ["metrics", "state", "errors"]
allow-http = []
config = {{ environment = "demo", merge-window = "1s" }}

[plugins.redact]
component = "builtin:redact"
allow = ["metrics"]

# The same component once more, with other rules, for one route.
[plugins.mask]
component = "builtin:redact"
allow = ["metrics"]
config = {{ rules = ["email", "card"], responses = true }}

[logs]
plugins = ["redact", "errors"]
sinks = ["records"]

[sinks.records]
type = "file"
path = "{RECORDS}"
format = "json"
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_configuration_is_valid_and_warns_of_nothing() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let text = configuration(address(9000), address(9001));
        let read = Config::load(Path::new("/tmp/x/tamis.toml"), &text, &|_| None);
        let (config, warnings) = read.unwrap_or_else(|faults| panic!("{faults}"));
        let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.is_empty(), "{}", warnings.join("\n"));
        let names: Vec<_> = config.routes.iter().map(|route| &*route.name).collect();
        assert_eq!(names, ["health", "customers", "reports", "events", "shop"]);
        for step in super::super::traffic::plan() {
            assert!(names.contains(&step.route), "{step:?}");
        }
    }

    #[tokio::test]
    async fn a_reserved_port_refuses_until_somebody_listens() {
        let reserved = Reserved::new().expect("a port");
        let asker = super::super::client::Asker::new().expect("no authority is configured");
        let url = format!("http://{}/", reserved.address);
        let failure = asker.get(&url).await.expect_err("nobody listens");
        assert!(failure.contains("refused"), "{failure}");

        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("set");
        socket.set_reuseport(true).expect("set");
        socket.bind(reserved.address).expect("it is ours");
        let listener = socket.listen(8).expect("it is free");
        let (asked, accepted) = tokio::join!(asker.get(&url), async {
            let (stream, _) = listener.accept().await.expect("the client");
            drop(stream);
        });
        assert_eq!(accepted, ());
        assert!(!asked.expect_err("no answer").contains("refused"));
    }

    #[test]
    fn the_folder_is_for_this_user_and_gone_at_the_end() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new().expect("a folder");
        let path = folder.write("a.toml", "x").expect("a file");
        let mode =
            |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(folder.path()), mode(&path)), (0o700, 0o600));
        assert!(folder.write("a.toml", "y").is_err(), "nothing is written over");
        let gone = folder.path().to_owned();
        drop(folder);
        assert!(!gone.exists());
    }
}
