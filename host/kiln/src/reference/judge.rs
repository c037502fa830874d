//! What is measured on frames: energy, distances, the virial, and how well chains agree on them.

use super::manifest::{Observable, Virial};
use crate::target::Target;
use kiln_metrics::chain;
use kiln_metrics::measure::energies_and_virials;
use kiln_metrics::observable::Observables;
use kiln_metrics::statistic::Mean;

/// Observables of frames in the order of the chains: name and one value a frame, the virial last.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    names: Vec<String>,
    values: Vec<Vec<f64>>,
    free: usize,
}

/// Measures the [`Observables`] and the virial of frames (n, dim).
pub fn observe(target: &Target, frames: &[f32]) -> Traces {
    let (dim, symmetry) = (target.dim(), target.symmetry());
    let (energies, virials) = energies_and_virials(target, frames);
    let watched = Observables::of(symmetry, dim, frames, &energies);
    let names = (0..watched.count()).map(|at| watched.name(at)).chain(["virial".into()]).collect();
    let values = (0..watched.count()).map(|at| watched.values(at)).chain([virials]).collect();
    Traces { names, values, free: symmetry.free_coordinates(dim) }
}

impl Traces {
    /// The longest integrated autocorrelation time of chains of `length`, in frames, at least 1; NaN where one of them is
    /// unknown.
    pub fn memory(&self, length: usize) -> f64 {
        let time = |values: &Vec<f64>| values.len() as f64 / chain::effective_sample_size(values, length);
        let longer = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
        self.values.iter().map(time).fold(1.0, longer)
    }

    /// Every observable but the virial.
    pub fn observables(&self, length: usize) -> Vec<Observable> {
        let all = self.names.iter().zip(&self.values).take(self.names.len() - 1);
        all.map(|(name, values)| {
            let (mean, standard_error) = chain::mean_with_error(values, length);
            Observable {
                name: name.clone(),
                mean,
                standard_error,
                sd: Mean::of(values).sd,
                r_hat: chain::r_hat(values, length),
                effective_sample_size: chain::bulk_effective_sample_size(values, length),
                lag_1: chain::autocorrelation(values, length, 1),
            }
        })
        .collect()
    }

    /// The virial of chains of `length`, by their effective sample size.
    pub fn virial(&self, length: usize) -> Virial {
        let (mean, standard_error) = chain::mean_with_error(self.virials(), length);
        Virial::of(mean, standard_error, self.free as f64)
    }

    fn virials(&self) -> &[f64] {
        &self.values[self.values.len() - 1]
    }
}

/// The virial of independent samples (n, dim): a sampler of another distribution, or of another convention of the
/// energy, misses it.
pub fn virial(target: &Target, samples: &[f32]) -> Virial {
    let traces = observe(target, samples);
    let mean = Mean::of(traces.virials());
    Virial::of(mean.mean, mean.standard_error(), traces.free as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::builtin;

    #[test]
    fn frames_that_never_change_are_not_remembered_for_the_shortest_time() {
        let target = builtin().into_iter().find(|target| target.name() == "mog40").unwrap();
        let traces = observe(&target, &[1.0, 2.0].repeat(400));
        assert!(traces.memory(100).is_nan());
        let virial = traces.virial(100);
        assert!(virial.standard_error.is_nan() && virial.z.is_nan() && !virial.holds());
    }
}
