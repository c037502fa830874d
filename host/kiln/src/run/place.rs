//! Where a run lies, and who may write there: one process at a time.
//!
//! The directory itself is locked by the operating system, so that a lock ends with its process however that ends, and
//! nothing is left behind. Where a file system knows no locks there is no protection.

use crate::error::Error;
use crate::files::sweep;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The right to write into a directory, until the last copy goes.
pub type Lock = Option<Arc<File>>;

/// Takes a directory that is there.
///
/// # Errors
/// If another process has it.
pub fn lock(path: &Path) -> Result<Lock, Error> {
    let Ok(directory) = File::open(path) else { return Ok(None) };
    match directory.try_lock() {
        Ok(()) => {
            sweep(path, None);
            Ok(Some(Arc::new(directory)))
        }
        Err(TryLockError::WouldBlock) => Err(Error::input(
            format!("another kiln is at work in '{}'", path.display()),
            "nothing was changed; wait until it has ended, or choose another place",
        )),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Looks whether `path` can become a run: it must be new or empty. Makes nothing.
///
/// # Errors
/// If it is used, lies below a file, or another process has it.
pub fn check_place(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        drop(lock(path)?);
    }
    check(path)
}

fn check(path: &Path) -> Result<(), Error> {
    let used = |what: &str| {
        let message = format!("--out '{}' {what}", path.display());
        Error::input(message, "nothing was overwritten; choose another --out, or go on with an old run by --resume")
    };
    if !path.is_dir() && path.symlink_metadata().is_ok() {
        return Err(used("is already used: it is a file"));
    }
    if path.ancestors().find(|above| above.exists()).is_some_and(|above| !above.is_dir()) {
        return Err(Error::file("create the directory", path, io::ErrorKind::NotADirectory.into()));
    }
    let held = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if held { Err(used("is already used: it is not empty")) } else { Ok(()) }
}

/// Makes and takes `path`, which must be new or empty.
///
/// # Errors
/// If it is used, cannot be made, or another process has it.
pub fn claim(path: &Path) -> Result<(PathBuf, Lock), Error> {
    // What is in a directory is looked at only behind the lock: another process may have made it at the same moment.
    if !path.is_dir() {
        check(path)?;
    }
    fs::create_dir_all(path).map_err(|error| Error::file("create the directory", path, error))?;
    let lock = lock(path)?;
    check(path)?;
    Ok((path.to_path_buf(), lock))
}

/// Makes and takes the first free `parent/name[-k]`.
///
/// # Errors
/// If none can be made.
pub fn claim_first_free(parent: &Path, name: &str) -> Result<(PathBuf, Lock), Error> {
    fs::create_dir_all(parent).map_err(|error| Error::file("create the directory", parent, error))?;
    for k in 1_u32.. {
        let path = parent.join(if k == 1 { name.to_string() } else { format!("{name}-{k}") });
        match fs::create_dir(&path) {
            Ok(()) => {
                let lock = lock(&path)?;
                return Ok((path, lock));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::file("create the directory", &path, error)),
        }
    }
    Err(Error::input(format!("all names {name}-k are used"), "choose one with --out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_free_name_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let names: Vec<PathBuf> = (0..3).map(|_| claim_first_free(place.path(), "x").unwrap().0).collect();
        assert_eq!(names, ["x", "x-2", "x-3"].map(|name| place.path().join(name)));
    }

    #[cfg(unix)]
    #[test]
    fn a_directory_has_one_owner_at_a_time_and_none_when_he_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let (path, first) = claim(&place.path().join("x")).unwrap();
        assert!(first.is_some());
        for second in [lock(&path).map(|_| ()), claim(&path).map(|_| ())] {
            assert!(second.unwrap_err().to_string().contains("another kiln is at work"));
        }
        let copy = first.clone();
        drop(first);
        assert!(lock(&path).is_err(), "the copy holds it");
        drop(copy);
        assert!(lock(&path).is_ok());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "nothing is left behind");
    }
}
