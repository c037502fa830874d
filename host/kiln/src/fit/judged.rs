//! What a trained run draws, and the verdict on it, kept in the run.

use super::{SAMPLE_COUNT, drawn};
use crate::cost::Cost;
use crate::error::Error;
use crate::format;
use crate::metric::{Comparison, Measured, suite};
use crate::pool::Pool;
use crate::run::{Run, SAMPLES};
use crate::samples::Samples;
use crate::target::Target;
use crate::verdict::{Against, QUALITY, Verdict, verdict};
use std::sync::atomic::AtomicBool;

/// The verdict has one draw for so many evaluations of the exploration, and so many at most.
const JUDGED_PART: u64 = 50;
const MOST_JUDGED: usize = 100_000;

/// What a run draws.
#[derive(Debug)]
pub struct Judged {
    /// The first 10,000 samples of seed 0, which the run keeps.
    pub samples: Samples,
    /// E of each.
    pub energies: Vec<f64>,
    /// The headline of their quality.
    pub headline: String,
    /// The verdict, on more draws where more was explored.
    pub verdict: Verdict,
    /// Exact samples or a reference, where there are some.
    pub comparison: Option<Comparison>,
    /// The exploration that the run began with.
    pub pool: Option<Pool>,
    /// What the generator cost, beside replica exchange; none where the run began without an exploration.
    pub cost: Option<Cost>,
}

/// Draws fresh samples into the run and judges them.
///
/// # Errors
/// If they are not finite, a file cannot be written, or `stop` was set.
pub fn judged(run: &Run, target: &Target, stop: &AtomicBool) -> Result<Judged, Error> {
    let pool = Pool::of_run(run)?;
    // Evaluations for the verdict: a small part of what was spent before, where that is known.
    let count = pool.as_ref().map_or(0, |pool| (pool.facts.evaluations / JUDGED_PART) as usize);
    let measured = Measured::differentiated(target, drawn(run, count.clamp(SAMPLE_COUNT, MOST_JUDGED), stop)?)?;
    target.check()?;
    let dim = measured.samples.dim;
    let samples = Samples { dim, data: measured.samples.data[..SAMPLE_COUNT * dim].to_vec() };
    let energies = measured.energies[..SAMPLE_COUNT].to_vec();
    format::write(&run.file(SAMPLES), &samples, target, true)?;
    let headline = suite::headline(target, &samples.data, &energies).text;
    let comparison = Comparison::of(target, measured.samples.len());
    let verdict = verdict(target, &measured, Against::best(pool.as_ref(), comparison.as_ref()));
    run.write(QUALITY, &serde_json::to_vec_pretty(&verdict).unwrap_or_default())?;
    let cost = pool.as_ref().map(|pool| Cost::of(run, pool)).transpose()?.flatten();
    Ok(Judged { samples, energies, headline, verdict, comparison, pool, cost })
}
