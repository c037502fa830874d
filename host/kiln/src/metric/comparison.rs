//! What samples are compared with: independent reference sets, cut into blocks of equal size, so that a value and its
//! floor come from the same n.

use super::measured::{Block, Measured};
use super::origin::Mixing;
use crate::error::Error;
use crate::reference::{Manifest, Method, Reference, shipped};
use crate::samples::Samples;
use crate::target::{Structure, Target};
use kiln_metrics::chain::{least_effective, worst_r_hat};
use serde::{Deserialize, Serialize};

/// What is known of the reference, for the head of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Where it comes from.
    pub source: String,
    /// Samples in it.
    pub n: usize,
    /// How independent they are.
    pub mixing: Mixing,
    /// Energy evaluations that making it took, where that is known.
    pub energy_evaluations: Option<u64>,
}

/// Reference sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is known of them.
    pub facts: Facts,
    /// What samples are compared with.
    pub reference: Measured,
    /// An independent set that stands in for samples in the floors; without one, blocks of the reference stand in for
    /// each other.
    pub independent: Option<Measured>,
}

/// Pairs of blocks: of samples and reference, and of two independent exact sets.
pub struct Pairs<'a> {
    /// Samples in a block.
    pub size: usize,
    /// For the values.
    pub values: Vec<(Block<'a>, Block<'a>)>,
    /// For the floors.
    pub floors: Vec<(Block<'a>, Block<'a>)>,
}

/// Seeds of the exact sets; far from the small numbers people choose for their runs.
const EXACT_SEEDS: [u64; 2] = [0x6b69_6c6e_0001, 0x6b69_6c6e_0002];

impl Comparison {
    /// The exact sampler, where the target has one, otherwise the reference that Kiln ships.
    pub fn of(target: &Target, n: usize) -> Option<Self> {
        Self::exact(target, n).or_else(|| {
            let Reference { samples, manifest } = shipped(target.name())?;
            Self::given(target, samples, "shipped with Kiln", Some(&manifest)).ok()
        })
    }

    /// Two sets of `n` from the target's exact sampler.
    pub fn exact(target: &Target, n: usize) -> Option<Self> {
        let [reference, independent] = EXACT_SEEDS.map(|seed| target.exact_samples(seed, n));
        let facts = Facts {
            source: "exact sampler".into(),
            n: 2 * n,
            mixing: Mixing::independent(),
            energy_evaluations: Some(0),
        };
        let [reference, independent] =
            [reference?, independent?].map(|data| Measured::unchecked(target, Samples { dim: target.dim(), data }));
        Some(Self { facts, reference, independent: Some(independent) })
    }

    /// A set from a file, in random order, with the manifest beside it where there is one.
    ///
    /// # Errors
    /// If it holds other coordinates than the target's, fewer than two samples, or energies that are not finite.
    pub fn given(target: &Target, samples: Samples, source: &str, manifest: Option<&Manifest>) -> Result<Self, Error> {
        if samples.dim != target.dim() {
            let message =
                format!("the reference has {} coordinates, {} has {}", samples.dim, target.title(), target.dim());
            return Err(Error::input(message, "give reference samples of the same target"));
        }
        if samples.len() < 2 {
            return Err(Error::input("the reference has fewer than two samples", "give a few thousand"));
        }
        let reference = Measured::unchecked(target, samples);
        let lost = reference.energies.iter().filter(|energy| !energy.is_finite()).count();
        if lost > 0 {
            let message = format!("the energy of {lost} samples of the reference is not finite");
            return Err(Error::input(message, "a reference has no such samples; was it made for another target?"));
        }
        let n = reference.len();
        let facts = Facts {
            source: source.into(),
            n,
            mixing: manifest.map_or_else(|| reference.mixing(target, 1), manifest_mixing),
            energy_evaluations: manifest.map(|manifest| manifest.energy_evaluations),
        };
        Ok(Self { facts, reference, independent: None })
    }

    /// Samples in the largest blocks of which there are enough, up to `size`.
    pub fn size(&self, samples: &Measured, size: usize) -> usize {
        let own = if self.independent.is_some() { self.reference.len() } else { self.reference.len() / 2 };
        size.min(samples.len()).min(own).max(1)
    }

    /// Up to `repeats` pairs of disjoint blocks. A floor's blocks are neighbours in the ring of the reference's blocks,
    /// each used once on either side, where there is no independent set.
    pub fn pairs<'a>(&'a self, samples: &'a Measured, size: usize, repeats: usize) -> Pairs<'a> {
        let size = self.size(samples, size);
        let blocks = self.reference.len() / size;
        let reference = |at: usize| self.reference.block(at, size);
        let draws = blocks.min(samples.len() / size).min(repeats).max(1);
        let values = (0..draws).map(|at| (samples.block(at, size), reference(at))).collect();
        let floors = match &self.independent {
            Some(set) => (0..blocks.min(repeats).max(1)).map(|at| (set.block(at, size), reference(at))).collect(),
            None => {
                let ring = blocks.min(repeats.max(2));
                // Two blocks make one pair, not two.
                let pairs = if ring == 2 { 1 } else { ring };
                (0..pairs).map(|at| (reference((at + 1) % ring), reference(at))).collect()
            }
        };
        Pairs { size, values, floors }
    }

