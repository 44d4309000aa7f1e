//! Records to a file that is rotated by size, with the names that Python's loggers use:
//! `app.log` is written to, `app.log.1` is the one before it, `app.log.10` the oldest.
//!
//! One process writes a file, and knows it: a lock keeps a second one away. Records are
//! written whole or not at all; when the disk is full, what was written of the last one is
//! taken back. Rotation is a row of renames, oldest first, so that at any moment each record
//! is in exactly one file; a rename that fails leaves the current file in use.
//!
//! A file that somebody else moved away is noticed within a second, and at once on request.

use std::ffi::OsString;
use std::fs::{self, File as Handle, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};

use super::format::Format;
use super::writer::{Target, Writer, whole};
use super::{Failure, Sink};
use crate::filter::canary::Watch;
use crate::log::batch::Parcel;

/// Where and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file. Its directory is made when it is missing.
    pub path: PathBuf,
    /// No file becomes longer, but for a single record that is. 10 MiB. Zero: never rotated.
    pub max_bytes: u64,
    /// How many older files are kept. 10. Zero: never rotated.
    pub backups: u32,
}

impl Settings {
    /// The defaults, for that path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_bytes: 10 * 1024 * 1024, backups: 10 }
    }
}

/// Why a file cannot be a sink.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened.
    #[error("log file `{path}` cannot be opened")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else writes it.
    #[error("log file `{path}` is written by another process; give each its own")]
    Locked {
        /// The file.
        path: PathBuf,
    },
}

/// Writes records to a file.
#[derive(Debug)]
pub struct File(Writer);

impl File {
    /// Opens the file, to add to what is in it.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn new(settings: Settings, format: Format) -> Result<Self, Error> {
        let path = settings.path.clone();
        let target = Rotating::open(settings)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let writer = Writer::start(&name, format, target);
        Ok(Self(writer.map_err(|source| Error::Open { path, source })?))
    }

    /// Lets `watch` see what is written.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self(self.0.watched(watch))
    }
}

#[async_trait]
impl Sink for File {
    async fn write(&mut self, parcel: &Parcel) -> Result<(), Failure> {
        self.0.write(parcel).await
    }

    async fn reopen(&mut self) -> io::Result<()> {
        self.0.reopen().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.close().await
    }
}

/// How long to believe that the file is still where it was.
const BELIEVE: Duration = Duration::from_secs(1);
/// How long to wait before a rotation that failed is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// The file of the moment, and how to get the next.
struct Rotating {
    settings: Settings,
    handle: Handle,
    len: u64,
    /// Only regular files are rotated and cut; a device or a pipe is not.
    regular: bool,
    checked: Instant,
    /// When the last rotation failed.
    failed: Option<Instant>,
}

impl Rotating {
    fn open(settings: Settings) -> Result<Self, Error> {
        let path = &settings.path;
        let refuse = |source| Error::Open { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(refuse)?;
        }
        let (handle, len, regular) = open(path).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => Error::Locked { path: path.clone() },
            _ => Error::Open { path: path.clone(), source },
        })?;
        let mut rotating =
            Self { settings, handle, len, regular, checked: Instant::now(), failed: None };
        rotating
            .mend()
            .map_err(|source| Error::Open { path: rotating.settings.path.clone(), source })?;
        Ok(rotating)
    }

    /// Ends a last line that a crash left without an end.
    fn mend(&mut self) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        if !self.regular || self.len == 0 {
            return Ok(());
        }
        let mut reader = Handle::open(&self.settings.path)?;
        reader.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        reader.read_exact(&mut last)?;
        if last != *b"\n" {
            // A disk that is full now may have room later; this line then stays as it is.
            if self.handle.write_all(b"\n").is_ok() {
                self.len += 1;
            }
        }
        Ok(())
    }

    fn rotates(&self) -> bool {
        self.regular && self.settings.max_bytes > 0 && self.settings.backups > 0
    }

    /// Opens the file again if another one is in its place, or none.
    fn follow(&mut self) -> io::Result<()> {
        self.checked = Instant::now();
        let own = self.handle.metadata()?;
        let there = fs::metadata(&self.settings.path);
        let same = there.is_ok_and(|there| (there.dev(), there.ino()) == (own.dev(), own.ino()));
        if same {
            // Somebody may have cut it; the end is where the system says it is.
            self.len = own.len();
            return Ok(());
        }
        self.renew()
    }

    /// Takes the file that is at the path now, made anew if there is none.
    fn renew(&mut self) -> io::Result<()> {
        let (handle, len, regular) = open(&self.settings.path)?;
        self.handle = handle;
        self.len = len;
        self.regular = regular;
        Ok(())
    }

    /// Moves every file to the next number and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.settings.path;
        // A name that is already free is no obstacle.
        let rename = |from: &Path, to: &Path| match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        };
        for number in (1..self.settings.backups).rev() {
            rename(&numbered(path, number), &numbered(path, number + 1))?;
        }
        rename(path, &numbered(path, 1))?;
        self.renew()
    }

    /// Writes whole records, and takes back the rest.
    fn push(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Failure> {
        let (len, result) = push(&mut self.handle, self.regular, bytes, ends);
        self.len += len as u64;
        result
    }
}

