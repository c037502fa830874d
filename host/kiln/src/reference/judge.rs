//! What is measured on frames: energy, coordinates or distances, the virial, and how well chains agree on them. Energies and
//! gradients are those of the states in f64, as chains saw them.
//!
//! The virial theorem holds where the density vanishes at infinity. A coordinate with bounds is looked at without them, as
//! chains move in it: x = φ(y), of the energy E(φ(y)) - log φ'(y), whose density does.

use super::manifest::{Observable, Virial};
use crate::target::Target;
use kiln_explore::Bound;
use kiln_explore::evidence::{Columns, Figure};
use kiln_metrics::chain;
use kiln_metrics::measure;
use kiln_metrics::statistic::Mean;
use rayon::prelude::*;

/// Why the virial of states is not checked.
const ON_A_BOUND: &str = "a state lies on a bound";

/// What was measured on frames in the order of the chains.
pub struct Traces {
    columns: Columns,
    virials: Vec<f64>,
    free: usize,
    on_a_bound: bool,
}

/// Measures states (chains, length, dim) in the cells they lie in; without cells there is one.
pub fn observe(target: &Target, rows: &[f64], cells: &[usize], length: usize) -> Traces {
    let (dim, symmetry) = (target.dim(), target.symmetry());
    let (energies, mut gradients) = measure::energies_and_gradients(target, rows);
    let (virials, on_a_bound) = if target.bounds().iter().all(|bound| bound.is_none()) {
        (measure::virials(symmetry, rows, &gradients, dim), false)
    } else {
        let free = without_bounds(target.bounds(), rows, &mut gradients);
        let on_a_bound = free.iter().zip(rows).any(|(y, x)| !y.is_finite() && x.is_finite());
        (measure::virials(symmetry, &free, &gradients, dim), on_a_bound)
    };
    let columns = Columns::of(symmetry, target.names(), rows, &energies, cells, length);
    Traces { columns, virials, free: symmetry.free_coordinates(dim), on_a_bound }
}

/// The free y of rows x, and gradients by y in place of those by x.
fn without_bounds(bounds: &[Bound], rows: &[f64], gradients: &mut [f64]) -> Vec<f64> {
    let mut free = rows.to_vec();
    let all = free.par_chunks_exact_mut(bounds.len()).zip(gradients.par_chunks_exact_mut(bounds.len()));
    all.for_each(|(row, gradient)| {
        for ((x, slope), bound) in row.iter_mut().zip(gradient).zip(bounds).filter(|(_, bound)| !bound.is_none()) {
            *x = bound.free(*x);
            let mapped = bound.map(*x);
            *slope = *slope * mapped.slope - mapped.log_slope_slope;
        }
    });
    free
}

impl Traces {
    /// Every observable, the energy first.
    pub fn observables(&self) -> Vec<Observable> {
        let Columns { columns, energy, length } = &self.columns;
        let mut all: Vec<Observable> = self
            .columns
            .figures()
            .into_iter()
            .zip(columns)
            .map(|(figure, (_, values))| {
                let Figure { name, mean, sd, effective, r_hat, .. } = figure;
                let (_, standard_error) = chain::mean_with_error(values, *length);
                let lag_1 = chain::autocorrelation(values, *length, 1);
                Observable { name, mean, standard_error, sd, r_hat, effective_sample_size: effective, lag_1 }
            })
            .collect();
        all[..=*energy].rotate_right(1);
        all
    }

    /// The virial, by its effective sample size.
    pub fn virial(&self) -> Virial {
        let (mean, standard_error) = chain::mean_with_error(&self.virials, self.columns.length);
        Virial::of(mean, standard_error, self.free as f64)
    }

    /// Why the virial is not to be looked at.
    pub fn not_checked(&self) -> Option<&'static str> {
        self.on_a_bound.then_some(ON_A_BOUND)
    }
}

/// The virial of independent samples (n, dim): a sampler of another distribution, or of another convention of the
/// energy, misses it.
pub fn virial(target: &Target, samples: &[f32]) -> Virial {
    let rows: Vec<f64> = samples.iter().map(|x| f64::from(*x)).collect();
    let traces = observe(target, &rows, &[], 1);
    let mean = Mean::of(&traces.virials);
    Virial::of(mean.mean, mean.standard_error(), traces.free as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::builtin;
    use kiln_core::random::{Purpose, Randomness, Stream};
    use kiln_core::{Energy, Scalar};

    #[test]
    fn frames_that_never_change_have_a_virial_of_unknown_error() {
        let target = builtin().into_iter().find(|target| target.name() == "mog40").unwrap();
        let virial = observe(&target, &[1.0, 2.0].repeat(400), &[], 100).virial();
        assert!(virial.standard_error.is_nan() && virial.z.is_nan() && !virial.holds());
    }

    /// E = x.
    struct Line;

    impl<S: Scalar> Energy<S> for Line {
        fn dim(&self) -> usize {
            1
        }
        fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
            gradient[0] = S::constant(1.0);
            x[0]
        }
        fn energy(&self, x: &[S]) -> S {
            x[0]
        }
    }

    #[test]
    fn within_bounds_the_virial_is_that_of_the_free_coordinate() {
        let bounds = vec![Bound { low: 3.0, high: f64::INFINITY }];
        let target = Target::new("line", Line).with_coordinates(vec!["x".into()], bounds);
        let mut stream = Stream::new(2, Purpose::Test, 0);
        let mut draws = |mean: f64| -> Vec<f64> {
            (0..4000).map(|_| 3.0 - mean * Randomness::<f64>::uniform(&mut stream).ln()).collect()
        };
        let (right, wrong) = (draws(1.0), draws(1.3));
        let [right, wrong] = [right, wrong].map(|rows| observe(&target, &rows, &[], 400));
        assert!(right.virial().holds() && right.not_checked().is_none(), "{:?}", right.virial());
        assert!(!wrong.virial().holds(), "{:?}", wrong.virial());
        let on_it = observe(&target, &[4.0, 3.0, 5.0, 4.5], &[], 4);
        assert_eq!(on_it.not_checked(), Some("a state lies on a bound"));
    }
}
