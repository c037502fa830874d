//! The seam between the commands and the machinery: what a trainer has to offer.

use crate::config::Config;
use crate::error::Error;
use crate::progress::Progress;
use crate::run::Run;
use crate::target_api::Target;
use kiln_gpu::Checkpoint;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Trains.
pub trait Engine: Sync {
    /// Every target it knows, the default one first.
    fn targets(&self) -> Vec<Box<dyn Target>>;

    /// Trains as `job` says, writing metrics, checkpoints and the generator into its run directory.
    fn train(&self, job: &Job<'_>) -> Result<Outcome, Error>;
}

/// One training.
pub struct Job<'a> {
    /// What to do.
    pub config: &'a Config,
    /// The target, for the quality figures.
    pub target: &'a dyn Target,
    /// Where to write.
    pub run: &'a Run,
    /// The state to go on from; none starts anew.
    pub from: Option<&'a Checkpoint>,
    /// The wall-clock time after which training must have ended, checkpointed and usable.
    pub budget: Option<Duration>,
    /// What the person watches.
    pub progress: &'a dyn Progress,
    /// Set when the person pressed Ctrl-C: write a checkpoint and return [`Outcome::Interrupted`].
    pub stop: &'a AtomicBool,
}

/// How a training ended. The generator and a checkpoint are written in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps were done.
    Finished,
    /// The budget was spent first.
    BudgetSpent,
    /// The person stopped it.
    Interrupted,
}

/// Samples, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Coordinates per sample.
    pub dim: usize,
    /// `n * dim` coordinates.
    pub data: Vec<f32>,
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}