/// What can be added to and cut. A trait, because a disk that is full at a given byte is
/// hard to come by.
trait Disk: Write {
    fn len(&mut self) -> io::Result<u64>;
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Disk for Handle {
    fn len(&mut self) -> io::Result<u64> {
        self.metadata().map(|data| data.len())
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Adds records, which end at `ends`, to `disk`. Answers how many bytes of whole records are
/// there, and why not more; nothing of another record is left, if it can be cut.
fn push(
    disk: &mut impl Disk,
    can_cut: bool,
    bytes: &[u8],
    ends: &[usize],
) -> (usize, Result<(), Failure>) {
    let mut done = 0;
    let error: io::Error = loop {
        if done == bytes.len() {
            return (done, Ok(()));
        }
        match disk.write(&bytes[done..]) {
            Ok(0) => break io::ErrorKind::WriteZero.into(),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break error,
        }
    };
    let (written, len) = whole(ends, done);
    let torn = (done - len) as u64;
    let mut source = error;
    if torn > 0 && can_cut {
        // The length is asked for, since somebody may have cut the file meanwhile.
        let cut = disk.len().and_then(|end| disk.cut(end.saturating_sub(torn)));
        if let Err(error) = cut {
            source = error;
        }
    }
    (len, Err(Failure { written, gone: false, source }))
}

impl Target for Rotating {
    fn write(&mut self, bytes: &[u8], ends: &[usize]) -> Result<(), Failure> {
        let refuse = |written, source| Failure { written, gone: false, source };
        if self.checked.elapsed() >= BELIEVE {
            self.follow().map_err(|source| refuse(0, source))?;
        }
        if !self.rotates() {
            return self.push(bytes, ends);
        }
        // As many records at a time as there is room for in the file.
        let mut first = 0;
        while first < ends.len() {
            let start = first.checked_sub(1).map_or(0, |before| ends[before]);
            let room = self.settings.max_bytes.saturating_sub(self.len);
            let fitting = ends.partition_point(|&end| (end - start.min(end)) as u64 <= room);
            let may_rotate = self.failed.is_none_or(|failed| failed.elapsed() >= RETRY);
            if fitting <= first && self.len > 0 && may_rotate {
                match self.rotate() {
                    Ok(()) => {
                        self.failed = None;
                        continue;
                    }
                    // Rather a file that is too long than no log at all.
                    Err(error) => {
                        self.failed = Some(Instant::now());
                        let path = self.settings.path.display();
                        tracing::warn!(%path, %error, "a log file could not be rotated");
                        // Half of the renames may have happened.
                        self.follow().map_err(|source| refuse(first, source))?;
                    }
                }
            }
            // A record that is longer than a file may be gets one of its own.
            let next = if self.failed.is_some() { ends.len() } else { fitting.max(first + 1) };
            let end = ends[next - 1];
            let own_ends: Vec<usize> = ends[first..next].iter().map(|end| end - start).collect();
            self.push(&bytes[start..end], &own_ends)
                .map_err(|failure| Failure { written: first + failure.written, ..failure })?;
            first = next;
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.failed = None;
        self.follow()
    }

    fn close(&mut self) -> io::Result<()> {
        if self.regular { self.handle.sync_all() } else { Ok(()) }
    }
}

/// Opens a file to add to it, and locks it.
fn open(path: &Path) -> io::Result<(Handle, u64, bool)> {
    let handle = OpenOptions::new().create(true).append(true).open(path)?;
    let data = handle.metadata()?;
    let regular = data.is_file();
    if regular {
        // Some network file systems know no locks; then there is none.
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(())
            | Err(
                rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK | rustix::io::Errno::NOSYS,
            ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((handle, data.len(), regular))
}

/// `app.log` as `app.log.3`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::filter::record::Record;
    use crate::log::batch::{Batch, Entry, Wanted};
    use crate::log::sink::format::Text;

    fn settings(path: &Path, max_bytes: u64, backups: u32) -> Settings {
        Settings { path: path.to_owned(), max_bytes, backups }
    }

    fn write(target: &mut Rotating, lines: &[String]) -> Result<(), Failure> {
        let bytes: Vec<u8> =
            lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
        let mut end = 0;
        let ends: Vec<usize> = lines
            .iter()
            .map(|line| {
                end += line.len() + 1;
                end
            })
            .collect();
        target.write(&bytes, &ends)
    }

    fn numbers(from: usize, to: usize) -> Vec<String> {
        (from..to).map(|number| format!("line {number:06}")).collect()
    }

    /// All lines of the file and its backups, oldest first.
    fn read(path: &Path, backups: u32) -> Vec<String> {
        let names =
            (1..=backups).rev().map(|number| numbered(path, number)).chain([path.to_owned()]);
        let texts = names.filter_map(|name| fs::read_to_string(name).ok());
        texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn rotation_loses_no_line_and_keeps_its_limits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/app.log");
        let mut target = Rotating::open(settings(&path, 1200, 10)).unwrap();
        // 100 lines of 12 bytes are exactly one file.
        for start in (0..1100).step_by(7) {
            write(&mut target, &numbers(start, (start + 7).min(1100))).unwrap();
        }
        assert_eq!(read(&path, 10), numbers(0, 1100));
        let mut names: Vec<String> = fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut expected: Vec<String> =
            (1..=10).map(|number| format!("app.log.{number}")).collect();
        expected.push("app.log".into());
        expected.sort();
        assert_eq!(names, expected);
        for name in names {
            let len = fs::metadata(path.with_file_name(name)).unwrap().len();
            assert!(len <= 1200, "{len}");
        }
        // The oldest go.
        write(&mut target, &numbers(1100, 1300)).unwrap();
        assert_eq!(read(&path, 10), numbers(200, 1300));
        assert!(!numbered(&path, 11).exists());
    }

    #[test]
    fn a_record_that_is_too_long_gets_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let mut target = Rotating::open(settings(&path, 20, 5)).unwrap();
        write(&mut target, &["short".into(), "x".repeat(50), "after".into()]).unwrap();
        let text = |number| fs::read_to_string(numbered(&path, number)).unwrap();
        assert_eq!((text(2).as_str(), text(1).len()), ("short\n", 51));
        assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
    }

    #[test]
    fn a_file_goes_on_where_the_last_run_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        fs::write(&path, "old\nhalf a li").unwrap();
        let mut target = Rotating::open(settings(&path, 1000, 2)).unwrap();
        write(&mut target, &["new".into()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\nhalf a li\nnew\n");
    }

    #[test]
    fn a_second_writer_is_kept_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let first = Rotating::open(settings(&path, 10, 2)).unwrap();
        assert!(matches!(Rotating::open(settings(&path, 10, 2)), Err(Error::Locked { .. })));
        drop(first);
        assert!(Rotating::open(settings(&path, 10, 2)).is_ok());
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let mut target = Rotating::open(settings(&path, 1000, 2)).unwrap();
        write(&mut target, &["one".into()]).unwrap();
        fs::rename(&path, folder.path().join("moved")).unwrap();
        target.reopen().unwrap();
        write(&mut target, &["two".into()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(folder.path().join("moved")).unwrap(), "one\n");
        // Without being told, too, after a second.
        fs::remove_file(&path).unwrap();
        target.checked -= BELIEVE;
        write(&mut target, &["three".into()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        // And one that was emptied goes on from its beginning.
        Handle::create(&path).unwrap();
        target.checked -= BELIEVE;
        write(&mut target, &["four".into()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
        assert_eq!(target.len, 5);
    }

    #[test]
    fn when_rotation_fails_the_file_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let mut target = Rotating::open(settings(&path, 24, 1)).unwrap();
        // A directory that is not empty cannot be replaced by a file.
        fs::create_dir_all(numbered(&path, 1).join("in the way")).unwrap();
        for number in 0..6 {
            write(&mut target, &numbers(number, number + 1)).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 6);
        // Once the way is free, it is rotated again.
        fs::remove_dir_all(numbered(&path, 1)).unwrap();
        target.reopen().unwrap();
        write(&mut target, &numbers(6, 7)).unwrap();
        assert_eq!(read(&path, 1), numbers(0, 7));
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_full_disk_takes_nothing_and_breaks_nothing() {
        let mut target = Rotating::open(settings(Path::new("/dev/full"), 1000, 2)).unwrap();
        let failure = write(&mut target, &numbers(0, 3)).unwrap_err();
        assert_eq!((failure.written, failure.gone), (0, false));
        assert_eq!(failure.source.kind(), io::ErrorKind::StorageFull);
        assert!(fs::metadata("/dev/full").is_ok(), "it is not moved away");
    }

    #[test]
    fn once_there_is_room_again_nothing_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut target = Rotating::open(settings(&path, 0, 0)).unwrap();
        for _ in 0..3 {
            assert_eq!(write(&mut target, &numbers(0, 3)).unwrap_err().written, 0);
        }
        fs::remove_file(&path).unwrap();
        target.checked -= BELIEVE;
        write(&mut target, &numbers(0, 3)).unwrap();
        assert_eq!(read(&path, 0), numbers(0, 3));
    }

    /// A disk that has room for so many bytes more before each error.
    #[derive(Default)]
    struct Moody {
        content: Vec<u8>,
        room: Vec<usize>,
        left: usize,
    }

    impl Write for Moody {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.left == 0 {
                self.left = self.room.pop().unwrap_or(usize::MAX);
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = bytes.len().min(self.left);
            self.left -= count;
            self.content.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Disk for Moody {
        fn len(&mut self) -> io::Result<u64> {
            Ok(self.content.len() as u64)
        }

        fn cut(&mut self, len: u64) -> io::Result<()> {
            self.content.truncate(usize::try_from(len).unwrap());
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn a_disk_that_is_full_now_and_then_holds_whole_records_and_all_of_them(
            lines in proptest::collection::vec("[a-z]{0,12}", 1..12),
            room in proptest::collection::vec(1usize..30, 0..20),
        ) {
            let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut disk = Moody { left: 5, room, ..Moody::default() };
            let mut from = 0;
            // Fifteen bytes of room are enough for any record, so this ends.
            for _ in 0..100 {
                let bytes = lines[from..].concat().into_bytes();
                let ends: Vec<usize> = lines[from..].iter().scan(0, |end, line| { *end += line.len(); Some(*end) }).collect();
                let (len, result) = push(&mut disk, true, &bytes, &ends);
                from += match result {
                    Ok(()) => ends.len(),
                    Err(failure) => failure.written,
                };
                prop_assert_eq!(&disk.content, &lines[..from].concat().into_bytes());
                prop_assert!(ends.contains(&len) || len == 0);
                if from == lines.len() {
                    break;
                }
            }
            prop_assert_eq!(from, lines.len());
        }
    }

    #[tokio::test]
    async fn records_of_a_batch_are_lines_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        let mut sink = File::new(settings(&path, 40, 3), Format::Raw(Text::default())).unwrap();
        for start in (0..60).step_by(20) {
            let entries = numbers(start, start + 20)
                .into_iter()
                .map(|line| Entry::new(Record::of_bytes(1, line.into_bytes())));
            let batch = Arc::new(Batch { source: "child".into(), entries: entries.collect() });
            sink.write(&Parcel::pick(&batch, Wanted::default()).unwrap()).await.unwrap();
        }
        sink.close().await.unwrap();
        assert_eq!(read(&path, 3), numbers(48, 60), "four files of three lines");
    }
}
