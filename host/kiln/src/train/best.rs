//! Which generator of a training is kept where its settings ask for the best one.

use crate::error::Error;
use crate::run::{BEST, Run};

/// Part of the training after which the best generator may be kept: before it, modes have no weights yet.
const SELECT_FROM: f64 = 0.5;
/// How much worse than the best score so far a later generator may score and yet be kept: the spread of the scores of
/// exact samples. Within it the longer training decides, not chance.
const SPREAD: f64 = 0.02;
/// What exact samples score at most: up to there no generator is worse than another, however well chance served one.
const EXACT: f64 = 0.06;
/// Key of the best score so far.
pub(super) const STEIN: &str = "stein";

/// What to do about a damaged best generator.
const WITHOUT_BEST: &str =
    "the run's generator.safetensors may be the same: copy it there, or remove it to choose anew from here";

/// The best generator so far, where the settings ask for one.
pub(super) struct Best {
    /// Its [`kiln_metrics::selection::Stein::score`].
    pub score: f64,
    /// Its file.
    pub file: Option<Vec<u8>>,
}

impl Best {
    /// Of earlier sittings.
    pub fn of(run: &Run) -> Result<Self, Error> {
        let file = run.tensors(BEST).map_err(|error| error.with_hint(WITHOUT_BEST))?;
        let Some(file) = file else { return Ok(Self { score: f64::INFINITY, file: None }) };
        let score = file.parsed(STEIN).map_err(|error| {
            Error::input(format!("'{}' is damaged: {error}", run.file(BEST).display()), WITHOUT_BEST)
        })?;
        Ok(Self { score, file: Some(file.to_bytes()) })
    }
}

/// The best score so far where a generator that scores `stein` is kept: in the second half, within [`SPREAD`] of the best
/// or as good as [`EXACT`] samples.
pub(super) fn kept(best: f64, stein: f64, progress: f64) -> Option<f64> {
    (progress >= SELECT_FROM && stein <= EXACT.max(best + SPREAD)).then_some(best.min(stein))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_about_as_good_as_the_best_is_kept_and_the_best_does_not_drift() {
        assert_eq!(kept(f64::INFINITY, 0.3, 0.5), Some(0.3));
        assert_eq!(kept(f64::INFINITY, 0.3, 0.49), None, "modes have no weights yet");
        assert_eq!(kept(0.05, 0.04, 1.0), Some(0.04));
        assert_eq!(kept(0.05, 0.05 + 0.9 * SPREAD, 1.0), Some(0.05), "later, and as good but for chance");
        assert_eq!(kept(0.05, 0.05 + 1.1 * SPREAD, 1.0), None);
        assert_eq!(kept(0.5 * EXACT, 0.99 * EXACT, 1.0), Some(0.5 * EXACT), "later, and as good as exact samples");
        assert_eq!(kept(0.5 * EXACT, 1.01 * EXACT, 1.0), None);
        assert_eq!(kept(0.05, f64::NAN, 1.0), None);
    }
}
