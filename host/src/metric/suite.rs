//! The metrics that fit a target, all with floor, truth, n and cost.

use super::histogram::{BINS, Outside, total_variation};
use super::report::{Report, Row};
use super::statistic::Mean;
use super::transport::{wasserstein2, wasserstein2_line};
use super::{mixture, wells};
use crate::engine::Samples;
use crate::error::Error;
use crate::target_api::{Structure, Target};
use rayon::prelude::*;

/// How much is spent on the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Samples for means, coverage and weights.
    pub n: usize,
    /// Samples per draw of the distances (published: 2000).
    pub distance_n: usize,
    /// Independent draws of the distances (published: 10).
    pub repeats: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Self { n: 10_000, distance_n: 2000, repeats: 10 }
    }
}

impl Effort {
    /// Samples needed in all.
    pub fn samples(&self) -> usize {
        self.n.max(self.distance_n * self.repeats)
    }
}

/// Independent exact sets: `a` is what samples are compared with, `b` stands in for them in the floors.
pub struct Exact {
    a: Vec<f32>,
    b: Vec<f32>,
}

/// Seeds of the exact sets; far from the small numbers people choose for their runs.
const EXACT_SEEDS: [u64; 2] = [0x6b69_6c6e_0001, 0x6b69_6c6e_0002];

impl Exact {
    /// Draws two sets of `n`, if the target has an exact sampler.
    pub fn draw(target: &dyn Target, n: usize) -> Option<Self> {
        let [a, b] = EXACT_SEEDS.map(|seed| target.exact_samples(seed, n));
        Some(Self { a: a?, b: b? })
    }
}

/// Evaluates samples of a target. The first `effort.n` give means, coverage and weights; all are cut into
/// `effort.repeats` draws for the distances. Fewer samples mean fewer draws.
pub fn evaluate(
    target: &dyn Target,
    samples: &Samples,
    seed: u64,
    source: &str,
    effort: Effort,
) -> Result<Report, Error> {
    let dim = target.dim();
    if samples.dim != dim || samples.is_empty() {
        let message = format!("the samples have {} coordinates, {} has {dim}", samples.dim, target.title());
        return Err(Error::input(message, "evaluate samples of the target they were drawn for"));
    }
    let n = samples.len().min(effort.n);
    let judged = &samples.data[..n * dim];
    let energies = energies(target, &samples.data);
    let lost = energies[..n].iter().filter(|energy| !energy.is_finite()).count();
    let exact = Exact::draw(target, samples.len());
    let exact_energies =
        exact.as_ref().map(|exact| (self::energies(target, &exact.a), self::energies(target, &exact.b)));

    let mut rows = Vec::new();
    let mut plain = |metric: &str, value: f64, sd: Option<f64>, floor: Option<f64>, truth: Option<f64>, cost: usize| {
        rows.push(Row {
            metric: metric.into(),
            value,
            sd,
            floor,
            truth,
            n,
            repeats: 1,
            energy_evaluations: cost as u64,
        });
    };
    let floor_set = exact.as_ref().map(|exact| &exact.b[..n * dim]);
    let mean_energy = Mean::of(&energies[..n]);
    match target.structure() {
        Structure::Mixture { means, sd } => {
            let floor = floor_set.map(|set| mixture::coverage(set, dim, &means, sd));
            let found = mixture::coverage(judged, dim, &means, sd);
            let truth = target.mean_energy().map(|energy| -energy);
            plain("mean log p", -mean_energy.mean, Some(mean_energy.standard_error()), None, truth, n);
            plain(
                "modes covered",
                found.covered as f64,
                None,
                floor.map(|f| f.covered as f64),
                Some(found.modes as f64),
                0,
            );
            plain("mode-mass total variation", found.mass_variation, None, floor.map(|f| f.mass_variation), None, 0);
            plain("fraction within 4 sd of a mode", found.within, None, floor.map(|f| f.within), None, 0);
        }
        structure => {
            plain("mean energy", mean_energy.mean, Some(mean_energy.standard_error()), None, target.mean_energy(), n);
            if let Structure::Wells { right } = structure {
                let worst = |set: &[f32]| wells::worst_deviation(&wells::right_fractions(set, dim), right);
                plain("worst well |P(d>0) - truth|", worst(judged), None, floor_set.map(worst), None, 0);
            }
        }
    }
    plain("samples with non-finite energy", lost as f64, None, None, Some(0.0), n);

    if let (Some(exact), Some((exact_a, exact_b))) = (&exact, &exact_energies) {
        let size = effort.distance_n.min(samples.len());
        let draws = (samples.len() / size.max(1)).min(effort.repeats).max(1);
        let cut = |at: usize| at * size..(at + 1) * size;
        let rows_of = |at: usize| at * size * dim..(at + 1) * size * dim;
        let mut repeated = |metric: &str,
                            value: &(dyn Fn(usize) -> f64 + Sync),
                            floor: &(dyn Fn(usize) -> f64 + Sync),
                            cost: usize| {
            let of =
                |f: &(dyn Fn(usize) -> f64 + Sync)| Mean::of(&(0..draws).into_par_iter().map(f).collect::<Vec<_>>());
            let (value, floor) = (of(value), of(floor));
            let sd = (draws > 1).then_some(value.sd);
            let energy_evaluations = (cost * draws) as u64;
            let (metric, floor) = (metric.to_string(), Some(floor.mean));
            rows.push(Row {
                metric,
                value: value.mean,
                sd,
                floor,
                truth: None,
                n: size,
                repeats: draws,
                energy_evaluations,
            });
        };
        for (metric, outside) in [("energy TVD", Outside::Counted), ("energy TVD, as published", Outside::Dropped)] {
            repeated(
                metric,
                &|at| total_variation(&energies[cut(at)], &exact_a[cut(at)], BINS, outside),
                &|at| total_variation(&exact_b[cut(at)], &exact_a[cut(at)], BINS, outside),
                2 * size,
            );
        }
        repeated(
            "energy W2",
            &|at| wasserstein2_line(&energies[cut(at)], &exact_a[cut(at)]),
            &|at| wasserstein2_line(&exact_b[cut(at)], &exact_a[cut(at)]),
            2 * size,
        );
        repeated(
            "W2",
            &|at| wasserstein2(&samples.data[rows_of(at)], &exact.a[rows_of(at)], dim),
            &|at| wasserstein2(&exact.b[rows_of(at)], &exact.a[rows_of(at)], dim),
            0,
        );
    }
    Ok(Report {
        target: target.title(),
        convention: target.convention(),
        source: source.to_string(),
        seed,
        effective_fraction: 1.0,
        rows,
    })
}

