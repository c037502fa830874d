//! Reference samples: the truth that samplers are judged by, with the evidence that it is one.
//!
//! Where a target has an exact sampler, references come from it. Elsewhere they come from an exploration ([`kiln_explore`])
//! that goes on until the effective sample size of all that is watched is [`OVER`] times that of the frames wanted, or its
//! evaluations are spent. Of the states of its independent ladders frames are taken at equal distances, as far apart as there are
//! enough of them, so that they hardly know each other; each is turned and relabelled at random where the energy does not mind,
//! and all stand in random order, so that any two halves are nearly independent sets. The [`Manifest`] holds what was done, what
//! came out, and how many independent frames these are worth.

mod draw;
pub mod judge;
mod manifest;

pub use manifest::{Explored, Manifest, Method, Observable, Virial};

use crate::error::Error;
use crate::files::hash;
use crate::format::npy;
use crate::memory;
use crate::progress::Progress;
use crate::samples::Samples;
use crate::target::{Embedded, Target};
use crate::targets;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    /// Multiplies the effective sample size that is looked for, and evaluations of which nothing is said; 1 gives nearly
    /// independent frames.
    pub effort: f64,
    /// Energy evaluations of an exploration at most; where nothing is said, [`Order::evaluations`].
    pub evaluations: Option<u64>,
    /// Whether to use the target's exact sampler where it has one.
    pub exact: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { n: 10_000, seed: 0, effort: 1.0, evaluations: None, exact: true }
    }
}

/// The effective sample size that is looked for at effort 1, in frames.
pub const OVER: f64 = 2.0;
/// Evaluations a frame at effort 1, and the fewest of a reference.
const EVALUATIONS: (f64, f64) = (4000.0, 2e7);
/// The most evaluations.
const MOST_EVALUATIONS: f64 = 1e12;
/// Exact samples that are judged at least.
const LEAST_JUDGED: usize = 1000;

impl Order {
    /// Energy evaluations at most.
    pub fn evaluations(&self) -> u64 {
        let (each, least) = EVALUATIONS;
        let usual = self.effort * (each * self.n as f64).max(least);
        self.evaluations.unwrap_or(usual.min(MOST_EVALUATIONS) as u64)
    }
}

/// Frames with what is to be judged: states of chains of equal length, one after another.
struct Drawn {
    /// The frames of the file, in their order.
    data: Vec<f32>,
    /// States (chains, length, dim).
    rows: Vec<f64>,
    /// The cell of each; empty where there is one only.
    cells: Vec<usize>,
    /// States of a chain.
    length: usize,
    method: Method,
    evaluations: u64,
}

/// Makes a reference; an exploration is a part of `progress`, in evaluations. It is not judged: see [`Manifest::verdict`].
///
/// # Errors
/// If `stop` was set before it was done, the exploration is refused, or it leaves fewer states than frames are wanted.
pub fn generate(
    target: &Target,
    order: &Order,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Reference, Error> {
    let start = Instant::now();
    let dim = target.dim();
    check_memory(target, order)?;
    go_on(stop)?;
    let exact = if order.exact { exact(target, order) } else { None };
    go_on(stop)?;
    let Drawn { data, rows, cells, length, method, evaluations } = match exact {
        Some(drawn) => drawn,
        None => draw::explored(target, order, progress, stop)?,
    };
    let judged = rows.len() / dim;
    let traces = judge::observe(target, &rows, &cells, length);
    go_on(stop)?;
    let (observables, virial) = (traces.observables(), traces.virial());
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
        frames_judged: judged,
        independent: Manifest::worth(&method, samples.len(), judged, &observables),
        method,
        observables,
        virial,
        virial_not_checked: traces.not_checked().map(String::from),
        energy_evaluations: evaluations + judged as u64,
        divergences: None,
        seconds: start.elapsed().as_secs_f64(),
        converged: true,
    };
    go_on(stop)?;
    let converged = manifest.verdict().is_ok();
    Ok(Reference { samples, manifest: Manifest { converged, ..manifest } })
}

/// Exact samples, judged as four chains; none without a sampler.
fn exact(target: &Target, order: &Order) -> Option<Drawn> {
    let length = order.n.max(LEAST_JUDGED) / 4;
    let mut data = target.exact_samples(order.seed, order.n.max(LEAST_JUDGED))?;
    let rows = data[..4 * length * target.dim()].iter().map(|x| f64::from(*x)).collect();
    data.truncate(order.n * target.dim());
    Some(Drawn { data, rows, cells: Vec::new(), length, method: Method::Exact, evaluations: 0 })
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
const JUDGING: usize = 200;
/// Bytes a coordinate while frames are judged: the state, where it is without bounds, the gradient, a copy to look at.
const OF_COORDINATE: usize = 32;

/// Refuses a reference that needs more memory than there is: its frames are held as they are drawn, as they are judged, and
/// once more as a file; an exploration has states beside them.
///
/// # Errors
/// If it does.
pub fn check_memory(target: &Target, order: &Order) -> Result<(), Error> {
    let (n, dim) = (order.n.max(LEAST_JUDGED), target.dim());
    let mut bytes = (n as u64).saturating_mul((OF_COORDINATE * dim + JUDGING + 2 * 4 * dim) as u64);
    let mut hint = "lower -n";
    if !(order.exact && target.is_exact()) {
        let free = target.symmetry().free_coordinates(dim);
        bytes = bytes.saturating_add(draw::settings(target, order).bytes(free));
        hint = "lower -n, --effort or --evaluations";
    }
    memory::check(bytes, &format!("a reference of {} frames", order.n), hint)
}

#[cfg(test)]
mod tests;
