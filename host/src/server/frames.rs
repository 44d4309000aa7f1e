//! Watches the frames of an HTTP/2 connection for floods.
//!
//! Only frame headers are looked at. Frames that carry a request or content are free; those that
//! only make work (`PING`, `SETTINGS`, `RST_STREAM`, `PRIORITY`, `CONTINUATION`, empty `DATA`,
//! unknown ones) are counted, and more than [`LIMIT`] of them within [`WINDOW`] end the connection.
//! Browsers and load generators stay below a few dozen. The library behind has limits of its own;
//! these are lower, and cover what it absorbs.

use std::time::Duration;

use tokio::time::Instant;

/// Frames that only make work, within one window.
const LIMIT: u32 = 1000;
/// `WINDOW_UPDATE` frames within one window; a fast download needs many.
const UPDATES: u32 = 100_000;
/// How long frames are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Counts frames in what a client sends.
#[derive(Debug)]
pub(super) struct FrameMeter {
    /// Bytes to skip: the connection preface, then the payload of the frame seen last.
    skip: usize,
    header: [u8; 9],
    have: usize,
    work: u32,
    updates: u32,
    since: Instant,
}

/// Too many frames that only make work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flood;

impl FrameMeter {
    /// For a connection whose preface was not fed yet.
    pub(super) fn new(preface: usize) -> Self {
        Self { skip: preface, header: [0; 9], have: 0, work: 0, updates: 0, since: Instant::now() }
    }

    /// Takes what was read.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = self.header.len() - self.have;
            let taken = wanted.min(bytes.len());
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if taken < wanted {
                return Ok(());
            }
            self.have = 0;
            let [a, b, c, kind, flags, ..] = self.header;
            let length = u32::from_be_bytes([0, a, b, c]);
            self.skip = length as usize;
            self.count(kind, flags, length)?;
        }
    }

    fn count(&mut self, kind: u8, flags: u8, length: u32) -> Result<(), Flood> {
        const DATA: u8 = 0;
        const HEADERS: u8 = 1;
        const WINDOW_UPDATE: u8 = 8;
        const END_STREAM: u8 = 1;
        let (counter, limit) = match kind {
            HEADERS => return Ok(()),
            DATA if length > 0 || flags & END_STREAM != 0 => return Ok(()),
            WINDOW_UPDATE => (&mut self.updates, UPDATES),
            _ => (&mut self.work, LIMIT),
        };
        *counter += 1;
        if *counter <= limit {
            return Ok(());
        }
        // The clock is asked only now and then.
        let now = Instant::now();
        if now - self.since < WINDOW {
            return Err(Flood);
        }
        self.since = now;
        self.work = 0;
        self.updates = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).expect("small").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.resize(9 + payload, 0xff);
        frame
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_flood_ends_the_connection() {
        for (kind, flags, payload) in
            [(0, 0, 0), (2, 0, 5), (3, 0, 4), (4, 0, 0), (6, 0, 8), (9, 0, 10), (0xee, 0, 3)]
        {
            let mut meter = FrameMeter::new(0);
            let frame = frame(kind, flags, payload);
            let allowed = (0..5000).take_while(|_| meter.feed(&frame).is_ok()).count();
            assert_eq!(allowed, LIMIT as usize, "kind {kind}");
        }
        for (kind, flags, payload) in [(0, 0, 1), (0, 1, 0), (1, 4, 20)] {
            let mut meter = FrameMeter::new(0);
            let frame = frame(kind, flags, payload);
            assert!((0..50_000).all(|_| meter.feed(&frame).is_ok()), "kind {kind} is free");
        }
        let mut meter = FrameMeter::new(0);
        let update = frame(8, 0, 4);
        assert_eq!((0..200_000).take_while(|_| meter.feed(&update).is_ok()).count(), 100_000);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_slowly_is_no_flood() {
        let mut meter = FrameMeter::new(0);
        let ping = frame(6, 0, 8);
        for _ in 0..10 {
            assert!((0..LIMIT - 10).all(|_| meter.feed(&ping).is_ok()));
            tokio::time::advance(WINDOW).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_found_however_they_are_cut() {
        for piece in [1, 2, 7, 9, 10, 100] {
            let mut meter = FrameMeter::new(24);
            let mut bytes = vec![b'P'; 24];
            for _ in 0..=LIMIT {
                bytes.extend(frame(1, 4, 3));
                bytes.extend(frame(6, 0, 8));
            }
            let last = bytes.len() - 8 - 1;
            let (start, end) = bytes.split_at(last);
            assert!(start.chunks(piece).all(|piece| meter.feed(piece).is_ok()), "{piece}");
            assert_eq!(
                end.chunks(piece).map(|piece| meter.feed(piece)).find(Result::is_err),
                Some(Err(Flood))
            );
        }
    }
}
