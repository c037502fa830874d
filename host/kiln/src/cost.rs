//! What a trained generator cost, beside what drawing as many samples by replica exchange costs: the line that every training from an
//! exploration ends with.
//!
//! An exploration is replica exchange, so that its own evaluations and seconds over its effective sample size, the least of
//! everything watched, are the price of one independent sample. Draws of a generator cost no evaluation, and next to no time.

use crate::error::Error;
use crate::pool::Pool;
use crate::run::Run;

/// What was spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Energy evaluations of the exploration, and its seconds.
    pub exploring: (u64, f64),
    /// Those of the training after it.
    pub training: (u64, f64),
    /// How many independent samples the exploration is worth; none where it has not converged.
    pub effective: Option<f64>,
}

impl Cost {
    /// Of a run and the exploration that it began with; none where its metrics do not say.
    ///
    /// # Errors
    /// If its metrics cannot be read.
    pub fn of(run: &Run, pool: &Pool) -> Result<Option<Self>, Error> {
        let metrics = run.metrics()?;
        let spent = metrics.all_energy_evaluations().zip(metrics.records.last().map(|record| record.seconds));
        let effective = Some(pool.effective()).filter(|ess| pool.facts.reasons.is_empty() && *ess > 0.0);
        let exploring = (pool.facts.evaluations, pool.facts.seconds);
        Ok(spent.map(|training| Self { exploring, training, effective }))
    }

    /// From how many samples on the generator is cheaper than replica exchange, by evaluations and by time.
    pub fn worthwhile(&self) -> Option<[f64; 2]> {
        let effective = self.effective?;
        let evaluations = (self.exploring.0 + self.training.0) as f64 / (self.exploring.0 as f64 / effective);
        let seconds = (self.exploring.1 + self.training.1) / (self.exploring.1 / effective);
        Some([evaluations, seconds])
    }

    /// As a sentence or two.
    pub fn told(&self) -> String {
        let (all, seconds) = (self.exploring.0 + self.training.0, self.exploring.1 + self.training.1);
        let spent = format!(
            "{} energy evaluations, {seconds:.0} s (exploring {}, {:.0} s; training {}, {:.0} s)",
            rounded(all as f64),
            rounded(self.exploring.0 as f64),
            self.exploring.1,
            rounded(self.training.0 as f64),
            self.training.1
        );
        let Some((effective, [evaluations, time])) = self.effective.zip(self.worthwhile()) else {
            return format!("{spent}. What replica exchange costs is unknown: the exploration has not converged");
        };
        format!(
            "{spent}. Replica exchange alone costs {} evaluations and {:.2} ms an independent sample: this generator, whose draws \
             cost none, is cheaper from {} samples on by evaluations, from {} by time",
            rounded(self.exploring.0 as f64 / effective),
            1e3 * self.exploring.1 / effective,
            rounded(evaluations),
            rounded(time)
        )
    }
}

/// Three digits at most.
fn rounded(number: f64) -> String {
    match number {
        n if n >= 1e5 => format!("{n:.1e}"),
        n if n >= 100.0 => {
            let unit = 10_f64.powf(n.log10().floor() - 2.0);
            format!("{:.0}", (n / unit).round() * unit)
        }
        n => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_pays_from_what_it_cost_in_replica_exchange() {
        // 500 evaluations and 2 ms a sample; 6e6 evaluations and 80 s in all.
        let cost = Cost { exploring: (5_000_000, 20.0), training: (1_000_000, 60.0), effective: Some(10_000.0) };
        assert_eq!(cost.worthwhile(), Some([12_000.0, 40_000.0]));
        assert_eq!(
            cost.told(),
            "6.0e6 energy evaluations, 80 s (exploring 5.0e6, 20 s; training 1.0e6, 60 s). Replica exchange alone costs 500 \
             evaluations and 2.00 ms an independent sample: this generator, whose draws cost none, is cheaper from 12000 samples \
             on by evaluations, from 40000 by time"
        );
    }

    #[test]
    fn what_an_exploration_that_has_not_converged_costs_is_unknown() {
        let cost = Cost { exploring: (5_000_000, 20.0), training: (0, 60.0), effective: None };
        assert!(cost.worthwhile().is_none() && cost.told().ends_with("is unknown: the exploration has not converged"));
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(
            [0.4, 48.0, 483.4, 11_547.0, 99_960.0, 5_571_445.0].map(rounded),
            ["0", "48", "483", "11500", "100000", "5.6e6"]
        );
    }
}
