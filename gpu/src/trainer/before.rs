//! What comes before the first step, the updates of a learned target's denoiser, as other threads see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far it is, and whether there is time for more.
#[derive(Debug, Default)]
pub struct Before {
    done: AtomicU64,
    hurry: AtomicBool,
}

impl Before {
    /// Updates that are done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Makes the training go on to the first step with what was learned until then.
    pub fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }

    pub(super) fn tell(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    pub(super) fn is_late(&self) -> bool {
        self.hurry.load(Ordering::Relaxed)
    }
}
