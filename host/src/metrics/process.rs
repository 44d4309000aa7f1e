//! Facts about the process that every dashboard asks for, read from the system when somebody
//! looks. Where the system does not tell, the fact is absent.

/// What the process uses at this moment.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_seconds: Option<f64>,
    pub(super) resident_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
    pub(super) threads: Option<u64>,
}

/// Reads the present usage: four small reads from `/proc`.
#[cfg(target_os = "linux")]
pub(super) fn usage() -> Usage {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let status = read("/proc/self/status");
    Usage {
        cpu_seconds: cpu(&read("/proc/self/stat")),
        resident_bytes: number(&status, "VmRSS:").map(|kibibytes| kibibytes * 1024),
        virtual_bytes: number(&status, "VmSize:").map(|kibibytes| kibibytes * 1024),
        open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64),
        most_files: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
        threads: number(&status, "Threads:"),
    }
}

/// Knows nothing on systems without `/proc`.
#[cfg(not(target_os = "linux"))]
pub(super) fn usage() -> Usage {
    Usage::default()
}

/// User and system time from `/proc/self/stat`. The command in parentheses may hold anything, so
/// fields are counted from the last closing one. The kernel shows its ticks to programs as
/// hundredths of a second, whatever it uses inside.
#[cfg(target_os = "linux")]
fn cpu(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / 100.0)
}

/// The number behind a key of `/proc/self/status`.
#[cfg(target_os = "linux")]
fn number(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = usage();
        assert!(usage.resident_bytes.is_some_and(|bytes| bytes > 100_000), "{usage:?}");
        assert!(usage.virtual_bytes > usage.resident_bytes, "{usage:?}");
        assert!(usage.open_files.is_some_and(|files| files > 2), "{usage:?}");
        assert!(usage.threads.is_some_and(|threads| threads >= 1), "{usage:?}");
        assert!(usage.cpu_seconds.is_some(), "{usage:?}");
    }

    #[test]
    fn a_command_with_parentheses_and_garbage_do_no_harm() {
        let fields: Vec<String> = (0..40).map(|number| (number * 100).to_string()).collect();
        assert_eq!(cpu(&format!("7 (a) b) c) S {}", fields.join(" "))), Some(10.0 + 11.0));
        for garbage in ["", ")", "1 (a) S", "1 (a) S x y z", "1 (a) 1 1 1 1 1 1 1 1 1 1 1 x y"] {
            assert_eq!(cpu(garbage), None, "{garbage}");
        }
        assert_eq!(number("VmRSS:\nThreads: x\n", "VmRSS:"), None);
        assert_eq!(number("VmRSS:\nThreads: x\n", "Threads:"), None);
    }
}
