//! Posterior sampling for whole batches: sixteen noised points at a time in the core's lanes, on all cores.
//!
//! Row r of batch b draws from the stream (seed, purpose, b 2²⁴ + r), whatever lane or thread it lands on.

use crate::pack::{Interruptible, LANES, Pack, PackEnergy, Points, load, store};
use kiln_core::posterior::{Params, Workspace, denoise};
use kiln_core::random::{Purpose, Randomness, Streams};
use kiln_core::score::Estimate;
use kiln_core::symmetry::{Symmetry, remove_mean};
use kiln_core::{Energy, Scalar, Vector};
use rayon::prelude::*;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

/// Rows a batch may have.
pub const MAX_ROWS: usize = 1 << 24;

/// What one row's sampler did; see [`kiln_core::posterior::Report`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowReport {
    /// Effective sample size of the particles.
    pub effective_sample_size: f32,
    /// Acceptance rate of the annealing's kernel.
    pub annealing_acceptance: f32,
    /// Acceptance rate of the chain's kernel.
    pub chain_acceptance: f32,
    /// Acceptance rate of coordinate refreshes.
    pub refresh_acceptance: f32,
    /// Proposals whose energy was not finite.
    pub divergences: f32,
    /// Mean energy of the samples that fed the estimate.
    pub energy: f32,
    /// Weight of the target's part in the estimate.
    pub lambda: f32,
    /// Energy evaluations.
    pub evaluations: u32,
}

/// Random streams that are called, not inlined: samplers draw in many places, and a draw for sixteen lanes is long against a
/// call.
struct CalledStreams(Streams<LANES>);

impl Randomness<Pack> for CalledStreams {
    #[inline(always)]
    fn uniform(&mut self) -> Pack {
        self.0.uniform()
    }

    #[inline(never)]
    fn normal_pair(&mut self) -> (Pack, Pack) {
        self.0.normal_pair()
    }

    #[inline(never)]
    fn fill_normal(&mut self, out: &mut [Pack]) {
        self.0.fill_normal(out);
    }
}

/// The index of a row's stream.
fn stream_index(batch: u64, row: usize) -> u64 {
    (batch << 24) + row as u64
}

/// Standard normal numbers (rows, dim).
///
/// # Panics
/// If there are more than [`MAX_ROWS`] rows.
pub fn normal_batch(seed: u64, purpose: Purpose, batch: u64, rows: usize, dim: usize) -> Vec<f32> {
    assert!(rows <= MAX_ROWS, "too many rows");
    let mut all = vec![0.0; rows * dim];
    if all.is_empty() {
        return all;
    }
    all.par_chunks_mut(LANES * dim).enumerate().for_each(|(block, chunk)| {
        let indices = std::array::from_fn(|lane| stream_index(batch, block * LANES + lane));
        let mut streams = Streams::<LANES>::new(seed, purpose, indices);
        let mut packs = vec![Pack::constant(0.0); dim];
        streams.fill_normal(&mut packs);
        for (lane, row) in chunk.chunks_exact_mut(dim).enumerate() {
            for (x, pack) in row.iter_mut().zip(&packs) {
                *x = pack.0[lane];
            }
        }
    });
    all
}

/// Moves every row's particles so that their mean is the origin; rows of whole configurations one after the other.
/// Noise that is added to particles must have passed through here.
///
/// # Panics
/// If `rows` does not hold whole configurations.
pub fn mean_free(symmetry: Symmetry, rows: &mut [f32]) {
    let Symmetry::Particles { count, dimensions } = symmetry else { return };
    assert_eq!(rows.len() % (count * dimensions), 0, "rows");
    rows.par_chunks_exact_mut(count * dimensions).with_min_len(64).for_each(|row| remove_mean(symmetry, row));
}

