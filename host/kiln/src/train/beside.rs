//! What goes on beside the steps: a thread that ends the one under way where the budget or the person's patience does, and shows
//! how far the updates before the first step are.

use super::clock::Clock;
use crate::progress::{Part, Progress, Tick, Weight};
use kiln_gpu::trainer::Before;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long a wish to stop may stay unseen.
const LOOK: Duration = Duration::from_millis(20);

/// What a person watches and may stop.
pub(super) struct Watched<'a> {
    pub progress: &'a dyn Progress,
    pub stop: &'a AtomicBool,
    /// The target's name, and updates before the first step.
    pub name: &'a str,
    pub updates: usize,
}

/// Looks until the other end of `ended` is gone; `halt` ends a step.
pub(super) fn look(watched: &Watched<'_>, clock: Clock, before: &Before, halt: &AtomicBool, ended: &Receiver<()>) {
    let total = watched.updates as u64;
    let mut shown: Option<Box<dyn Tick + '_>> = None;
    while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        if watched.stop.load(Ordering::Relaxed) || clock.is_over() {
            halt.store(true, Ordering::Relaxed);
        }
        if clock.is_late() {
            before.hurry();
        }
        let done = before.done();
        if done == 0 || done >= total {
            shown = None;
            continue;
        }
        let part = Part { doing: "denoiser", weight: Weight::Preparation, ..Part::new(watched.name, total) };
        shown.get_or_insert_with(|| watched.progress.part(part)).step(done);
    }
}
