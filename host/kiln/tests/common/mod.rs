//! What these tests share.

use kiln::progress::{Part, Progress, Tick};
use std::sync::atomic::{AtomicBool, Ordering};

/// Sets a flag as soon as so many steps are done.
pub struct StopAt(pub u64, pub AtomicBool);

impl Progress for StopAt {
    fn part<'a>(&'a self, _: Part<'a>) -> Box<dyn Tick + 'a> {
        Box::new(Stop(self))
    }
}

struct Stop<'a>(&'a StopAt);

impl Tick for Stop<'_> {
    fn step(&self, done: u64) {
        self.0.1.fetch_or(done >= self.0.0, Ordering::Relaxed);
    }
}
