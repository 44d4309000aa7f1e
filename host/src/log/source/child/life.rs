//! Waits for the application's end, and until then passes on what it is to be told.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use tokio::signal::unix::{self as signals, SignalKind};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Settings;

/// Signals that are sent on.
const FORWARDED: [Signal; 6] =
    [Signal::INT, Signal::QUIT, Signal::HUP, Signal::TERM, Signal::USR1, Signal::USR2];

/// Whether a terminal sends the signal to the whole foreground group. Hanging up is sent to
/// the leader of the session, which may or may not pass it on.
fn is_of_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::INT | Signal::QUIT)
}

/// What a control says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    Signal(Signal),
    Stop,
}

/// Waits for the end, and sends signals on until then.
#[derive(Debug)]
pub(super) struct Life {
    settings: Settings,
    ended: signals::Signal,
    forwarded: Vec<(signals::Signal, Signal)>,
    words: Option<mpsc::Receiver<Word>>,
}

impl Life {
    pub(super) fn new(settings: Settings) -> io::Result<Self> {
        let ended = signals::signal(SignalKind::child())?;
        let mut forwarded = Vec::new();
        if settings.forward {
            for signal in FORWARDED {
                let stream = signals::signal(SignalKind::from_raw(signal.as_raw()))?;
                forwarded.push((stream, signal));
            }
        }
        Ok(Self { settings, ended, forwarded, words: None })
    }

    /// With somebody who says things.
    pub(super) fn listening(self, words: mpsc::Receiver<Word>) -> Self {
        Self { words: Some(words), ..self }
    }

    /// Answers the status, whether it was killed, and whether it was told to stop.
    pub(super) async fn run(mut self, pid: Pid, leads: bool) -> (WaitStatus, bool, bool) {
        // A signal that says that a child ended can stand for several, and others may take
        // one away; so it is looked at now and then, too.
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline: Option<Instant> = None;
        let mut killed = false;
        loop {
            if let Some(status) = reap(pid, self.settings.adopt) {
                return (status, killed, deadline.is_some());
            }
            let word = tokio::select! {
                _ = self.ended.recv() => None,
                _ = tick.tick() => None,
                signal = received(&mut self.forwarded) => Some(Word::Signal(signal)),
                word = told(&mut self.words) => Some(word),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && !killed => {
                    tracing::warn!(grace = ?self.settings.grace, "the command did not end in time and is killed");
                    killed = true;
                    kill(pid, leads);
                    None
                }
            };
            let signal = match word {
                // In our own group, behind a terminal, it has got this one already.
                Some(Word::Signal(signal)) if !leads && is_of_terminal(signal) => continue,
                Some(Word::Signal(signal)) => signal,
                Some(Word::Stop) => Signal::TERM,
                None => continue,
            };
            if signal == Signal::TERM {
                deadline.get_or_insert_with(|| Instant::now() + self.settings.grace);
            }
            // It was not reaped yet, so the number is its own still.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Kills the application, with all that is in its group.
fn kill(pid: Pid, leads: bool) {
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    if leads {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

/// Takes the status of what has ended. Answers that of the application.
fn reap(pid: Pid, adopt: bool) -> Option<WaitStatus> {
    let mut own = None;
    loop {
        let ended = if adopt {
            rustix::process::wait(WaitOptions::NOHANG)
        } else {
            rustix::process::waitpid(Some(pid), WaitOptions::NOHANG)
        };
        match ended {
            Ok(Some((ended, status))) => {
                if ended == pid {
                    own = Some(status);
                }
                if !adopt {
                    return own;
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            // Nothing has ended, or there is nothing left.
            Ok(None) | Err(_) => return own,
        }
    }
}

/// The next signal that we get. Cancel safe.
async fn received(streams: &mut [(signals::Signal, Signal)]) -> Signal {
    std::future::poll_fn(|context| {
        for (stream, signal) in &mut *streams {
            if stream.poll_recv(context).is_ready() {
                return std::task::Poll::Ready(*signal);
            }
        }
        std::task::Poll::Pending
    })
    .await
}

/// The next word of a control; never, once there is none left. Cancel safe.
async fn told(words: &mut Option<mpsc::Receiver<Word>>) -> Word {
    if let Some(receiver) = words {
        if let Some(word) = receiver.recv().await {
            return word;
        }
        *words = None;
    }
    std::future::pending().await
}
