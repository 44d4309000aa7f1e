//! The standard input as a source of lines, for `tamis logs` at the end of a pipe.
//!
//! It is read on a thread of its own, since a read that waits cannot be called off; the
//! thread ends with the input, or with the process. The input is patient: when the corridor
//! has no room, nothing is read, and whoever writes has to wait.

use std::io::{self, Read};

use tokio::sync::mpsc;

use super::LineIntake;
use super::lines::{Lines, Stream};
use crate::log::Clock;

/// How much is read at once, in bytes.
const READ: usize = 64 * 1024;

/// Reads `input` to its end and passes its lines on; then the source has ended.
///
/// Dropping the future leaves the thread waiting for input, with at most three reads that were
/// not passed on.
///
/// # Errors
///
/// When no thread can be started, or reading fails; what was read before is passed on.
pub async fn read(
    input: impl Read + Send + 'static,
    intake: LineIntake,
    clock: Clock,
) -> io::Result<()> {
    let (sender, mut received) = mpsc::channel(2);
    std::thread::Builder::new().name("log-stdin".into()).spawn(move || pump(input, &sender))?;
    let mut lines = Lines::new(Stream::Only);
    let mut chunks = Vec::new();
    let mut result = Ok(());
    while let Some(read) = received.recv().await {
        match read {
            Ok(bytes) => {
                let bytes: Vec<u8> = bytes;
                lines.push(&bytes, clock.now(), |chunk| chunks.push(chunk));
            }
            Err(error) => result = Err(error),
        }
        for chunk in chunks.drain(..) {
            intake.push(chunk).await;
        }
    }
    lines.finish(clock.now(), |chunk| chunks.push(chunk));
    for chunk in chunks {
        intake.push(chunk).await;
    }
    result
}

fn pump(mut input: impl Read, sender: &mpsc::Sender<io::Result<Vec<u8>>>) {
    let mut buffer = vec![0; READ];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(buffer[..count].to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        // Nobody takes it: the process is about to end.
        if sender.blocking_send(read).is_err() || failed {
            return;
        }
    }
}
