//! Polishing: a few MALA steps on the true energy after the one-step draw, which remove local strain but do not move
//! weight between modes.
//!
//! Every sample is a chain of its own. Its step size starts at the one that suited a pilot, adapts during the first
//! half of the steps and is frozen in the second half, whose kernel leaves the target invariant. Its equilibrium is an
//! acceptance of 0.574. Row r of seed s draws from the stream (s, polish, r), so that a polished sample does not depend
//! on how many are drawn.

use crate::error::Error;
use crate::samples::Samples;
use crate::target::Target;
use kiln_core::dynamics::{State, Workspace, langevin, step_size};
use kiln_core::random::{Purpose, Streams};
use kiln_core::symmetry::{MeanFree, remove_mean};
use kiln_core::{Energy, Mask, Scalar, Vector};
use kiln_gpu::pack::{Interruptible, LANES, Pack, PackEnergy, Points, load, store};
use kiln_metrics::number::{digits, text};
use kiln_metrics::statistic::median;
use rayon::prelude::*;
use std::sync::atomic::AtomicBool;

/// Samples behind the medians of a report.
pub const MEDIAN_ROWS: usize = 1 << 20;
/// Of polishing that nobody ends.
static NEVER: AtomicBool = AtomicBool::new(false);
/// Samples that the pilot moves.
pub const PILOT_ROWS: usize = 256;
/// Its steps, all of them adapting.
const PILOT_STEPS: usize = 100;
/// Streams of the pilot, apart from those of samples.
const PILOT_STREAMS: u64 = 1 << 40;
/// Where the pilot's step sizes start; they move by a factor of up to e±¹⁰.
const FIRST_STEP: f64 = 0.01;
/// Fast at first: few steps must do, and a sample with a contact needs a much smaller one.
const ADAPTATION: step_size::Params = step_size::Params { target_acceptance: 0.574, rate: 1.0, half_life: 10.0 };

/// What every chain does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Every random number follows from it.
    pub seed: u64,
    /// Index of the first row's stream.
    pub first: u64,
    /// MALA steps.
    pub steps: usize,
    /// How many of them adapt the step size.
    pub adapting: usize,
    /// Step size at first, in units of x².
    pub step_size: f64,
}

/// What chains did, one value a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Mean acceptance.
    pub acceptance: Vec<f32>,
    /// Step size at the end.
    pub step_size: Vec<f32>,
    /// Energy at the start.
    pub before: Vec<f32>,
    /// Energy at the end.
    pub after: Vec<f32>,
    /// Proposals whose energy was not finite.
    pub divergences: Vec<u32>,
    /// Energy evaluations a row.
    pub evaluations: u64,
}

impl Rows {
    fn append(&mut self, more: Self) {
        self.acceptance.extend(more.acceptance);
        self.step_size.extend(more.step_size);
        self.before.extend(more.before);
        self.after.extend(more.after);
        self.divergences.extend(more.divergences);
        self.evaluations = more.evaluations;
    }
}

/// What polishing did and cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PolishReport {
    /// MALA steps a sample.
    pub steps: usize,
    /// Mean acceptance over samples and steps; NaN without any.
    pub acceptance: f64,
    /// Median step size at the end, in units of x².
    pub step_size: f64,
    /// Median energy before.
    pub energy_before: f64,
    /// Median energy after.
    pub energy_after: f64,
    /// Energy evaluations, the pilot's included.
    pub energy_evaluations: u64,
    /// Proposals whose energy was not finite: rejected.
    pub divergences: u64,
    /// Samples whose energy was not finite to begin with: they stay where they are.
    pub immovable: usize,
}

impl std::fmt::Display for PolishReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "polished by {} MALA steps: acceptance {}, step size {}, median energy {}, before {}; \
             {} energy evaluations, {} divergences",
            self.steps,
            digits(self.acceptance, 2),
            text(self.step_size, |size| format!("{size:.2e}")),
            digits(self.energy_after, 2),
            digits(self.energy_before, 2),
            self.energy_evaluations,
            self.divergences
        )?;
        if self.immovable > 0 {
            write!(f, "; {} samples have no finite energy and stay where they are", self.immovable)?;
        }
        Ok(())
    }
}