/// The quality of a set of samples in one line, for progress bars and pictures; a few milliseconds of work.
pub fn headline(target: &dyn Target, samples: &[f32]) -> String {
    let dim = target.dim();
    let mean = Mean::of(&energies(target, samples)).mean;
    let truth = |value: Option<f64>| value.map_or(String::new(), |truth| format!(" (truth {truth:.2})"));
    match target.structure() {
        Structure::Mixture { means, sd } => {
            let found = mixture::coverage(samples, dim, &means, sd);
            let (covered, modes, variation) = (found.covered, found.modes, found.mass_variation);
            let truth = truth(target.mean_energy().map(|energy| -energy));
            format!("log p {:.2}{truth}, {covered} of {modes} modes, mass TV {variation:.3}", -mean)
        }
        Structure::Wells { right } => {
            let worst = wells::worst_deviation(&wells::right_fractions(samples, dim), right);
            format!("energy {mean:.2}{}, worst well {worst:.3} from its weight", truth(target.mean_energy()))
        }
        Structure::Unknown => format!("energy {mean:.2}{}", truth(target.mean_energy())),
    }
}

/// E of every row. A coordinate that is not finite makes an energy that is not.
pub fn energies(target: &dyn Target, samples: &[f32]) -> Vec<f64> {
    samples
        .par_chunks_exact(target.dim().max(1))
        .map_init(Vec::new, |x, row| {
            x.clear();
            x.extend(row.iter().map(|v| f64::from(*v)));
            target.energy(x)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Gaussian of unit width around ±5 on a line, drawn by a small generator of our own.
    struct Pair;

    impl Target for Pair {
        fn name(&self) -> &str {
            "pair"
        }
        fn summary(&self) -> String {
            "two Gaussians".into()
        }
        fn convention(&self) -> String {
            "E = -log p".into()
        }
        fn dim(&self) -> usize {
            1
        }
        fn energy(&self, x: &[f64]) -> f64 {
            let terms = [-5.0, 5.0].map(|m: f64| (-0.5 * (x[0] - m).powi(2)).exp());
            -(0.5 * (terms[0] + terms[1]) / (2.0 * std::f64::consts::PI).sqrt()).ln()
        }
        fn exact_samples(&self, seed: u64, n: usize) -> Option<Vec<f32>> {
            Some(pair(seed, n, 1.0))
        }
        fn structure(&self) -> Structure {
            Structure::Mixture { means: vec![-5.0, 5.0], sd: 1.0 }
        }
        fn mean_energy(&self) -> Option<f64> {
            Some(2.0_f64.ln() + 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).ln())
        }
    }

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

    const EFFORT: Effort = Effort { n: 2000, distance_n: 400, repeats: 5 };

    fn report(data: Vec<f32>) -> Report {
        evaluate(&Pair, &Samples { dim: 1, data }, 0, "a test", EFFORT).unwrap()
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
        assert!(evaluate(&Pair, &Samples { dim: 2, data: vec![0.0; 4] }, 0, "a test", EFFORT).is_err());
    }

    #[test]
    fn the_headline_names_the_figures() {
        assert!(headline(&Pair, &pair(9, 2000, 1.0)).contains("2 of 2 modes"));
    }
}