/// Estimates the denoiser at `y` (rows, dim) and noise-to-signal ratios `v` (rows) into `out` (rows, dim), one report a
/// row. The key is the seed and the number of the batch. As soon as `stop` is set no energy is evaluated any more;
/// estimates and reports are then worth nothing.
///
/// # Panics
/// If the slices do not fit the energy's dimension.
pub fn denoise_batch(
    energy: &PackEnergy,
    (seed, batch): (u64, u64),
    y: &[f32],
    v: &[f32],
    params: &Params,
    out: &mut [f32],
    stop: &AtomicBool,
) -> Vec<RowReport> {
    let dim = energy.dim();
    assert_eq!((y.len(), out.len()), (v.len() * dim, v.len() * dim), "batch");
    let mut reports = vec![RowReport::default(); v.len()];
    let energy = Interruptible { energy, stop };
    let start = || {
        let like = Points::zeros(dim);
        (Estimate::new(&like), Workspace::new(&like), like)
    };
    let each = |(estimate, workspace, point): &mut (Estimate<Points>, Workspace<Points>, Points),
                (block, (((y, v), out), reports)): Block<'_>| {
        if energy.stopped() {
            return;
        }
        let indices = std::array::from_fn(|lane| stream_index(batch, block * LANES + lane));
        let mut streams = CalledStreams(Streams::new(seed, Purpose::Posterior, indices));
        let mut ratio = [Pack::constant(0.0)];
        load(v, &mut ratio);
        load(y, point.as_mut_slice());
        let report = denoise(&mut streams, &energy, point, ratio[0], params, estimate, workspace);
        store(estimate.denoiser.as_slice(), out);
        for (lane, row) in reports.iter_mut().enumerate() {
            *row = RowReport {
                effective_sample_size: report.effective_sample_size.0[lane],
                annealing_acceptance: report.annealing_acceptance.0[lane],
                chain_acceptance: report.chain_acceptance.0[lane],
                refresh_acceptance: report.refresh_acceptance.0[lane],
                divergences: report.divergences.0[lane],
                energy: report.energy.0[lane],
                lambda: estimate.lambda.0[lane],
                evaluations: report.evaluations,
            };
        }
    };
    let beside = energy.together().div_ceil(LANES);
    if beside > 1 {
        let work = y.chunks(LANES * dim).zip(v.chunks(LANES)).zip(out.chunks_mut(LANES * dim));
        side_by_side(beside, work.zip(reports.chunks_mut(LANES)).enumerate(), start, each);
    } else {
        let work = y.par_chunks(LANES * dim).zip(v.par_chunks(LANES)).zip(out.par_chunks_mut(LANES * dim));
        work.zip(reports.par_chunks_mut(LANES)).enumerate().for_each_init(start, each);
    }
    reports
}

/// A pack's number, its points, ratios, estimates and reports.
type Block<'a> = (usize, (((&'a [f32], &'a [f32]), &'a mut [f32]), &'a mut [RowReport]));

/// Work on so many threads at once, more than there are cores: most of them wait for an energy that is called.
fn side_by_side<T: Send, W>(
    threads: usize,
    work: impl Iterator<Item = T> + Send,
    start: impl Fn() -> W + Sync,
    each: impl Fn(&mut W, T) + Sync,
) {
    let work = Mutex::new(work);
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = start();
                while let Some(one) = next() {
                    each(&mut own, one);
                }
            });
        }
    });
}

/// Energies (rows) of `x` (rows, dim), and gradients (rows, dim) into `gradient`.
///
/// # Panics
/// If the slices do not fit the energy's dimension.
pub fn energies(energy: &PackEnergy, x: &[f32], gradient: &mut [f32]) -> Vec<f32> {
    let dim = energy.dim();
    assert_eq!((x.len() % dim, gradient.len()), (0, x.len()), "batch");
    let mut energies = vec![0.0; x.len() / dim];
    let start = || (Points::zeros(dim), Points::zeros(dim));
    let each = |(point, slope): &mut (Points, Points),
                ((x, gradient), energies): ((&[f32], &mut [f32]), &mut [f32])| {
        load(x, point.as_mut_slice());
        let energy = energy.energy_and_gradient(point.as_slice(), slope.as_mut_slice());
        store(slope.as_slice(), gradient);
        store(&[energy], energies);
    };
    let beside = energy.together().div_ceil(LANES);
    if beside > 1 {
        let work = x.chunks(LANES * dim).zip(gradient.chunks_mut(LANES * dim));
        side_by_side(beside, work.zip(energies.chunks_mut(LANES)), start, each);
    } else {
        let work = x.par_chunks(LANES * dim).zip(gradient.par_chunks_mut(LANES * dim));
        work.zip(energies.par_chunks_mut(LANES)).for_each_init(start, each);
    }
    energies
}