/// Polishes samples in place by `steps` MALA steps each.
///
/// # Errors
/// If the target has other coordinates than the samples.
pub fn polish(target: &Target, samples: &mut Samples, steps: usize, seed: u64) -> Result<PolishReport, Error> {
    let mut polisher = Polisher::tuned(target, samples, steps, seed, &NEVER)?;
    polisher.polish(samples, 0)?;
    Ok(polisher.report())
}

/// The same, [`PILOT_ROWS`] samples at a time; `tick` is called after each part. No sample depends on it.
///
/// # Errors
/// As [`polish`].
pub fn polish_in_parts(
    target: &Target,
    samples: &mut Samples,
    steps: usize,
    seed: u64,
    tick: &dyn Fn(),
) -> Result<PolishReport, Error> {
    let mut polisher = Polisher::tuned(target, samples, steps, seed, &NEVER)?;
    let dim = samples.dim;
    for (part, rows) in samples.data.chunks_mut((PILOT_ROWS * dim).max(1)).enumerate() {
        let mut some = Samples { dim, data: rows.to_vec() };
        polisher.polish(&mut some, (part * PILOT_ROWS) as u64)?;
        rows.copy_from_slice(&some.data);
        tick();
    }
    Ok(polisher.report())
}

/// Polishing of one set of samples in several parts, in constant memory.
pub struct Polisher<'a> {
    target: &'a Target,
    stop: &'a AtomicBool,
    settings: Settings,
    so_far: PolishReport,
    rows: usize,
    acceptance: f64,
    /// What medians are taken of.
    step_size: Vec<f64>,
    before: Vec<f64>,
    after: Vec<f64>,
}

impl<'a> Polisher<'a> {
    /// Finds the step size that suits the first [`PILOT_ROWS`] samples, on a copy of them. As soon as `stop` is set chains
    /// end, and samples are then worth nothing.
    ///
    /// # Errors
    /// If the target has other coordinates than the samples.
    pub fn tuned(
        target: &'a Target,
        samples: &Samples,
        steps: usize,
        seed: u64,
        stop: &'a AtomicBool,
    ) -> Result<Self, Error> {
        let settings = Settings { seed, first: 0, steps, adapting: steps / 2, step_size: FIRST_STEP };
        let so_far = PolishReport { steps, ..PolishReport::default() };
        let [step_size, before, after] = std::array::from_fn(|_| Vec::new());
        let mut polisher = Self { target, stop, settings, so_far, rows: 0, acceptance: 0.0, step_size, before, after };
        let rows = samples.len().min(PILOT_ROWS);
        let mut pilot = samples.data[..rows * samples.dim].to_vec();
        let settings = Settings { first: PILOT_STREAMS, steps: PILOT_STEPS, adapting: PILOT_STEPS, ..settings };
        if rows > 0 && steps > 0 {
            let found = polisher.chains(samples.dim, &mut pilot, &settings)?;
            polisher.settings.step_size = median(&found.step_size.into_iter().map(f64::from).collect::<Vec<_>>());
            polisher.so_far.energy_evaluations = found.evaluations * rows as u64;
        }
        Ok(polisher)
    }

    /// Polishes samples in place, the first of which is number `first` of the whole set.
    ///
    /// # Errors
    /// If the samples have other coordinates than the target.
    pub fn polish(&mut self, samples: &mut Samples, first: u64) -> Result<(), Error> {
        let settings = Settings { first, ..self.settings };
        let rows = self.chains(samples.dim, &mut samples.data, &settings)?;
        let room = MEDIAN_ROWS.saturating_sub(self.rows);
        let keep = |kept: &mut Vec<f64>, new: &[f32]| kept.extend(new.iter().take(room).map(|x| f64::from(*x)));
        keep(&mut self.step_size, &rows.step_size);
        keep(&mut self.before, &rows.before);
        keep(&mut self.after, &rows.after);
        self.rows += rows.before.len();
        self.acceptance = rows.acceptance.iter().fold(self.acceptance, |sum, x| sum + f64::from(*x));
        self.so_far.energy_evaluations += rows.evaluations * rows.before.len() as u64;
        self.so_far.divergences += rows.divergences.iter().map(|d| u64::from(*d)).sum::<u64>();
        self.so_far.immovable += rows.before.iter().filter(|energy| !energy.is_finite()).count();
        Ok(())
    }

