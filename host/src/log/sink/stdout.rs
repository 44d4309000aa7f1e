//! Records to the standard output, or to the standard error.
//!
//! Whoever reads may be slow: then the queue of this sink fills and records are dropped, and
//! nothing else waits. Whoever reads may go away: then the sink is gone, and it is for the
//! application to say what that means.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use async_trait::async_trait;

use super::format::Format;
use super::writer::{Target, Writer, whole};
use super::{Failure, Sink};
use crate::filter::canary::Watch;
use crate::log::batch::Parcel;

/// Writes records to a stream that the process was given.
#[derive(Debug)]
pub struct Stdout(Writer);

impl Stdout {
    /// To the standard output.
    ///
    /// # Errors
    ///
    /// When there is none, or no thread can be started.
    pub fn new(format: Format) -> io::Result<Self> {
        let stream = io::stdout().as_fd().try_clone_to_owned()?;
        Self::onto("stdout", format, File::from(stream))
    }

    /// To the standard error.
    ///
    /// # Errors
    ///
    /// As [`Stdout::new`].
    pub fn error(format: Format) -> io::Result<Self> {
        let stream = io::stderr().as_fd().try_clone_to_owned()?;
        Self::onto("stderr", format, File::from(stream))
    }

    /// To anything that takes bytes.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn onto(
        name: &str,
        format: Format,
        stream: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self(Writer::start(name, format, Stream { stream, torn: None })?))
    }

    /// Lets `watch` see what is written.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self(self.0.watched(watch))
    }
}

#[async_trait]
impl Sink for Stdout {
    async fn write(&mut self, parcel: &Parcel) -> Result<(), Failure> {
        self.0.write(parcel).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.close().await
    }
}

struct Stream<W> {
    stream: W,
    /// What is left of a record of which the first half was written: bytes that went into a
    /// pipe cannot be taken back, so they have to be followed by the rest.
    torn: Option<Vec<u8>>,
}

impl<W: Write + Send + 'static> Target for Stream<W> {
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Failure> {
        let mut skip = 0_usize;
        if let Some(rest) = self.torn.take() {
            let (done, result) = push(&mut self.stream, &rest);
            if let Err(source) = result {
                self.torn = Some(rest[done..].to_vec());
                return Err(failure(0, source));
            }
            // The torn record is the first of what is offered again, and is out now.
            skip = 1;
        }
        let from = ends.get(skip.wrapping_sub(1)).copied().unwrap_or_default();
        let (done, result) = push(&mut self.stream, &bytes[from..]);
        let Err(source) = result else { return Ok(()) };
        let (written, len) = whole(ends, from + done);
        if from + done > len {
            let end = ends.get(written).copied().unwrap_or(bytes.len());
            self.torn = Some(bytes[from + done..end].to_vec());
        }
        Err(failure(written, source))
    }

    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Writes all of `bytes`; answers how many were written and why not more.
fn push(stream: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match stream.write(&bytes[done..]) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Somebody who shares the stream made it non-blocking. It is their right, and
            // waiting a little is all that can be done.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            Err(error) => return (done, Err(error)),
        }
    }
    (done, stream.flush())
}

fn failure(written: usize, source: io::Error) -> Failure {
    let gone = matches!(source.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::WriteZero);
    Failure { written, gone, source }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;
    use crate::filter::record::Record;
    use crate::log::batch::{Batch, Entry, Wanted};
    use crate::log::sink::format::Text;

    /// A stream that takes what it likes and fails when it likes.
    #[derive(Clone, Default)]
    struct Moody {
        taken: Arc<Mutex<Vec<u8>>>,
        /// For each write: how many bytes it takes, or an error.
        moods: Arc<Mutex<Vec<Result<usize, io::ErrorKind>>>>,
    }

    impl Write for Moody {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = match self.moods.lock().unwrap().pop() {
                Some(Ok(count)) => count.clamp(1, bytes.len()),
                Some(Err(kind)) => return Err(kind.into()),
                None => bytes.len(),
            };
            self.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn parcel(messages: &[&str]) -> Parcel {
        let entries =
            messages.iter().map(|text| Entry::new(Record::of_bytes(1, text.as_bytes().to_vec())));
        let batch = Batch { source: "child".into(), entries: entries.collect() };
        Parcel::pick(&Arc::new(batch), Wanted::default()).unwrap()
    }

    #[tokio::test]
    async fn records_reach_the_stream_in_order() {
        let stream = Moody::default();
        let mut sink = Stdout::onto("test", Format::Raw(Text::default()), stream.clone()).unwrap();
        sink.write(&parcel(&["one", "two"])).await.unwrap();
        sink.write(&parcel(&["three"])).await.unwrap();
        sink.close().await.unwrap();
        assert_eq!(*stream.taken.lock().unwrap(), b"one\ntwo\nthree\n");
    }

    #[tokio::test]
    async fn a_reader_that_went_away_is_gone() {
        let (reader, stream) = io::pipe().unwrap();
        drop(reader);
        let mut sink = Stdout::onto("test", Format::Raw(Text::default()), stream).unwrap();
        let failure = sink.write(&parcel(&["one"])).await.unwrap_err();
        assert!(failure.gone, "{failure:?}");
        assert_eq!(failure.written, 0);
    }

    #[tokio::test]
    async fn a_write_that_was_not_waited_for_is_not_done_twice() {
        let (mut reader, stream) = io::pipe().unwrap();
        let mut sink = Stdout::onto("test", Format::Raw(Text::default()), stream).unwrap();
        // More than a pipe holds.
        let long = "x".repeat(1 << 20);
        let parcel = parcel(&[&long]);
        {
            let writing = sink.write(&parcel);
            let waited = tokio::time::timeout(Duration::from_millis(20), writing).await;
            assert!(waited.is_err(), "nobody reads");
        }
        let reading = std::thread::spawn(move || {
            let mut text = Vec::new();
            io::Read::read_to_end(&mut reader, &mut text).map(|_| text)
        });
        sink.write(&parcel).await.unwrap();
        drop(sink);
        assert_eq!(reading.join().unwrap().unwrap().len(), long.len() + 1);
    }

    proptest! {
        #[test]
        fn no_record_is_lost_torn_or_doubled(
            messages in proptest::collection::vec("[a-z]{0,12}", 1..12),
            moods in proptest::collection::vec(prop_oneof![
                3 => (1usize..20).prop_map(Ok),
                1 => Just(Err(io::ErrorKind::StorageFull)),
                1 => Just(Err(io::ErrorKind::Interrupted)),
                1 => Just(Err(io::ErrorKind::WouldBlock)),
            ], 0..20),
        ) {
            let stream = Moody::default();
            *stream.moods.lock().unwrap() = moods;
            let mut target = Stream { stream: stream.clone(), torn: None };
            let lines: Vec<String> = messages.iter().map(|text| format!("{text}\n")).collect();
            let mut from = 0;
            while from < lines.len() {
                let bytes = lines[from..].concat().into_bytes();
                let ends: Vec<usize> = lines[from..].iter().scan(0, |end, line| { *end += line.len(); Some(*end) }).collect();
                match target.write(&bytes, &ends) {
                    Ok(()) => from = lines.len(),
                    Err(failure) => from += failure.written,
                }
            }
            prop_assert_eq!(stream.taken.lock().unwrap().clone(), lines.concat().into_bytes());
        }
    }
}
