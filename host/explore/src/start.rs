//! Where chains begin: scattered over many widths, or where the person says; each then descends a little, so that no chain
//! starts on a cliff.

use crate::bounds::Bound;
use crate::counted::Counted;
use crate::refusal::Refusal;
use crate::whitened::{bounded, freed};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::{Symmetry, remove_mean};

/// Where to begin.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// Normal about the origin, widths log-uniform over two decades.
    Scattered,
    /// At these points (n, dim) of the user's coordinates, over and over.
    At(Vec<f64>),
}

/// The decades of widths.
const WIDTHS: [f64; 2] = [0.3, 30.0];
/// Times that a start is drawn anew where its energy is no number.
const TRIES: usize = 20;
/// Steps of the descent, and of that of particles, which begin within each other.
const DESCENT: [usize; 2] = [30, 200];
/// Streams of starts, beside those of ladders.
const STREAMS: u64 = 1 << 40;

/// A start, and where its descent ended.
type FirstAndPlace = (Vec<f64>, Vec<f64>);

/// Starts in the domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The free y of every chain.
    pub places: Vec<Vec<f64>>,
    /// Where they began, before the descent.
    pub first: Vec<Vec<f64>>,
    /// Points that were tried, and how many of them lay outside the domain.
    pub outside: [usize; 2],
}

/// Begins so many chains.
///
/// # Errors
/// If no point with a finite energy was found.
pub fn begin(
    energy: &Counted<'_>,
    bounds: &[Bound],
    start: &Start,
    chains: usize,
    seed: u64,
) -> Result<Started, Refusal> {
    let (dim, symmetry) = (energy.dim(), energy.symmetry());
    let one = async |chain: usize, ()| {
        let mut stream = Stream::new(seed, Purpose::Exploration, STREAMS + chain as u64);
        let (mut tried, mut y) = (0, vec![0.0; dim]);
        let mut width = 1.0;
        let mut work = Work::new(dim);
        for _ in 0..TRIES {
            match start {
                Start::Scattered => {
                    let uniform: f64 = stream.uniform();
                    width = WIDTHS[0] * (WIDTHS[1] / WIDTHS[0]).powf(uniform);
                    stream.fill_normal(&mut y);
                    // On a coordinate with ends the free y is of order 1 wherever the allowed one is.
                    let scale = |bound: &Bound| if bound.is_none() { width } else { width.min(2.0) };
                    y.iter_mut().zip(bounds).for_each(|(y, bound)| *y *= scale(bound));
                }
                Start::At(rows) => {
                    let n = rows.len() / dim;
                    freed(bounds, &rows[chain % n * dim..][..dim], &mut y);
                }
            }
            remove_mean(symmetry, &mut y);
            tried += 1;
            if work.evaluate(energy, bounds, &y).await.is_finite() {
                let first = y.clone();
                descend(energy, bounds, &mut y, width, &mut work, &mut stream).await;
                return (tried, Some((y, first)));
            }
            if *start != Start::Scattered {
                break;
            }
        }
        (tried, None)
    };
    let all: Vec<(usize, Option<FirstAndPlace>)> = energy.each(vec![(); chains], one);
    let tried: usize = all.iter().map(|(tried, _)| tried).sum();
    let found: Vec<(Vec<f64>, Vec<f64>)> = all.into_iter().filter_map(|(_, found)| found).collect();
    if found.is_empty() {
        let what = match start {
            Start::Scattered => format!(
                "the energy is no finite number at any of {tried} starts, normal about the origin with widths from {} to {}",
                WIDTHS[0], WIDTHS[1]
            ),
            Start::At(_) => "the energy is no finite number at any of the starts that were given".into(),
        };
        return Err(Refusal::new(what, "give points where it is finite with --pool, or bounds of the coordinates"));
    }
    let outside = [tried, tried - found.len()];
    let places = (0..chains).map(|chain| found[chain % found.len()].0.clone()).collect();
    Ok(Started { places, first: found.into_iter().map(|(_, first)| first).collect(), outside })
}

/// What evaluations at y write to.
pub(crate) struct Work {
    x: Vec<f64>,
    gradient: Vec<f64>,
}

impl Work {
    pub(crate) fn new(dim: usize) -> Self {
        Self { x: vec![0.0; dim], gradient: vec![0.0; dim] }
    }

    /// E of the free y, its gradient by y kept.
    async fn evaluate(&mut self, energy: &Counted<'_>, bounds: &[Bound], y: &[f64]) -> f64 {
        bounded(bounds, y, &mut self.x);
        let mut value = energy.evaluate(&self.x, &mut self.gradient).await;
        for ((g, y), bound) in self.gradient.iter_mut().zip(y).zip(bounds).filter(|(_, bound)| !bound.is_none()) {
            let mapped = bound.map(*y);
            value -= mapped.log_slope;
            *g = *g * mapped.slope - mapped.log_slope_slope;
        }
        if self.gradient.iter().all(|g| g.is_finite()) { value } else { f64::NAN }
    }
}

/// Steps along the gradient, the fastest coordinate by a tenth of the start's width, falling to a hundredth of that; only
/// where the energy falls.
pub(crate) async fn descend(
    energy: &Counted<'_>,
    bounds: &[Bound],
    y: &mut [f64],
    width: f64,
    work: &mut Work,
    stream: &mut Stream,
) {
    let symmetry = energy.symmetry();
    let steps = DESCENT[usize::from(symmetry != Symmetry::None)];
    let mut value = work.evaluate(energy, bounds, y).await;
    let mut gradient = work.gradient.clone();
    let mut reach = 0.1 * width.min(3.0);
    let mut next = y.to_vec();
    for _ in 0..steps {
        let fastest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        if fastest == 0.0 {
            return;
        }
        let uniform: f64 = stream.uniform();
        let step = reach * (0.5 + uniform) / fastest;
        next.iter_mut().zip(&*y).zip(&gradient).for_each(|((next, y), g)| *next = y - step * g);
        remove_mean(symmetry, &mut next);
        let after = work.evaluate(energy, bounds, &next).await;
        if after < value {
            y.copy_from_slice(&next);
            gradient.copy_from_slice(&work.gradient);
            (value, reach) = (after, 1.2 * reach);
        } else {
            reach *= 0.5;
        }
    }
}
