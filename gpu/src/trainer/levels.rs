//! Which noise levels a batch has.

use super::{Noising, Trainer};
use crate::backend::Backend;
use crate::noise::NoiseBatch;
use kiln_core::random::{Purpose, Randomness, Stream};

impl<D: Backend> Trainer<D> {
    /// How far, in [0, 1], the lower end of log v has still to fall.
    pub(super) fn lowest(&self, progress: f64) -> f64 {
        match self.spec.noising {
            Noising::Continuous { anneal, .. } if anneal > 0.0 => (1.0 - progress / anneal).max(0.0),
            _ => 0.0,
        }
    }

    /// The noise of a batch; `lowest` in [0, 1] is the part of the range of log v, from below, that is left out.
    pub(super) fn noise(&self, lowest: f64) -> NoiseBatch {
        let mut stream = Stream::new(self.spec.seed, Purpose::NoiseLevel, self.batches);
        let mut uniform = || Randomness::<f64>::uniform(&mut stream);
        let rows = self.spec.batch;
        match &self.spec.noising {
            Noising::Continuous { v_min, v_max, .. } => {
                let (high, range) = (v_max.ln(), (v_max / v_min).ln());
                let low = high - range * (1.0 - lowest);
                let cell = |row: usize| (row as f64 + uniform()) / rows as f64;
                let ratios = (0..rows).map(cell).map(|u| (low + (high - low) * u).exp() as f32);
                NoiseBatch::from_ratios(ratios.collect())
            }
            Noising::Levels(table) => {
                let last = table.len() - 1;
                let index = |_| 1 + ((uniform() * last as f64) as usize).min(last - 1);
                NoiseBatch::from_levels(table, (0..rows).map(index).collect())
            }
        }
    }
}
