//! How much memory there is. What would need more is refused with the estimate, before anything is made: the system would
//! end the process in the middle of it.

use crate::error::Error;
use std::fs;
use std::path::Path;

/// Bytes that can still be used: the least of what the machine has free, what its control groups leave, and what the
/// limit of address space leaves. `None` where nothing of that is known.
pub fn available() -> Option<u64> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| kilobytes(&text, "MemAvailable:"));
    let groups = read("/proc/self/cgroup").and_then(|text| groups(&text, Path::new("/sys/fs/cgroup")));
    let limit = read("/proc/self/limits").zip(read("/proc/self/status"));
    let addresses = limit.and_then(|(limits, status)| addresses(&limits, &status));
    [machine, groups, addresses].into_iter().flatten().min()
}

/// Refuses what needs more memory than there is; where that is unknown, nothing is refused.
///
/// # Errors
/// If `what` needs more `bytes` than are available; `hint` says how to need fewer.
pub fn check(bytes: u64, what: &str, hint: &str) -> Result<(), Error> {
    check_within(available(), bytes, what, hint)
}

/// The same with so many bytes available.
///
/// # Errors
/// As [`check`].
pub fn check_within(available: Option<u64>, bytes: u64, what: &str, hint: &str) -> Result<(), Error> {
    match available {
        Some(available) if bytes > available => Err(Error::input(
            format!("{what} needs about {} of memory, and {} are available", size(bytes), size(available)),
            hint,
        )),
        _ => Ok(()),
    }
}

/// 640 MB, 12.3 GB.
fn size(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 1e9 => format!("{:.0} MB", bytes / 1e6),
        bytes if bytes < 1e14 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.1e} GB", bytes / 1e9),
    }
}

/// The number of kilobytes behind a name, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// What the address space has left below its limit.
fn addresses(limits: &str, status: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kilobytes(status, "VmSize:")?))
}

/// What the system drops where memory is short: pages of files, and what it can make again.
const DROPPED: [&str; 3] = ["inactive_file", "active_file", "slab_reclaimable"];

/// What the process's control group (version 2) and those above it have left.
fn groups(own: &str, root: &Path) -> Option<u64> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let number = |path: &Path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let dropped = |group: &Path| {
        let text = fs::read_to_string(group.join("memory.stat")).ok()?;
        let sizes = text.lines().filter_map(|line| line.split_once(' ')).filter(|(name, _)| DROPPED.contains(name));
        Some(sizes.filter_map(|(_, size)| size.trim().parse::<u64>().ok()).sum::<u64>())
    };
    let left = |group: &Path| {
        let (most, used) = (number(&group.join("memory.max"))?, number(&group.join("memory.current"))?);
        Some(most.saturating_sub(used.saturating_sub(dropped(group).unwrap_or(0))))
    };
    let own = root.join(path);
    own.ancestors().take_while(|group| group.starts_with(root)).filter_map(left).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_more_than_there_is_is_refused_with_both() {
        let error = check_within(Some(2_000_000_000), 51_234_000_000, "a training", "lower train.batch").unwrap_err();
        assert_eq!(error.to_string(), "a training needs about 51.2 GB of memory, and 2.0 GB are available");
        assert_eq!((error.hint(), error.exit_code()), ("lower train.batch", 2));
        assert!(check_within(Some(51_234_000_000), 51_234_000_000, "", "").is_ok());
        assert!(check_within(None, u64::MAX, "", "").is_ok(), "where nothing is known nothing is refused");
        assert_eq!([640_400_000, 12_345_000_000, u64::MAX].map(size), ["640 MB", "12.3 GB", "1.8e10 GB"]);
    }

    #[test]
    fn the_systems_files_are_read() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:   2000 kB\n";
        assert_eq!(kilobytes(text, "MemAvailable:"), Some(2_048_000));
        assert_eq!(kilobytes("MemTotal: 5 kB", "MemAvailable:"), None);
        let limits =
            |soft: &str| format!("Max file size  unlimited  bytes\nMax address space   {soft}   unlimited  bytes\n");
        assert_eq!(addresses(&limits("5000000"), "VmSize:\t  1000 kB\n"), Some(5_000_000 - 1_024_000));
        assert_eq!(addresses(&limits("5000"), "VmSize:\t  1000 kB\n"), Some(0));
        assert_eq!(addresses(&limits("unlimited"), "VmSize:\t  1000 kB\n"), None);
    }

    #[test]
    fn the_tightest_control_group_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let write = |group: &Path, name: &str, text: &str| fs::write(group.join(name), text).unwrap();
        write(&inner, "memory.max", "max\n");
        write(&inner, "memory.current", "10\n");
        assert_eq!(groups("0::/a/b\n", root.path()), None);
        write(&root.path().join("a"), "memory.max", "1000\n");
        write(&root.path().join("a"), "memory.current", "900\n");
        assert_eq!(groups("0::/a/b\n", root.path()), Some(100));
        write(&root.path().join("a"), "memory.stat", "anon 1\ninactive_file 300\n");
        assert_eq!(groups("1:cpu:/x\n0::/a/b\n", root.path()), Some(400));
        write(&inner, "memory.max", "60\n");
        assert_eq!(groups("0::/a/b\n", root.path()), Some(50));
        assert_eq!(groups("7:memory:/a\n", root.path()), None);
    }
}
