//! Calibration: the float generator on samples of a fixed seed, recording what goes into every linear map. The largest
//! magnitude sets a place's binary point, the second moments guide the rounding of weights.

use super::mirror::{self, Observer, Place};
use crate::error::Error;
use kiln_core::artifact::{Model, Network, from_fixed};
use kiln_core::fixed::{MAX_POINT, fill_normal};
use kiln_core::random::{Purpose, Stream};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Seed of the samples: "kiln". Samples that judge a model should have another.
pub const SEED: u64 = 0x6b69_6c6e;
/// Samples that set the ranges.
pub const SAMPLES: usize = 4096;
/// How many of them set the second moments.
const MOMENT_SAMPLES: usize = 1024;
/// Samples of a task: the sums do not depend on the number of threads.
const TASK: usize = 64;
/// Ranges are this much wider than what was seen. Binary points are whole, which adds a factor of 1 to 2.
pub const HEAD_ROOM: f32 = 1.25;

/// What went into one linear map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistic {
    /// Numbers in a row.
    pub width: usize,
    /// Rows behind the second moments.
    pub rows: usize,
    /// The largest magnitude.
    pub largest: f32,
    /// Σ of the products of \[x, 1\] with itself, (width + 1)², of which the lower triangle is filled.
    pub moments: Vec<f64>,
}

impl Statistic {
    /// The binary point of an `i16` that holds what was seen with [`HEAD_ROOM`].
    pub fn point(&self) -> u8 {
        point(self.largest)
    }

    fn add(&mut self, other: &Self) {
        self.width = other.width;
        self.rows += other.rows;
        self.largest = self.largest.max(other.largest);
        self.moments.resize(other.moments.len().max(self.moments.len()), 0.0);
        self.moments.iter_mut().zip(&other.moments).for_each(|(sum, m)| *sum += m);
    }
}

/// The binary point of an `i16` that holds magnitudes up to `largest` with [`HEAD_ROOM`].
pub fn point(largest: f32) -> u8 {
    let fits = |point: &u8| HEAD_ROOM * largest * f32::from(1_u16 << point) <= f32::from(i16::MAX);
    (0..=MAX_POINT).rev().find(fits).unwrap_or(0)
}

/// Statistics of all linear maps.
pub type Calibration = BTreeMap<Place, Statistic>;

#[derive(Default)]
struct Recorder {
    places: Calibration,
    moments: bool,
    row: Vec<f64>,
}

impl Observer for Recorder {
    fn see(&mut self, place: Place, row: &[f32]) {
        let place = self.places.entry(place).or_default();
        place.width = row.len();
        // Not a number counts as infinite: a maximum alone would not see it.
        let size = |x: &f32| if x.is_nan() { f32::INFINITY } else { x.abs() };
        place.largest = row.iter().map(size).fold(place.largest, f32::max);
        if !self.moments {
            return;
        }
        self.row.clear();
        self.row.extend(row.iter().map(|x| f64::from(*x)));
        self.row.push(1.0);
        let n = self.row.len();
        place.rows += 1;
        place.moments.resize(n * n, 0.0);
        for (i, sums) in place.moments.chunks_exact_mut(n).enumerate() {
            let x = self.row[i];
            sums[..=i].iter_mut().zip(&self.row).for_each(|(sum, y)| *sum += x * y);
        }
    }
}

/// The latent of sample `index` of a seed as deployed generators draw it, in floats: exact.
pub fn latent(seed: u64, index: u64, numbers: usize) -> Vec<f32> {
    let mut z = vec![0; numbers];
    fill_normal(&mut Stream::new(seed, Purpose::Sample, index), &mut z);
    z.into_iter().map(from_fixed).collect()
}

/// Calibrates a float generator.
///
/// # Errors
/// If its activations are not finite.
pub fn calibrate(model: &Model<'_>) -> Result<Calibration, Error> {
    let tasks: Vec<Calibration> = (0..SAMPLES.div_ceil(TASK))
        .into_par_iter()
        .map(|task| {
            let mut recorder = Recorder { moments: task < MOMENT_SAMPLES / TASK, ..Recorder::default() };
            for index in task * TASK..(task + 1) * TASK {
                let z = latent(SEED, index as u64, model.latent());
                match model.network() {
                    Network::Mlp(network) => drop(mirror::mlp(network, &z, &mut recorder)),
                    Network::Egnn(network) => drop(mirror::egnn(network, &z, &mut recorder)),
                    _ => {}
                }
            }
            recorder.places
        })
        .collect();
    let mut all = Calibration::new();
    for (place, statistic) in tasks.iter().flatten() {
        all.entry(*place).or_default().add(statistic);
    }
    let finite = |s: &Statistic| s.largest.is_finite() && s.moments.iter().all(|m| m.is_finite());
    if all.values().all(finite) {
        return Ok(all);
    }
    Err(Error::numerics("the generator's activations are not finite", "train it anew"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_leave_head_room() {
        assert_eq!([0.0, 0.5, 1.0, 100.0, 1e6].map(point), [15, 15, 14, 8, 0]);
        for largest in [0.3, 0.9, 1.7, 40.0] {
            let held = f32::from(i16::MAX) / f32::from(1_u16 << point(largest));
            assert!(held >= HEAD_ROOM * largest);
        }
    }
}
