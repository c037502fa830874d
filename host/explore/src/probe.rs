//! What an energy is checked for before anything is spent on it: that it answers the same twice, that its gradient is its own,
//! that its symmetry holds; and which coordinates interact.

use crate::bounds::Bound;
use crate::counted::Counted;
use crate::refusal::Refusal;
use crate::start::Started;
use crate::symmetry::apply_random;
use crate::whitened::bounded;
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::Symmetry;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Points at which the gradient is compared, half of them starts, half after a descent.
const POINTS: usize = 12;
/// Coordinates that are compared at each point, at most.
const COORDINATES: usize = 64;
/// Steps of the central difference relative to a coordinate's size; the second is half the first, and their difference
/// tells how far to believe them.
const STEP: f64 = 6e-5;
/// What a gradient may differ by, relative.
const TOLERANCE: f64 = 1e-3;
/// Streams of probes, beside those of ladders.
const STREAMS: u64 = 3 << 40;

/// What the probe found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Points at which the gradient was compared with central differences, and comparisons that told something.
    pub points: usize,
    /// Comparisons.
    pub compared: usize,
    /// The largest relative difference.
    pub worst: f64,
    /// Starts outside the domain, of all that were tried.
    pub outside: [usize; 2],
    /// Seconds of one evaluation with gradient, on one core.
    pub seconds: f64,
    /// Evaluations that the probe took.
    pub evaluations: u64,
}

/// One comparison.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    coordinate: usize,
    analytic: f64,
    numeric: f64,
    /// The relative difference where the numeric value can be believed.
    difference: Option<f64>,
}

/// Checks an energy at the starts of its chains.
///
/// # Errors
/// If it answers differently at one point, its gradient is another function's, or its symmetry does not hold.
pub fn probe(
    energy: &Counted<'_>,
    bounds: &[Bound],
    names: &[String],
    started: &Started,
    seed: u64,
) -> Result<Probe, Refusal> {
    let (dim, before) = (energy.dim(), energy.evaluations());
    let points = points(bounds, started, dim);
    let mut gradient = vec![0.0; dim];
    let begun = Instant::now();
    for x in &points {
        let (with, again) = (energy.energy_and_gradient(x, &mut gradient), energy.energy(x));
        let differ = (with - again).abs() > 1e-6 * (1.0 + with.abs());
        if differ && with.is_finite() {
            let message = format!("the energy at one point is {with} with its gradient and {again} without");
            return Err(Refusal::new(
                message,
                "an energy must be a function: no random numbers, no state, one formula",
            ));
        }
    }
    let seconds = begun.elapsed().as_secs_f64() / (2 * points.len()) as f64;
    let mut comparisons = Vec::new();
    for (at, x) in points.iter().enumerate() {
        energy.energy_and_gradient(x, &mut gradient);
        let mut stream = Stream::new(seed, Purpose::Exploration, STREAMS + at as u64);
        for coordinate in coordinates(dim, &mut stream) {
            comparisons.push(compared(energy, bounds[coordinate], x, coordinate, gradient[coordinate]));
        }
    }
    refuse_wrong(&comparisons, names)?;
    if let Symmetry::Particles { .. } = energy.symmetry() {
        check_symmetry(energy, &points, seed)?;
    }
    let told: Vec<f64> = comparisons.iter().filter_map(|one| one.difference).collect();
    Ok(Probe {
        points: points.len(),
        compared: told.len(),
        worst: told.iter().copied().fold(0.0, f64::max),
        outside: started.outside,
        seconds,
        evaluations: energy.evaluations() - before,
    })
}

/// The user's x of some starts, and of where their descents ended.
fn points(bounds: &[Bound], started: &Started, dim: usize) -> Vec<Vec<f64>> {
    let half = POINTS / 2;
    let both = started.first.iter().take(half).chain(started.places.iter().take(half));
    both.map(|y| {
        let mut x = vec![0.0; dim];
        bounded(bounds, y, &mut x);
        x
    })
    .collect()
}

/// All coordinates, or some.
fn coordinates(dim: usize, stream: &mut Stream) -> Vec<usize> {
    if dim <= COORDINATES {
        return (0..dim).collect();
    }
    (0..COORDINATES)
        .map(|_| {
            let uniform: f64 = stream.uniform();
            ((uniform * dim as f64) as usize).min(dim - 1)
        })
        .collect()
}

