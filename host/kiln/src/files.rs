//! Files that are whole or not there: each is written beside its place and renamed into it.
//!
//! What a killed process left half written (`NAME.PID.partial`) is removed when the file is next written, or when its run
//! is next opened for writing, if that process is no more.

use crate::error::Error;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `path` through a temporary file beside it and a rename.
///
/// # Errors
/// If it cannot be written; the old file is then as it was.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    sweep_for(path);
    let partial = partial(path);
    stage(&partial, write).and_then(|()| fs::rename(&partial, path)).map_err(|error| {
        let _ = fs::remove_file(&partial);
        Error::file("write", path, error)
    })
}

/// Writes all of these files, or none where one has no place.
///
/// # Errors
/// If one cannot be written.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<(), Error> {
    let failed = |path: &Path, error| Error::file("write", path, error);
    files.iter().for_each(|(path, _)| sweep_for(path));
    let mut each = files.iter();
    let staged = each.try_for_each(|(path, bytes)| {
        stage(&partial(path), |file| file.write_all(bytes)).map_err(|error| failed(path, error))
    });
    let written = staged.and_then(|()| {
        let mut each = files.iter();
        each.try_for_each(|(path, _)| fs::rename(partial(path), path).map_err(|error| failed(path, error)))
    });
    if written.is_err() {
        files.iter().for_each(|(path, _)| drop(fs::remove_file(partial(path))));
    }
    written
}

/// Writes `path`, whose old content goes to `before`: at every moment one of the two is whole.
///
/// # Errors
/// If either cannot be written.
pub fn write_keeping(path: &Path, before: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (new, old) = (partial(path), partial(before));
    let keep = || {
        // A second name costs nothing; where a file has but one, a copy does.
        fs::hard_link(path, &old).or_else(|_| fs::copy(path, &old).map(|_| ())).and_then(|()| fs::rename(&old, before))
    };
    let written = stage(&new, |file| file.write_all(bytes))
        .and_then(|()| if path.is_file() { keep() } else { Ok(()) })
        .and_then(|()| fs::rename(&new, path));
    // Also where both names were of one file already: a rename between them does nothing.
    [&new, &old].into_iter().for_each(|partial| drop(fs::remove_file(partial)));
    written.map_err(|error| Error::file("write", path, error))
}

/// Whether a file can be made at `path`; nothing stays there.
///
/// # Errors
/// If not.
pub fn check_writable(path: &Path) -> Result<(), Error> {
    let partial = partial(path);
    let made = File::create(&partial).and_then(|_| fs::remove_file(&partial));
    made.map_err(|error| Error::file("write", path, error))
}

/// Removes what processes that are no more left half written in `directory`: of the file of that name, or of all.
pub fn sweep(directory: &Path, name: Option<&str>) {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let Some((of, process)) = file.to_str().and_then(parts) else { continue };
        if name.is_none_or(|name| name == of) && !lives(process) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The same for one file.
fn sweep_for(path: &Path) {
    if let (Some(parent), Some(name)) = (path.parent(), path.file_name()) {
        sweep(parent, Some(&name.to_string_lossy()));
    }
}

/// The name of the file and the number of the process, of the name of a temporary file.
fn parts(partial: &str) -> Option<(&str, u32)> {
    let (name, process) = partial.strip_suffix(".partial")?.rsplit_once('.')?;
    Some((name, process.parse().ok()?))
}

/// Whether that process may still be at work; where the system does not tell, it may.
fn lives(process: u32) -> bool {
    let all = Path::new("/proc");
    process == std::process::id() || !all.join("self").exists() || all.join(process.to_string()).exists()
}

/// The temporary file beside `path`.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

/// A whole file on the disk.
fn stage(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::create(path)?;
    write(&mut file)?;
    file.sync_all()
}

/// SHA-256 in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        fs::write(&path, "old").unwrap();
        assert!(write_whole(&path, |file| file.write_all(b"ne").and(Err(io::Error::other("no")))).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn files_are_written_together_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let [old, new, lost] = ["old", "new", "no/lost"].map(|name| place.path().join(name));
        fs::write(&old, "old").unwrap();
        let files = |last: &Path| write_together(&[(&old, b"x"), (&new, b"y"), (last, b"z")]);
        assert!(files(&lost).unwrap_err().to_string().contains("lost"));
        assert!(check_writable(&lost).is_err() && check_writable(&new).is_ok());
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        let third = place.path().join("third");
        files(&third).unwrap();
        assert_eq!([&old, &new, &third].map(|path| fs::read_to_string(path).unwrap()), ["x", "y", "z"]);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3);
    }

    #[test]
    fn the_content_before_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let [path, before] = ["new", "old"].map(|name| place.path().join(name));
        let read = || [&path, &before].map(|path| fs::read_to_string(path).ok());
        let kept = |texts: [Option<&str>; 2]| assert_eq!(read(), texts.map(|text| text.map(String::from)));
        write_keeping(&path, &before, b"1").unwrap();
        kept([Some("1"), None]);
        write_keeping(&path, &before, b"2").unwrap();
        write_keeping(&path, &before, b"3").unwrap();
        kept([Some("3"), Some("2")]);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_dead_process_left_half_written_goes_with_the_next_write() {
        let place = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let names = [
            format!("x.{}.partial", child.id()),
            format!("other.{}.partial", child.id()),
            "x.1.partial".to_string(),
            "x.mine.partial".to_string(),
        ];
        names.iter().for_each(|name| fs::write(place.path().join(name), "half").unwrap());
        let there = || names.clone().map(|name| place.path().join(name).exists());
        write_whole(&place.path().join("x"), |file| file.write_all(b"whole")).unwrap();
        assert_eq!(there(), [false, true, true, true], "its own, of a dead process, only");
        sweep(place.path(), None);
        assert_eq!(there(), [false, false, true, true]);
    }
}
