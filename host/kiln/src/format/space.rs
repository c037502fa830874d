//! Room for samples on the disk.

use std::path::Path;

/// Bytes that are free on the disk of a directory, where the system says.
pub fn available_disk(directory: &Path) -> Option<u64> {
    let stats = fs4::statvfs(directory).ok()?;
    // Some file systems know no sizes and say 0.
    (stats.total_space() > 0).then(|| stats.available_space())
}

/// A number of bytes for people.
pub fn bytes(n: u128) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 1000.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    if unit == 0 { format!("{n} bytes") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_say_them() {
        assert_eq!([999, 1500, 72_000_000_000_000_000].map(bytes), ["999 bytes", "1.5 kB", "72000.0 TB"]);
    }

    #[test]
    fn a_directory_has_room_and_a_missing_one_is_unknown() {
        assert!(available_disk(Path::new(".")).is_none_or(|free| free > 0));
        assert_eq!(available_disk(Path::new("not/there")), None);
    }
}
