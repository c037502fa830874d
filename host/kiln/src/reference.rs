//! Reference samples: the truth that samplers are judged by, with the evidence that it is one.
//!
//! Where a target has an exact sampler, references come from it. Elsewhere they come from replica exchange on the true
//! energy ([`tempering`]): many independent ladders from scattered starts, step sizes adapted and then frozen, frames so
//! far apart that they are nearly independent, each turned and relabelled at random where the energy does not mind, all
//! in random order, so that any two halves are independent sets. The [`Manifest`] holds what was done and what came out.

pub mod judge;
mod manifest;
pub mod tempering;

pub use manifest::{Manifest, Method, Observable, Virial};

use crate::error::Error;
use crate::files::hash;
use crate::format::npy;
use crate::memory;
use crate::progress::{Counted, Part, Progress, Weight};
use crate::samples::Samples;
use crate::target::{Embedded, Target};
use crate::targets;
use kiln_core::random::{Purpose, Stream};
use kiln_gpu::pack::LANES;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tempering::{Counts, Exchange, Ladders};

/// Samples with their manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The frames, in random order.
    pub samples: Samples,
    /// Where they come from and how good they are.
    pub manifest: Manifest,
}

/// What reference is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Frames.
    pub n: usize,
    /// Every random number follows from it.
    pub seed: u64,
    /// Multiplies burn-in and the distance between frames; 1 gives nearly independent frames.
    pub effort: f64,
    /// Independent ladders, a multiple of 16.
    pub ladders: usize,
    /// Whether to use the target's exact sampler where it has one.
    pub exact: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { n: 10_000, seed: 0, effort: 1.0, ladders: 4 * LANES, exact: true }
    }
}

/// The hottest temperature of a ladder.
const HOTTEST: f64 = 3.0;
/// Leapfrog steps of a trajectory, and trajectories between exchanges.
const TRAJECTORY: (u32, u32) = (8, 2);
/// Rounds of burn-in at effort 1, in which step sizes adapt.
const WARMUP: f64 = 1000.0;
/// Rounds of the first pilot at effort 1, which measures how long chains remember.
const PILOT: f64 = 500.0;
/// A pilot must be this many times as long as what it measures, or it is doubled, at most [`DOUBLINGS`] times.
const PILOT_TIMES: f64 = 50.0;
const DOUBLINGS: u32 = 6;
/// Rounds between frames in units of the integrated autocorrelation time, at effort 1: neighbours of an exponential
/// memory then correlate by e⁻¹⁰.
const THINNING: f64 = 5.0;
/// Frames' distances that are discarded before the first frame.
const SETTLE: usize = 10;
/// Frames a ladder has at least, so that diagnostics mean something; surplus ones are left out at random.
const LEAST_FRAMES: usize = 100;
/// Exact samples that are judged at least.
const LEAST_JUDGED: usize = 1000;
/// The part of the work that frames come from.
pub const FRAMES: &str = "frames";
/// Streams of frames' symmetries and of their order; see [`tempering::LADDER_STREAMS`].
const SYMMETRY_STREAMS: u64 = 2 << 40;
const ORDER_STREAM: u64 = 3 << 40;

