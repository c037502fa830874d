//! When training gives up: batch after batch teaches nothing. It watches a training and the fine-tuning of a student.

use crate::error::Error;
use crate::target::Target;
use kiln_gpu::trainer::StepReport;

/// Batches in a row with more than half of their samples lost, after which training gives up.
const LOST_BATCHES: u64 = 50;

/// Counts lost batches in a row.
#[derive(Debug, Clone)]
pub struct Guard {
    batch: usize,
    most: u64,
    lost: u64,
}

impl Guard {
    /// Of a training of so many steps, whose last batches, so many, were lost: a short one is given up where all of it was.
    pub fn new(steps: u64, batch: usize, lost: u64) -> Self {
        Self { batch, most: LOST_BATCHES.min(steps).max(1), lost }
    }

    /// Batches lost in a row up to now.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Counts one batch.
    ///
    /// # Errors
    /// If it is time to give up; `hint` says what to do about it.
    pub fn see(&mut self, report: &StepReport, target: &Target, hint: &str) -> Result<(), Error> {
        self.lost = if report.skipped || 2 * report.dropped > self.batch { self.lost + 1 } else { 0 };
        if self.lost < self.most {
            return Ok(());
        }
        let steps = if self.most == 1 { "step".into() } else { format!("{} steps", self.most) };
        Err(Error::numerics(
            format!("the energy of {} is not finite for most samples of the last {steps}", target.title()),
            hint,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::builtin;

    /// The step at which training gives up, of `steps` with these batches: (samples dropped, update skipped).
    fn given_up(steps: u64, batches: impl Iterator<Item = (usize, bool)>) -> Option<usize> {
        let target = builtin().remove(0);
        let mut guard = Guard::new(steps, 8, 0);
        let mut see = |(dropped, skipped)| {
            guard.see(&StepReport { dropped, skipped, ..StepReport::default() }, &target, "mend it")
        };
        batches.map(&mut see).position(|seen| seen.is_err())
    }

    #[test]
    fn only_lost_batches_in_a_row_end_a_training() {
        let lost = |batch| std::iter::repeat_n(batch, 200);
        assert_eq!(given_up(1000, lost((5, false))), Some(49));
        assert_eq!(given_up(1000, lost((0, true))), Some(49), "skipped updates count");
        assert_eq!(given_up(1000, lost((4, false))), None, "half a batch is enough");
        let now_and_then = (0..200).map(|step| if step % 50 == 49 { (0, false) } else { (8, true) });
        assert_eq!(given_up(1000, now_and_then), None);
    }

    #[test]
    fn short_trainings_end_where_all_was_lost() {
        assert_eq!(given_up(3, std::iter::repeat_n((8, false), 3)), Some(2));
        assert_eq!(given_up(3, [(8, false), (0, false), (8, false)].into_iter()), None);
        let target = builtin().remove(0);
        let report = StepReport { skipped: true, ..StepReport::default() };
        let error = Guard::new(1, 8, 0).see(&report, &target, "mend it").unwrap_err();
        assert_eq!(error.to_string(), "the energy of MoG-40 is not finite for most samples of the last step");
        assert_eq!((error.hint(), error.exit_code()), ("mend it", 3));
    }
}
