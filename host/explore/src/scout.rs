//! The first look: chains from scattered starts, whose pooled covariance gives location and widths, window by window.
//! Later, scouts from warm states of a ladder look for narrow modes.

use crate::bounds::Bound;
use crate::counted::Counted;
use crate::frame::Frame;
use crate::ladder::{Ladder, Trace};
use crate::plan::{Plan, Tally, rate};
use crate::reference::Reference;
use crate::refusal::Refusal;
use crate::start::{Started, Work, descend};
use crate::whitened::{Scratch, Whitened};
use kiln_core::random::{Purpose, Stream};
use std::sync::atomic::{AtomicBool, Ordering};

/// Windows, and at most where widths still grow: chains that a descent has left in one point have far to go.
const WINDOWS: usize = 4;
const MOST_WINDOWS: usize = 16;
/// Leapfrog steps of a trajectory.
pub const LENGTH: u32 = 8;
/// Acceptance that steps follow.
const ACCEPTANCE: f64 = 0.7;
/// How fast, in the first and the second half of a window.
const RATES: [f64; 2] = [0.8, 0.3];
/// A width that still grows by this much in the last window has no end: the energy is not one of a distribution.
const GROWTH: f64 = 10.0;
/// What widths may still grow by in a window that came after more growth than that.
const SETTLED: f64 = 2.0;
/// Streams of scouts, beside those of ladders.
const STREAMS: u64 = 2 << 40;
const WARM_STREAMS: u64 = 6 << 40;

/// What scouts found.
#[derive(Debug, Clone)]
pub struct Scouted {
    /// Location and widths.
    pub frame: Frame,
    /// The free y of every chain.
    pub places: Vec<Vec<f64>>,
    /// A step that suits whitened coordinates.
    pub step: f64,
}

/// Sends scouts; `trajectories` in every window.
///
/// # Errors
/// If widths grow without end, chains do not move, or `stop` was set.
pub fn scout(
    energy: &Counted<'_>,
    bounds: &[Bound],
    started: &Started,
    trajectories: usize,
    seed: u64,
    stop: &AtomicBool,
) -> Result<Scouted, Refusal> {
    let (dim, symmetry) = (energy.dim(), energy.symmetry());
    let mut frame = Frame::identity(symmetry, dim);
    let mut places = started.places.clone();
    let mut widths = vec![0.0; dim];
    let (mut growth, mut step) = (1.0, 0.3);
    let mut most = GROWTH;
    for window in 0..MOST_WINDOWS {
        if window >= WINDOWS {
            if growth <= most {
                break;
            }
            most = SETTLED;
        }
        let whitened = Whitened { energy, bounds, frame: frame.clone() };
        let free = frame.free();
        let chain = async |at: usize, y: &Vec<f64>| {
            let index = STREAMS + (window * places.len() + at) as u64;
            let stream = Stream::new(seed, Purpose::Exploration, index);
            let mut u = vec![0.0; free];
            frame.unplace(y, &mut u);
            let first = if window == 0 { 1e-2 * spread(&u) } else { 0.3 / (free as f64).powf(0.25) };
            wander(&whitened, u, first, trajectories, stream, stop).await
        };
        let all: Vec<Wandered> = energy.each(places.iter().collect(), chain);
        if stop.load(Ordering::Relaxed) {
            return Err(Refusal::interrupted());
        }
        let rows: Vec<f64> = all.iter().flat_map(|one| one.kept.iter().copied()).collect();
        places = all.iter().map(|one| one.last.clone()).collect();
        let moved = all.iter().filter(|one| one.moved).count();
        if window >= WINDOWS - 1 && moved * 4 < all.len() {
            let message = format!("{} of {} chains did not move from their starts", all.len() - moved, all.len());
            let hint = "is the gradient that of the energy, and the energy smooth? `kiln formula` checks both";
            return Err(Refusal::new(message, hint));
        }
        frame = Frame::of(symmetry, dim, &rows);
        let now = deviations(&rows, dim);
        growth = now.iter().zip(&widths).map(|(now, before)| now / before).fold(0.0, f64::max);
        widths = now;
        let mut steps: Vec<f64> = all.iter().map(|one| one.step).collect();
        steps.sort_by(f64::total_cmp);
        // What suited the old frame; the new one is nearer to unit width.
        step = if window == 0 { step } else { steps[steps.len() / 2] };
    }
    if growth > most {
        let message = format!(
            "the widths still grew {growth:.0}-fold in the last window: exp(-E) seems to have no finite integral"
        );
        return Err(Refusal::new(message, "add a prior or bounds, or check the sign of the energy"));
    }
    Ok(Scouted { frame, places, step })
}