/// Makes a reference; burn-in, pilots and frames are parts of `progress`. It is not judged: see [`Manifest::verdict`].
///
/// # Errors
/// If `stop` was set before it was done, or chains do not move.
pub fn generate(
    target: &Target,
    order: &Order,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Reference, Error> {
    let start = Instant::now();
    let dim = target.dim();
    let judged = order.n.max(LEAST_JUDGED);
    check_memory(target, order)?;
    let exact = if order.exact { target.exact_samples(order.seed, judged) } else { None };
    go_on(stop)?;
    // Exact samples are judged as four chains.
    let (frames, length, method, counts) = match exact {
        Some(frames) => (frames, judged / 4, Method::Exact, Counts::default()),
        None => exchange(target, order, progress, stop)?,
    };
    let chains = frames.len() / (dim * length);
    let traces = judge::observe(target, &frames[..chains * length * dim]);
    go_on(stop)?;
    let data = match method {
        Method::Exact => frames[..order.n * dim].to_vec(),
        Method::ReplicaExchange { .. } => shuffled(&frames, dim, order),
    };
    let samples = Samples { dim, data };
    let mut bytes = Vec::new();
    npy::write(&samples, &mut bytes)
        .map_err(|error| Error::numerics(format!("cannot encode: {error}"), "report it"))?;
    let manifest = Manifest {
        kiln: env!("CARGO_PKG_VERSION").into(),
        command: String::new(),
        target: target.name().into(),
        title: target.title().into(),
        convention: target.convention().into(),
        seed: order.seed,
        n: samples.len(),
        dim,
        sha256: hash(&bytes),
        method,
        frames_judged: chains * length,
        observables: traces.observables(length),
        virial: traces.virial(length),
        energy_evaluations: counts.evaluations + (chains * length) as u64,
        divergences: counts.divergences,
        seconds: start.elapsed().as_secs_f64(),
        converged: true,
    };
    go_on(stop)?;
    let converged = manifest.verdict().is_ok();
    Ok(Reference { samples, manifest: Manifest { converged, ..manifest } })
}

fn go_on(stop: &AtomicBool) -> Result<(), Error> {
    match stop.load(Ordering::Relaxed) {
        false => Ok(()),
        true => Err(Error::interrupted("interrupted", "nothing was written; references cannot be taken up again")),
    }
}

/// The reference that comes with Kiln for a target; none without feature `embedded`. `references/README.md` says how each
/// was made.
pub fn shipped(target_name: &str) -> Option<Reference> {
    let Embedded { npy, manifest } = targets::find(target_name)?.reference()?;
    Some(Reference { samples: npy::read(npy).ok()?, manifest: serde_json::from_slice(manifest).ok()? })
}

/// Bytes that judging a frame takes beside its coordinates.
const JUDGING: usize = 152;

/// Refuses a reference that needs more memory than there is: its frames are held twice, and once more as a file.
///
/// # Errors
/// If it does.
pub fn check_memory(target: &Target, order: &Order) -> Result<(), Error> {
    let (n, frame) = (order.n.max(LEAST_JUDGED), 4 * target.dim());
    let frames = (order.n.div_ceil(order.ladders).max(LEAST_FRAMES) * order.ladders).max(n);
    let bytes = frames * (frame + JUDGING) + 2 * order.n * frame;
    memory::check(bytes as u64, &format!("a reference of {} frames", order.n), "lower -n")?;
    // Exact samplers need no pilot.
    if order.exact && target.is_exact() {
        return Ok(());
    }
    check_pilot(target, order, (PILOT * order.effort).ceil() as usize)
}

/// Refuses a pilot of so many rounds that needs more memory than there is.
fn check_pilot(target: &Target, order: &Order, rounds: usize) -> Result<(), Error> {
    let bytes = rounds * order.ladders * (4 * target.dim() + JUDGING);
    let what = format!("a pilot of {rounds} rounds on {} ladders", order.ladders);
    memory::check(bytes as u64, &what, "lower --ladders or --effort")
}

type Made = (Vec<f32>, usize, Method, Counts);

/// Frames by replica exchange, ladder by ladder, the number a ladder has, and what it took.
fn exchange(target: &Target, order: &Order, progress: &dyn Progress, stop: &AtomicBool) -> Result<Made, Error> {
    let free = target.symmetry().free_coordinates(target.dim());
    let (leapfrog_steps, trajectories) = TRAJECTORY;
    let settings = Exchange {
        seed: order.seed,
        ladders: order.ladders,
        temperatures: Exchange::temperatures(HOTTEST, free),
        leapfrog_steps,
        trajectories,
    };
    let packs = order.ladders.div_ceil(LANES) as u64;
    let go_on = || go_on(stop);
    let watched = |label: &str, rounds: usize, work: &mut dyn FnMut(&(dyn Fn() + Sync))| {
        // The last part is the longest.
        let weight = if label == FRAMES { Weight::Main } else { Weight::Preparation };
        let part = Part { doing: label, weight, ..Part::new(target.name(), packs * rounds as u64) };
        let counted = Counted::new(progress, part);
        work(&|| counted.tick());
    };

    let mut walk = Ladders::start(target.packs(), &settings, stop);
    let warmup = (WARMUP * order.effort).ceil() as usize;
    watched("burn-in", warmup, &mut |tick| walk.adapt(warmup, tick));
    go_on()?;
    let step_sizes = walk.freeze();
    let mut counts = walk.counts();

    let (mut pilot, mut discarded) = ((PILOT * order.effort).ceil() as usize, warmup);
    let mut doublings = 0;
    let memory = loop {
        check_pilot(target, order, pilot)?;
        let mut frames = Vec::new();
        watched("pilot", pilot, &mut |tick| frames = walk.record(pilot, 1, tick));
        go_on()?;
        discarded += pilot;
        let memory = judge::observe(target, &frames).memory(pilot);
        doublings += 1;
        if memory * PILOT_TIMES <= pilot as f64 || doublings > DOUBLINGS {
            break memory;
        }
        pilot *= 2;
    };
    counts.add(&walk.counts());
    if !memory.is_finite() {
        let message = format!("chains of {} do not move, so that nobody knows how long they remember", target.title());
        return Err(Error::numerics(message, "nothing was written; look at the energy, and try another --seed"));
    }

    let thinning = (THINNING * order.effort * memory).ceil().max(1.0) as usize;
    let length = order.n.div_ceil(order.ladders).max(LEAST_FRAMES);
    let mut frames = Vec::new();
    watched(FRAMES, (SETTLE + length) * thinning, &mut |tick| {
        walk.adapt(SETTLE * thinning, tick);
        frames = walk.record(length, thinning, tick);
    });
    go_on()?;
    discarded += SETTLE * thinning;
    let production = walk.counts();
    counts.add(&production);
    // Burn-in begins with step sizes that suit nobody: its divergences say nothing of the frames.
    counts.divergences = production.divergences;

    let dim = target.dim();
    frames.par_chunks_exact_mut(dim).enumerate().for_each(|(frame, x)| {
        let mut stream = Stream::new(order.seed, Purpose::Reference, SYMMETRY_STREAMS + frame as u64);
        kiln_explore::symmetry::apply_random(target.symmetry(), x, &mut stream);
    });
    let rate = |sum: &f64, n: u64| sum / n.max(1) as f64;
    let exchanges = production.exchanged.iter().zip(&production.attempts);
    let method = Method::ReplicaExchange {
        kernel: "Hamiltonian Monte Carlo".into(),
        precision: "f32".into(),
        ladders: order.ladders,
        frames_per_ladder: length,
        rounds_between_frames: thinning,
        rounds_discarded: discarded,
        autocorrelation_rounds: memory,
        leapfrog_steps,
        trajectories_per_round: trajectories,
        temperatures: settings.temperatures,
        step_sizes,
        acceptance: production.accepted.iter().map(|sum| rate(sum, production.trajectories)).collect(),
        exchange_rates: exchanges.map(|(sum, n)| rate(sum, *n)).collect(),
    };
    Ok((frames, length, method, counts))
}

/// The first n of the frames in random order (Fisher, Yates).
fn shuffled(frames: &[f32], dim: usize, order: &Order) -> Vec<f32> {
    let mut stream = Stream::new(order.seed, Purpose::Reference, ORDER_STREAM);
    let mut rows: Vec<usize> = (0..frames.len() / dim).collect();
    kiln_explore::symmetry::shuffle(&mut rows, &mut stream);
    rows.iter().take(order.n).flat_map(|row| &frames[row * dim..][..dim]).copied().collect()
}

#[cfg(test)]
mod tests;