    /// The energy that particles stay below at equilibrium: 0 if the whole reference does, otherwise its greatest
    /// energy, rounded up. `None` for other targets, whose energies have no such scale.
    pub fn gate(&self, target: &Target) -> Option<f64> {
        let Structure::Particles { .. } = target.structure() else { return None };
        let greatest = self.reference.energies.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(greatest.max(0.0).ceil())
    }
}

/// The least favourable figures of a manifest; one that is unknown makes the whole unknown.
pub fn manifest_mixing(manifest: &Manifest) -> Mixing {
    let acceptance = match &manifest.method {
        Method::Exact => return Mixing::independent(),
        Method::Exploration(_) => None,
        Method::ReplicaExchange { acceptance, .. } => acceptance.first().copied(),
    };
    let all = &manifest.observables;
    let least = least_effective(all.iter().map(|o| o.effective_sample_size));
    let fraction = match manifest.independent {
        Some(independent) => independent / manifest.n as f64,
        None => least / manifest.frames_judged as f64,
    };
    Mixing {
        effective_fraction: fraction.clamp(0.0, 1.0),
        r_hat: Some(worst_r_hat(all.iter().map(|o| o.r_hat))),
        acceptance,
        how: "of the chains, by their manifest".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(n: usize) -> Measured {
        let energies: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let data = energies.iter().map(|e| *e as f32).collect();
        Measured { samples: Samples { dim: 1, data }, energies, virials: Vec::new(), gradients: Vec::new() }
    }

    fn comparison(n: usize, independent: Option<usize>) -> Comparison {
        let facts = Facts { source: String::new(), n, mixing: Mixing::independent(), energy_evaluations: None };
        Comparison { facts, reference: set(n), independent: independent.map(set) }
    }

    fn starts(pairs: &[(Block<'_>, Block<'_>)]) -> Vec<(f64, f64)> {
        pairs.iter().map(|(a, b)| (a.energies[0], b.energies[0])).collect()
    }

    #[test]
    fn blocks_are_disjoint_and_a_floor_never_meets_itself() {
        let (samples, reference) = (set(45), comparison(50, None));
        let pairs = reference.pairs(&samples, 10, 10);
        assert_eq!(starts(&pairs.values), [(0.0, 0.0), (10.0, 10.0), (20.0, 20.0), (30.0, 30.0)]);
        assert_eq!(starts(&pairs.floors), [(10.0, 0.0), (20.0, 10.0), (30.0, 20.0), (40.0, 30.0), (0.0, 40.0)]);
        let pairs = reference.pairs(&samples, 40, 1);
        assert_eq!(
            (pairs.size, starts(&pairs.values), starts(&pairs.floors)),
            (25, vec![(0.0, 0.0)], vec![(25.0, 0.0)])
        );
        assert!(pairs.values.iter().chain(&pairs.floors).all(|(a, b)| a.data.len() == 25 && b.data.len() == 25));
    }

    #[test]
    fn a_manifest_with_an_unknown_figure_is_not_judged_by_the_known_ones() {
        let good = shipped("lj13").unwrap().manifest;
        let mixing = manifest_mixing(&good);
        assert!((0.9..=1.0).contains(&mixing.effective_fraction) && mixing.r_hat.unwrap() < 1.01);
        let with = |change: fn(&mut Manifest)| {
            let mut manifest = good.clone();
            change(&mut manifest);
            manifest_mixing(&manifest)
        };
        assert!(with(|m| m.observables[1].effective_sample_size = f64::NAN).effective_fraction.is_nan());
        assert!(with(|m| m.observables[1].r_hat = f64::NAN).r_hat.unwrap().is_nan());
        assert_eq!(with(|m| m.observables[1].r_hat = f64::INFINITY).r_hat, Some(f64::INFINITY));
        let none = with(|m| m.observables.clear());
        assert!(none.effective_fraction.is_nan() && none.r_hat.unwrap().is_nan());
    }

    #[test]
    fn an_independent_set_stands_in_for_samples() {
        let pairs = comparison(50, Some(50)).pairs(&set(20), 30, 3).size;
        assert_eq!(pairs, 20);
        let reference = comparison(50, Some(50));
        let samples = set(20);
        let pairs = reference.pairs(&samples, 10, 3);
        assert_eq!(starts(&pairs.values).len(), 2);
        assert_eq!(starts(&pairs.floors), [(0.0, 0.0), (10.0, 10.0), (20.0, 20.0)]);
    }
}
