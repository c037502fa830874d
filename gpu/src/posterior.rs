//! Posterior sampling for whole batches: sixteen noised points at a time in the core's lanes, on all cores.
//!
//! Row r of batch b draws from the stream (seed, purpose, b 2²⁴ + r), whatever lane or thread it lands on.

use kiln_core::posterior::{Params, denoise};
use kiln_core::random::{Purpose, Randomness, Streams};
use kiln_core::symmetry::{Symmetry, remove_mean};
use kiln_core::{Energy, Lanes, Scalar};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Lanes that are computed side by side.
pub const LANES: usize = 16;
/// What the samplers compute with.
pub type Pack = Lanes<LANES>;
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

/// What training asks of a target.
pub trait Target: Send + Sync {
    /// Coordinates of a sample.
    fn dim(&self) -> usize;

    /// What leaves the energy unchanged: with particles, noise and samples have their mean at the origin.
    fn symmetry(&self) -> Symmetry {
        Symmetry::None
    }

    /// Estimates the denoiser at `y` (rows, dim) and noise-to-signal ratios `v` (rows) into `out` (rows, dim), one
    /// report a row. `key` is the seed and the number of the batch. As soon as `stop` is set no energy is evaluated any
    /// more; estimates and reports are then worth nothing.
    ///
    /// # Panics
    /// If the slices do not fit.
    fn denoise(
        &self,
        key: (u64, u64),
        y: &[f32],
        v: &[f32],
        params: &Params,
        out: &mut [f32],
        stop: &AtomicBool,
    ) -> Vec<RowReport>;

    /// Energies (rows) of `x` (rows, dim), and gradients (rows, dim) into `gradient`.
    ///
    /// # Panics
    /// If the slices do not fit.
    fn energies(&self, x: &[f32], gradient: &mut [f32]) -> Vec<f32>;
}

/// Any energy of the core as a [`Target`].
#[derive(Clone, Copy, Debug)]
pub struct EnergyTarget<E, const N: usize>(pub E);

/// An energy that is called, not inlined: the samplers evaluate it in many places, and an evaluation of sixteen lanes
/// is long against a call. Once `stop` is set it is infinite everywhere without being evaluated, so that whoever moves on
/// it comes to an end at once.
#[derive(Debug)]
pub struct Interruptible<'a, E> {
    /// The energy.
    pub energy: &'a E,
    /// When to stop.
    pub stop: &'a AtomicBool,
}

// Not derived: the energy itself need not be `Copy`.
impl<E> Clone for Interruptible<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Interruptible<'_, E> {}

impl<E: Energy<Pack, N>, const N: usize> Energy<Pack, N> for Interruptible<'_, E> {
    #[inline(never)]
    fn energy_and_gradient(&self, x: &[Pack; N], gradient: &mut [Pack; N]) -> Pack {
        if self.stop.load(Ordering::Relaxed) {
            gradient.fill(Pack::constant(0.0));
            return Pack::constant(f64::INFINITY);
        }
        self.energy.energy_and_gradient(x, gradient)
    }

    #[inline(never)]
    fn energy(&self, x: &[Pack; N]) -> Pack {
        if self.stop.load(Ordering::Relaxed) { Pack::constant(f64::INFINITY) } else { self.energy.energy(x) }
    }

    fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Random streams that are called, not inlined, for the same reason.
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

/// Up to [`LANES`] rows of a batch as a pack; missing rows repeat the last.
///
/// # Panics
/// If there is no row.
pub fn load<const N: usize>(rows: &[f32]) -> [Pack; N] {
    let last = rows.len() / N - 1;
    std::array::from_fn(|i| Pack::from_lanes(|lane| rows[lane.min(last) * N + i]))
}

/// The inverse of [`load`]: as many lanes as `rows` has room for.
pub fn store<const N: usize>(pack: &[Pack; N], rows: &mut [f32]) {
    for (lane, row) in rows.chunks_exact_mut(N).enumerate() {
        for (x, pack) in row.iter_mut().zip(pack) {
            *x = pack.0[lane];
        }
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
    normal_rows(seed, purpose, batch, 0..rows, dim)
}

/// These rows of a batch of standard normal numbers: the same whichever others are asked for.
///
/// # Panics
/// If the rows end after [`MAX_ROWS`].
pub fn normal_rows(seed: u64, purpose: Purpose, batch: u64, rows: Range<usize>, dim: usize) -> Vec<f32> {
    assert!(rows.end <= MAX_ROWS, "too many rows");
    let mut all = vec![0.0; rows.len() * dim];
    if all.is_empty() {
        return all;
    }
    all.par_chunks_mut(LANES * dim).enumerate().for_each(|(block, chunk)| {
        let indices = std::array::from_fn(|lane| stream_index(batch, rows.start + block * LANES + lane));
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

impl<E: Energy<Pack, N> + Send + Sync, const N: usize> Target for EnergyTarget<E, N> {
    fn dim(&self) -> usize {
        N
    }

    fn symmetry(&self) -> Symmetry {
        self.0.symmetry()
    }

    fn denoise(
        &self,
        (seed, batch): (u64, u64),
        y: &[f32],
        v: &[f32],
        params: &Params,
        out: &mut [f32],
        stop: &AtomicBool,
    ) -> Vec<RowReport> {
        assert_eq!((y.len(), out.len()), (v.len() * N, v.len() * N), "batch");
        let mut reports = vec![RowReport::default(); v.len()];
        let energy = Interruptible { energy: &self.0, stop };
        let work = y.par_chunks(LANES * N).zip(v.par_chunks(LANES)).zip(out.par_chunks_mut(LANES * N));
        work.zip(reports.par_chunks_mut(LANES)).enumerate().for_each(|(block, (((y, v), out), reports))| {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let indices = std::array::from_fn(|lane| stream_index(batch, block * LANES + lane));
            let mut streams = CalledStreams(Streams::new(seed, Purpose::Posterior, indices));
            let [v] = load::<1>(v);
            let (estimate, report) = denoise(&mut streams, &energy, &load(y), v, params);
            store(&estimate.denoiser, out);
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
        });
        reports
    }

    fn energies(&self, x: &[f32], gradient: &mut [f32]) -> Vec<f32> {
        assert_eq!((x.len() % N, gradient.len()), (0, x.len()), "batch");
        let mut energies = vec![0.0; x.len() / N];
        let work = x.par_chunks(LANES * N).zip(gradient.par_chunks_mut(LANES * N));
        work.zip(energies.par_chunks_mut(LANES)).for_each(|((x, gradient), energies)| {
            let mut pack = [Pack::constant(0.0); N];
            let energy = self.0.energy_and_gradient(&load(x), &mut pack);
            store(&pack, gradient);
            store(&[energy], energies);
        });
        energies
    }
}
