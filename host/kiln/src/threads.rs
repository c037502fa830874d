//! Worker threads of everything parallel. Their number never changes a result.

use crate::config::Layers;
use crate::error::Error;

/// Starts `asked` threads, 0 for one a core. More than there are cores would only wait for each other, and are not started.
///
/// # Errors
/// If the system has no room for them.
pub fn start(asked: usize) -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(useful(asked, cores()));
    pool.build_global()
        .map_err(|error| Error::input(format!("cannot start {asked} threads: {error}"), "try fewer with --threads"))
}

/// The number that `--threads` asks for, checked as the setting `run.threads` is.
///
/// # Errors
/// If it is out of range.
pub fn asked(flag: Option<i64>) -> Result<Option<usize>, Error> {
    if let Some(threads) = flag {
        Layers::new().flag("run.threads", threads, "--threads")?;
    }
    Ok(flag.and_then(|threads| usize::try_from(threads).ok()))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn useful(asked: usize, cores: usize) -> usize {
    if asked == 0 { cores } else { asked.min(cores) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_threads_than_cores_are_started() {
        assert_eq!([0, 1, 3, 4, 5, 1024].map(|asked| useful(asked, 4)), [4, 1, 3, 4, 4, 4]);
        assert_eq!(asked(Some(3)).unwrap(), Some(3));
        assert_eq!(asked(None).unwrap(), None);
        assert!(asked(Some(-1)).unwrap_err().to_string().starts_with("--threads: run.threads is -1"));
    }
}