    fn chains(&self, dim: usize, x: &mut [f32], settings: &Settings) -> Result<Rows, Error> {
        if dim != self.target.dim() {
            let (title, coordinates) = (self.target.title(), self.target.dim());
            let message = format!("the samples have {dim} coordinates, {title} has {coordinates}");
            return Err(Error::input(message, "polish samples of the target they were drawn for"));
        }
        Ok(chains(self.target.packs(), x, settings, self.stop))
    }

    /// What was done so far. Medians are those of the first [`MEDIAN_ROWS`] samples.
    pub fn report(&self) -> PolishReport {
        PolishReport {
            acceptance: if self.settings.steps > 0 { self.acceptance / self.rows as f64 } else { f64::NAN },
            step_size: median(&self.step_size),
            energy_before: median(&self.before),
            energy_after: median(&self.after),
            ..self.so_far
        }
    }
}

/// One MALA chain a row of `x` (rows, dim), sixteen side by side, on all cores. As soon as `stop` is set they end; where
/// they are is then worth nothing.
///
/// # Panics
/// If `x` does not hold whole rows.
pub fn chains(energy: &PackEnergy, x: &mut [f32], settings: &Settings, stop: &AtomicBool) -> Rows {
    let (energy, dim) = (&Interruptible { energy, stop }, energy.dim());
    assert_eq!(x.len() % dim, 0, "whole rows");
    let blocks: Vec<Rows> = x
        .par_chunks_mut(LANES * dim)
        .enumerate()
        .map(|(block, rows)| pack_of_chains(energy, rows, settings, block * LANES))
        .collect();
    let mut all = Rows::default();
    blocks.into_iter().for_each(|block| all.append(block));
    all
}

fn pack_of_chains(energy: &Interruptible<'_>, rows: &mut [f32], settings: &Settings, at: usize) -> Rows {
    let (symmetry, dim) = (energy.symmetry(), energy.dim());
    let index = |lane| settings.first + (at + lane) as u64;
    let streams = Streams::new(settings.seed, Purpose::Polish, std::array::from_fn(index));
    let mut rng = MeanFree { rng: streams, symmetry };
    let mut position = Points::zeros(dim);
    load(rows, position.as_mut_slice());
    remove_mean(symmetry, position.as_mut_slice());
    let mut workspace = Workspace::new(&position);
    let mut state = State::new(energy, position);
    let before = state.energy;
    let mut step = step_size::init(Pack::constant(settings.step_size));
    let (mut acceptance, mut divergences) = (Pack::constant(0.0), [0_u32; LANES]);
    let mut evaluations = 1;
    for k in 0..settings.steps {
        if energy.stopped() {
            break;
        }
        if k == settings.adapting {
            step.freeze();
        }
        let params = langevin::Params { step_size: step.step_size };
        let info = langevin::step(&mut rng, &mut state, &params, energy, &mut workspace);
        step_size::step(&mut step, &ADAPTATION, info.acceptance);
        acceptance += info.acceptance;
        divergences.iter_mut().enumerate().for_each(|(lane, d)| *d += u32::from(info.divergent.lane(lane)));
        evaluations += u64::from(info.evaluations);
    }
    store(state.position.as_slice(), rows);
    let n = rows.len() / dim;
    let of = |pack: Pack| pack.0[..n].to_vec();
    Rows {
        acceptance: of(acceptance / Pack::constant(settings.steps.max(1) as f64)),
        step_size: of(step.step_size),
        before: of(before),
        after: of(state.energy),
        divergences: divergences[..n].to_vec(),
        evaluations,
    }
}

#[cfg(test)]
mod tests;