fn compared(energy: &Counted<'_>, bound: Bound, x: &[f64], coordinate: usize, analytic: f64) -> Comparison {
    let mut moved = x.to_vec();
    let size = x[coordinate].abs().max(0.1);
    let room = (x[coordinate] - bound.low).min(bound.high - x[coordinate]);
    let step = (STEP * size).min(0.1 * room);
    let mut largest = 0.0_f64;
    let mut central = |step: f64| {
        moved[coordinate] = x[coordinate] + step;
        let (above, up) = (energy.energy(&moved), moved[coordinate]);
        moved[coordinate] = x[coordinate] - step;
        let below = energy.energy(&moved);
        largest = largest.max(above.abs()).max(below.abs());
        (above - below) / (up - moved[coordinate])
    };
    let (coarse, fine) = (central(step), central(0.5 * step));
    // What rounding of the energies leaves, and what the step's length leaves.
    let doubt = 1e-14 * largest / step + (coarse - fine).abs();
    let scale = analytic.abs().max(fine.abs());
    let believed = fine.is_finite() && doubt < 0.1 * TOLERANCE * scale;
    let difference =
        believed.then(|| if analytic.is_finite() { (analytic - fine).abs() / scale } else { f64::INFINITY });
    Comparison { coordinate, analytic, numeric: fine, difference }
}

/// A coordinate is refused where most comparisons that tell something, and at least two, say so.
fn refuse_wrong(comparisons: &[Comparison], names: &[String]) -> Result<(), Refusal> {
    for (coordinate, name) in names.iter().enumerate() {
        let told: Vec<&Comparison> =
            comparisons.iter().filter(|one| one.coordinate == coordinate && one.difference.is_some()).collect();
        let wrong: Vec<&&Comparison> =
            told.iter().filter(|one| one.difference.is_some_and(|difference| difference > TOLERANCE)).collect();
        let Some(Comparison { analytic, numeric, .. }) = wrong.first() else { continue };
        if wrong.len() >= 2 && 2 * wrong.len() > told.len() {
            let ratio = analytic / numeric;
            let guess = match ratio {
                r if (r + 1.0).abs() < 0.01 => "; its sign is wrong".into(),
                r if r.is_finite() => format!("; it is {ratio:.3} times what it should be"),
                _ => String::new(),
            };
            let message = format!(
                "the gradient of coordinate {name} is {analytic:.6}, but the energy changes by {numeric:.6}{guess} (at {} of {} points)",
                wrong.len(),
                told.len()
            );
            return Err(Refusal::new(message, "give the gradient of the energy itself"));
        }
    }
    Ok(())
}

fn check_symmetry(energy: &Counted<'_>, points: &[Vec<f64>], seed: u64) -> Result<(), Refusal> {
    for (at, x) in points.iter().enumerate() {
        let mut turned: Vec<f32> = x.iter().map(|x| *x as f32).collect();
        let rounded: Vec<f64> = turned.iter().map(|x| f64::from(*x)).collect();
        let mut stream = Stream::new(seed, Purpose::Exploration, STREAMS + (1 << 20) + at as u64);
        apply_random(energy.symmetry(), &mut turned, &mut stream);
        let turned: Vec<f64> = turned.iter().map(|x| f64::from(*x)).collect();
        let [there, here] = [energy.energy(&turned), energy.energy(&rounded)];
        // Coordinates were rounded to f32 on the way.
        if here.is_finite() && here.abs() < 1e6 && (there - here).abs() > 1e-3 * (1.0 + here.abs()) {
            let message = format!(
                "the energy is said to be the same for particles that are turned, mirrored and renumbered, but it changes from {here:.6} to {there:.6}"
            );
            return Err(Refusal::new(message, "leave the symmetry out, or check the sums over particles"));
        }
    }
    Ok(())
}

/// Coordinates that fall apart into blocks: i and j are of one block where a step of j changes the gradient of i, at any of
/// these points, or a third coordinate links them.
pub fn blocks(energy: &Counted<'_>, bounds: &[Bound], points: &[Vec<f64>], widths: &[f64]) -> Vec<Vec<usize>> {
    let dim = energy.dim();
    let mut block: Vec<usize> = (0..dim).collect();
    let (mut here, mut there, mut x) = (vec![0.0; dim], vec![0.0; dim], vec![0.0; dim]);
    for y in points {
        bounded(bounds, y, &mut x);
        if !energy.energy_and_gradient(&x, &mut here).is_finite() {
            continue;
        }
        for j in 0..dim {
            let mut y = y.clone();
            y[j] += 0.3 * widths[j];
            let before = x[j];
            x[j] = bounds[j].map(y[j]).x;
            energy.energy_and_gradient(&x, &mut there);
            x[j] = before;
            for i in (0..dim).filter(|i| *i != j) {
                let scale = here[i].abs() + there[i].abs();
                if there[i].is_nan() || (there[i] - here[i]).abs() > 1e-9 * scale {
                    let (a, b) = (block[i], block[j]);
                    block.iter_mut().filter(|block| **block == a).for_each(|block| *block = b);
                }
            }
        }
    }
    let mut all: Vec<Vec<usize>> = Vec::new();
    for i in 0..dim {
        match all.iter_mut().find(|members| block[members[0]] == block[i]) {
            Some(members) => members.push(i),
            None => all.push(vec![i]),
        }
    }
    all
}
