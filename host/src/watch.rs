//! Progress of a figure that takes long. Most are there at once: it shows itself after a few seconds only.

use crate::progress::Bar;
use kiln::progress::Tick;
use std::sync::OnceLock;
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
    shown: OnceLock<Bar>,
}

impl<'a> Watch<'a> {
    /// Of `total` parts, if `wanted`.
    pub fn new(figure: &'a str, total: u64, wanted: bool) -> Self {
        Self { figure, total, after: wanted.then_some(SILENT), start: Instant::now(), shown: OnceLock::new() }
    }
}

impl Tick for Watch<'_> {
    fn step(&self, done: u64) {
        if self.after.is_some_and(|after| self.start.elapsed() >= after) {
            let bar = self.shown.get_or_init(|| {
                let bar = Bar::new(self.figure, self.total, 0, false);
                bar.quality(self.figure);
                bar
            });
            bar.step(done);
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
            watch.step(1);
            watch.shown.get().is_some()
        };
        assert!(shown(Some(Duration::ZERO)) && !shown(Some(SILENT)) && !shown(None));
        assert_eq!(Watch::new("W2", 2, false).after, None);
    }
}
