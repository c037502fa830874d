//! The metrics that fit a target, all with floor, truth, n and cost.

use super::comparison::Comparison;
pub use super::effort::Effort;
use super::measured::Measured;
use super::origin::Origin;
use super::parameters::parameters;
use super::report::{Cost, Report};
use super::trial::Trial;
use crate::error::Error;
use crate::progress::{Progress, Silent};
use crate::samples::Samples;
use crate::target::Target;

pub use super::headline::{Headline, headline};
pub use kiln_metrics::measure::energies;

/// Evaluates one-step draws of a run against what there is: an exact sampler, or the shipped reference.
///
/// # Errors
/// If the samples have other coordinates than the target, or there are none.
pub fn evaluate(target: &Target, samples: &Samples, seed: u64, source: &str, effort: Effort) -> Result<Report, Error> {
    let comparison = Comparison::of(target, samples.len());
    let measured = Measured::of(target, samples.clone())?;
    Ok(judge(target, &measured, &Origin::draws(source, seed), comparison.as_ref(), None, effort, &Silent))
}

/// Evaluates samples of a target. The first `effort.n` give means, coverage and weights; all are cut into up to
/// `effort.repeats` draws for the distances. Fewer samples mean fewer draws. Energies above `gate` are counted, and
/// left out of the figures that say so; by default the gate is [`Comparison::gate`]. Figures that take long are parts of
/// `progress`.
pub fn judge(
    target: &Target,
    set: &Measured,
    origin: &Origin,
    comparison: Option<&Comparison>,
    gate: Option<f64>,
    effort: Effort,
    progress: &dyn Progress,
) -> Report {
    let gate = gate.or_else(|| comparison.and_then(|comparison| comparison.gate(target)));
    let mut trial =
        Trial { target, origin, set, comparison, gate, effort, progress, rows: Vec::new(), notes: Vec::new() };
    trial.plain();
    if let Some(comparison) = comparison {
        trial.compared(comparison);
        if set.samples == comparison.reference.samples {
            trial.notes.push("the samples are the reference itself: no distance between them means anything".into());
        }
    }
    let (rows, notes) = (trial.rows, trial.notes);
    let reference = comparison.map_or(0, |c| c.reference.len() + c.independent.as_ref().map_or(0, Measured::len));
    Report {
        target: target.title().into(),
        convention: target.convention().into(),
        source: origin.source.clone(),
        seed: origin.seed,
        mixing: origin.mixing.clone(),
        polish_steps: origin.polish_steps,
        cost: Cost {
            training: origin.training,
            producing: origin.producing,
            polishing: origin.polishing,
            judging: (set.len() + reference) as u64,
        },
        reference: comparison.map(|comparison| comparison.facts.clone()),
        gate,
        notes,
        rows,
        parameters: parameters(target, &set.samples, comparison.map(|comparison| &comparison.reference.samples)),
        verdict: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Mixing;
    use crate::polish::polish;
    use crate::target::Structure;
    use crate::target::Target;
    use crate::targets::builtin;
    use kiln_core::random::{Purpose, Randomness, Stream};
    use kiln_core::{Energy, Scalar};

    /// A Gaussian of unit width around ±5 on a line.
    struct Pair;

    impl<S: Scalar> Energy<S> for Pair {
        fn dim(&self) -> usize {
            1
        }
        fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
            let [left, right] = [-5.0, 5.0].map(|m| x[0] - S::constant(m));
            // The weight of the left one, by the difference of both exponents: 10 x.
            let weight = (-(S::constant(10.0) * x[0])).sigmoid();
            gradient[0] = weight * left + (S::one() - weight) * right;
            self.energy(x)
        }
        fn energy(&self, x: &[S]) -> S {
            let [left, right] = [-5.0, 5.0].map(|m| (S::constant(-0.5) * (x[0] - S::constant(m)).square()).exp());
            -(S::constant(0.5 / std::f64::consts::TAU.sqrt()) * (left + right)).ln()
        }
    }

    fn pair_target() -> Target {
        Target::new("pair", Pair)
            .described("pair", "two Gaussians", "E = -log p")
            .structured(Structure::Mixture { means: vec![-5.0, 5.0], sd: 1.0 })
            .with_mean_energy(2.0_f64.ln() + 0.5 * (std::f64::consts::TAU * std::f64::consts::E).ln())
            .sampled(|stream| {
                let u: f64 = stream.uniform();
                let z: f64 = stream.normal();
                vec![if u < 0.5 { z - 5.0 } else { z + 5.0 }]
            })
    }

    /// Samples of it or of another width, drawn by a small generator of our own.
    fn pair(seed: u64, n: usize, sd: f64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 + 0.5) / (1_u64 << 31) as f64
        };
        (0..n)
            .map(|_| {
                let normal = (-2.0 * uniform().ln()).sqrt() * (2.0 * std::f64::consts::PI * uniform()).cos();
                ((if uniform() < 0.5 { -5.0 } else { 5.0 }) + sd * normal) as f32
            })
            .collect()
    }

    fn measured(target: &Target, samples: &Samples) -> Measured {
        Measured::of(target, samples.clone()).unwrap()
    }

    const EFFORT: Effort = Effort { n: 2000, distance_n: 400, repeats: 5, geometric: true };

    fn report(data: Vec<f32>) -> Report {
        evaluate(&pair_target(), &Samples { dim: 1, data }, 0, "a test", EFFORT).unwrap()
    }

    #[test]
    fn exact_samples_meet_every_floor_and_truth() {
        let report = report(pair(9, 2000, 1.0));
        for row in &report.rows {
            let spread = 5.0 * row.sd.unwrap_or(0.03).max(0.02);
            let aim = row.truth.or(row.floor).unwrap();
            assert!((row.value - aim).abs() < spread, "{row:?}");
        }
        assert_eq!(report.value("modes covered"), Some(2.0));
        assert_eq!(report.rows.iter().find(|row| row.metric == "W2").map(|row| (row.n, row.repeats)), Some((400, 5)));
    }

    #[test]
    fn bad_samples_miss_them() {
        let wide = report(pair(9, 2000, 2.0));
        let row = |name: &str| wide.rows.iter().find(|row| row.metric == name).unwrap().clone();
        assert!(row("mean log p").value < row("mean log p").truth.unwrap() - 0.5);
        assert!(row("energy TVD").value > row("energy TVD").floor.unwrap() + 0.1);
        let one_mode = report(pair(9, 2000, 1.0).iter().map(|x| x.abs()).collect());
        assert_eq!(one_mode.value("modes covered"), Some(1.0));
        assert!((one_mode.value("mode-mass total variation").unwrap() - 0.5).abs() < 1e-12);
        let mut broken = pair(9, 2000, 1.0);
        broken[3] = f32::NAN;
        assert_eq!(report(broken).value("samples with non-finite energy"), Some(1.0));
        assert!(evaluate(&pair_target(), &Samples { dim: 2, data: vec![0.0; 4] }, 0, "a test", EFFORT).is_err());
    }

    /// Samples of DW-4 by long MALA chains from scattered starts, independent of each other.
    fn double_wells(seed: u64, n: usize) -> (Target, Samples) {
        let target = builtin().into_iter().find(|target| target.name() == "dw4").unwrap();
        let mut samples = Samples { dim: 8, data: pair(seed, 8 * n, 1.0).iter().map(|x| 0.5 * x).collect() };
        polish(&target, &mut samples, 4000, seed).unwrap();
        (target, samples)
    }

    fn judged(target: &Target, samples: &Samples, reference: &Samples) -> Report {
        let comparison = Comparison::given(target, reference.clone(), "chains", None).unwrap();
        let effort = Effort { n: 1000, distance_n: 250, repeats: 4, geometric: true };
        judge(target, &measured(target, samples), &Origin::draws("a test", 1), Some(&comparison), None, effort, &Silent)
    }

    #[test]
    fn particles_meet_their_floors_and_exploded_ones_miss_all() {
        let (target, all) = double_wells(5, 2000);
        let cut =
            |rows: std::ops::Range<usize>| Samples { dim: 8, data: all.data[8 * rows.start..8 * rows.end].to_vec() };
        let (samples, reference) = (cut(0..1000), cut(1000..2000));
        let target = &target;
        let report = judged(target, &samples, &reference);
        for row in &report.rows {
            let spread = 5.0 * row.sd.unwrap_or(0.05).max(row.floor_sd.unwrap_or(0.0)).max(0.02);
            let aim = row.truth.or(row.floor).unwrap();
            assert!((row.value - aim).abs() < spread, "{row:?}");
            assert_eq!(row.effective_sample_size, row.n as f64);
        }
        let row = |report: &Report, name: &str| report.rows.iter().find(|row| row.metric == name).unwrap().clone();
        let geometric = row(&report, "W2, geometric");
        assert_eq!((geometric.n, geometric.repeats, geometric.floor_repeats), (250, 4, 4));
        assert!(
            geometric.value < 0.5 * row(&report, "W2").value,
            "labels and orientation cost most of the raw distance"
        );

        // Every distance and every energy out of range: the published variant sees what is left, we see all.
        let far = Samples { dim: 8, data: samples.data.iter().map(|x| 100.0 * x).collect() };
        let report = judged(target, &far, &reference);
        for name in ["energy TVD", "distance TVD", "share with E > 0"] {
            assert!(row(&report, name).value > 0.99, "{name}");
        }
        assert_eq!(row(&report, "virial, E <= 0").discarded, Some(row(&report, "share with E > 0").value));
    }

    #[test]
    fn polishing_is_counted_on_every_row() {
        let (target, samples) = double_wells(6, 400);
        let origin = Origin { polishing: 4000, ..Origin::draws("a test", 1) };
        let effort = Effort { n: 400, distance_n: 200, repeats: 2, geometric: true };
        let report = judge(&target, &measured(&target, &samples), &origin, None, Some(0.0), effort, &Silent);
        assert_eq!(report.rows[0].energy_evaluations, 4400);
        assert!(report.rows.iter().all(|row| row.floor.is_none() && row.energy_evaluations >= 4000));
        assert_eq!(report.cost.judging, 400);
    }

    /// N(50, 1) in a hundred coordinates.
    struct Far;

    impl<S: Scalar> Energy<S> for Far {
        fn dim(&self) -> usize {
            100
        }
        fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
            gradient.iter_mut().zip(x).for_each(|(gradient, x)| *gradient = *x - S::constant(50.0));
            self.energy(x)
        }
        fn energy(&self, x: &[S]) -> S {
            x.iter().fold(S::zero(), |sum, x| sum + S::constant(0.5) * (*x - S::constant(50.0)).square())
        }
    }

    #[test]
    fn the_virial_of_exact_samples_far_from_the_origin_is_sharp() {
        let target = Target::new("far", Far);
        let mut noise = vec![0.0_f64; 100 * 10_000];
        Stream::new(3, Purpose::Test, 0).fill_normal(&mut noise);
        let samples = Samples { dim: 100, data: noise.iter().map(|xi| (50.0 + xi) as f32).collect() };
        let origin = Origin::draws("a test", 1);
        let report = judge(&target, &measured(&target, &samples), &origin, None, None, Effort::default(), &Silent);
        let row = report.rows.iter().find(|row| row.metric.starts_with("virial")).unwrap();
        let error = row.sd.unwrap();
        assert!((0.12..0.16).contains(&error) && (row.value - 100.0).abs() < 5.0 * error, "{} ± {error}", row.value);
    }

    #[test]
    fn errors_are_those_of_the_effective_samples_of_a_set_and_of_its_reference() {
        let target = builtin().into_iter().find(|target| target.name() == "dw4").unwrap();
        let shipped = crate::reference::shipped("dw4").unwrap().samples;
        let cut = |rows: std::ops::Range<usize>| Samples {
            dim: 8,
            data: shipped.data[8 * rows.start..8 * rows.end].to_vec(),
        };
        // Rows of a chain that was elsewhere at first: in the narrow half of all energies.
        let mut samples = cut(0..2000);
        let all = energies(&target, &samples.data);
        let mut order: Vec<usize> = (0..2000).collect();
        order.sort_by(|a, b| all[*a].total_cmp(&all[*b]));
        samples.data = order.iter().flat_map(|row| samples.data[8 * row..8 * row + 8].to_vec()).collect();
        let judged = |fraction: f64, theirs: f64| {
            let mixing = Mixing { effective_fraction: fraction, r_hat: Some(1.2), ..Mixing::independent() };
            let origin = Origin { mixing, ..Origin::draws("a chain", 1) };
            let mut comparison = Comparison::given(&target, cut(2000..4000), "chains", None).unwrap();
            comparison.facts.mixing.effective_fraction = theirs;
            let effort = Effort { n: 1000, distance_n: 100, repeats: 1, geometric: false };
            let report =
                judge(&target, &measured(&target, &samples), &origin, Some(&comparison), None, effort, &Silent);
            let sd = |metric: &str| {
                let row = report.rows.iter().find(|row| row.metric == metric).unwrap();
                (row.sd.unwrap(), row.floor_sd)
            };
            [sd("mean energy"), sd("virial E[x.grad E]"), sd("share with E > 0")]
        };
        let [energy, virial, share] = judged(0.01, 0.25);
        let expected = kiln_metrics::statistic::Mean::of(&all).sd / 10.0_f64.sqrt();
        assert!((energy.0 / expected - 1.0).abs() < 1e-9, "{energy:?}, {expected}");
        let [_, better, surer] = judged(0.04, 1.0);
        assert!((virial.0 / better.0 - 2.0).abs() < 1e-9 && (virial.1.unwrap() / better.1.unwrap() - 2.0).abs() < 1e-9);
        assert!(share.0 > 2.0 * surer.0 && share.1 > surer.1, "{share:?} {surer:?}");
        let unknown = judged(f64::NAN, f64::NAN);
        assert!(unknown.iter().all(|(sd, floor_sd)| sd.is_nan() && floor_sd.is_none_or(f64::is_nan)), "{unknown:?}");
    }

    #[test]
    fn the_headline_names_the_figures() {
        let (target, samples) = (pair_target(), pair(9, 2000, 1.0));
        assert!(headline(&target, &samples, &energies(&target, &samples)).text.contains("2 of 2 modes"));
    }
}
