//! Progress of a figure that takes long. Most are there at once: it shows itself after a few seconds only.

use crate::progress::Progress;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long nothing is said.
const SILENT: Duration = Duration::from_secs(3);

/// What the person watches of one figure.
pub struct Watch<'a> {
    figure: &'a str,
    total: u64,
    /// After this time progress is shown; never if `None`.
    after: Option<Duration>,
    start: Instant,
    done: AtomicU64,
    shown: OnceLock<Progress>,
}

impl<'a> Watch<'a> {
    /// Of `total` parts, if `wanted`.
    pub fn new(figure: &'a str, total: usize, wanted: bool) -> Self {
        let (after, shown) = (wanted.then_some(SILENT), OnceLock::new());
        Self { figure, total: total as u64, after, start: Instant::now(), done: AtomicU64::new(0), shown }
    }

    /// One part more is done.
    pub fn tick(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.after.is_some_and(|after| self.start.elapsed() >= after) {
            let progress = self.shown.get_or_init(|| {
                let progress = Progress::new(self.figure, self.total, 0, false);
                progress.quality(self.figure);
                progress
            });
            progress.step(done);
        }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(progress) = self.shown.get() {
            progress.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_takes_long_and_is_wanted_shows() {
        let shown = |after: Option<Duration>| {
            let mut watch = Watch::new("W2", 2, true);
            watch.after = after;
            watch.tick();
            watch.shown.get().is_some()
        };
        assert!(shown(Some(Duration::ZERO)) && !shown(Some(SILENT)) && !shown(None));
        assert_eq!(Watch::new("W2", 2, false).after, None);
    }
}
