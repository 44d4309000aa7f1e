//! The database of the shop: a port that can be connected to, or cannot.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bind;
use crate::cli::Failure;

/// How long it may take to go or to come.
const PATIENCE: Duration = Duration::from_secs(2);

/// The database, and whether it is there.
pub(super) struct Database {
    address: SocketAddr,
    wanted: watch::Sender<bool>,
    is_up: watch::Receiver<bool>,
    _task: JoinSet<()>,
}

impl Database {
    /// Opens the port.
    pub(super) async fn start(address: SocketAddr) -> Result<Self, Failure> {
        let listener = bind(address)?;
        let address = listener.local_addr().unwrap_or(address);
        drop(listener);
        let (wanted, want) = watch::channel(true);
        let (up, is_up) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(run(address, want, up));
        let database = Self { address, wanted, is_up, _task: task };
        database.set(true).await;
        Ok(database)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// Takes it away with all its connections, or brings it back; waits until that is so.
    pub(super) async fn set(&self, up: bool) {
        self.wanted.send_replace(up);
        let mut is_up = self.is_up.clone();
        // When the port was taken by somebody else, it stays away; whoever asks sees that.
        let _ = tokio::time::timeout(PATIENCE, is_up.wait_for(|now| *now == up)).await;
    }
}

async fn run(address: SocketAddr, mut wanted: watch::Receiver<bool>, up: watch::Sender<bool>) {
    loop {
        if wanted.wait_for(|wanted| *wanted).await.is_err() {
            return;
        }
        let Ok(listener) = bind(address) else {
            tokio::time::sleep(PATIENCE / 20).await;
            continue;
        };
        up.send_replace(true);
        let mut connections = JoinSet::new();
        let gone = loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connections.spawn(converse(stream));
                    }
                }
                Some(_) = connections.join_next() => {}
                gone = wanted.wait_for(|wanted| !*wanted) => break gone.is_err(),
            }
        };
        drop(listener);
        connections.shutdown().await;
        up.send_replace(false);
        if gone {
            return;
        }
    }
}

/// Says back what it hears.
async fn converse(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