/// Trajectories of a scout that sets out from a warm state, of which the second half is kept.
const SHORT_WALK: usize = 8;
/// Evaluations that one takes: its descent and its walk.
pub const SHORT_COST: f64 = 100.0;

/// Scouts from warm states u of a ladder: each descends into the mode whose slope it stands on and walks there. A narrow mode
/// shows in warm states long before the coldest rung holds its share. Gives free y and energies, Jacobians included.
pub fn scout_from_warm(
    energy: &Whitened<'_>,
    warm: &[Vec<f64>],
    step: f64,
    seed: u64,
    stop: &AtomicBool,
) -> (Vec<f64>, Vec<f64>) {
    let dim = energy.frame.dim();
    let one = async |at: usize, u: &Vec<f64>| {
        let mut stream = Stream::new(seed, Purpose::Exploration, WARM_STREAMS + at as u64);
        let mut y = vec![0.0; dim];
        energy.frame.place(u, &mut y);
        descend(energy.energy, energy.bounds, &mut y, 1.0, &mut Work::new(dim), &mut stream).await;
        let mut u = u.clone();
        energy.frame.unplace(&y, &mut u);
        let walked = wander(energy, u, step, SHORT_WALK, stream, stop).await;
        (walked.kept, walked.energies)
    };
    let all: Vec<(Vec<f64>, Vec<f64>)> = energy.energy.each(warm.iter().collect(), one);
    let (rows, energies): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    (rows.concat(), energies.concat())
}

/// A typical magnitude, not 0.
fn spread(u: &[f64]) -> f64 {
    (u.iter().map(|u| u * u).sum::<f64>() / u.len() as f64).sqrt().max(1e-3)
}

fn deviations(rows: &[f64], dim: usize) -> Vec<f64> {
    let n = (rows.len() / dim) as f64;
    (0..dim)
        .map(|k| {
            let column = || rows.iter().skip(k).step_by(dim);
            let mean = column().sum::<f64>() / n;
            (column().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt()
        })
        .collect()
}

/// What one scout brings back.
struct Wandered {
    last: Vec<f64>,
    kept: Vec<f64>,
    energies: Vec<f64>,
    step: f64,
    moved: bool,
}

async fn wander(
    energy: &Whitened<'_>,
    u: Vec<f64>,
    step: f64,
    trajectories: usize,
    stream: Stream,
    stop: &AtomicBool,
) -> Wandered {
    let reference = Reference::Gaussian { width: 1.0, dim: u.len() };
    let mut ladder = Ladder::new(energy, &reference, &[u], stream).await;
    let mut plan = Plan {
        betas: vec![1.0],
        steps: vec![step],
        lengths: [LENGTH; 2],
        cold_lengths: [LENGTH; 2],
        reference,
        blocks: Vec::new(),
        short: 0.0,
        necks: false,
        jumps: 0,
    };
    let (mut trace, mut taken) = (Trace::default(), 0.0);
    for at in 0..trajectories {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let late = 2 * at >= trajectories;
        let mut tally = Tally::new(&plan);
        ladder.round(&plan, energy, &mut tally, late.then_some(&mut trace)).await;
        let acceptance = rate(tally.accepted[0]);
        taken += acceptance;
        plan.steps[0] =
            (plan.steps[0] * (RATES[usize::from(late)] * (acceptance - ACCEPTANCE)).exp()).clamp(1e-12, 1e6);
    }
    let mut scratch = Scratch::new(energy.frame.dim());
    let mut placed = |u: &[f64]| {
        energy.frame.place(u, &mut scratch.y);
        scratch.y.clone()
    };
    let kept = trace.cold.chunks_exact(energy.frame.free()).flat_map(&mut placed).collect();
    let last = ladder.places().next().map(&mut placed).unwrap_or_default();
    let volume = energy.frame.log_volume();
    let energies = trace.energies.iter().map(|value| value + volume).collect();
    Wandered { last, kept, energies, step: plan.steps[0], moved: taken > 0.05 * trajectories as f64 }
}
