//! One evaluation: the rows that fit a target, in their order.

use super::comparison::Comparison;
use super::effort::Effort;
use super::measured::{Block, Measured};
use super::origin::{Mixing, Origin};
use super::report::{Row, percent};
use crate::progress::{Counted, Part, Progress, Weight};
use crate::target::{Structure, Target};
use kiln_core::symmetry::Symmetry;
use kiln_metrics::alignment::Aligner;
use kiln_metrics::histogram::{BINS, Outside, total_variation};
use kiln_metrics::particles::{gated, off_centre, share_above};
use kiln_metrics::statistic::{Mean, median, share_error};
use kiln_metrics::transport::{geometric_wasserstein2, wasserstein2, wasserstein2_line};
use kiln_metrics::{mixture, wells};
use rayon::prelude::*;

/// One evaluation under way.
pub struct Trial<'a> {
    /// What the samples are of.
    pub target: &'a Target,
    /// Where they come from.
    pub origin: &'a Origin,
    /// The samples, measured.
    pub set: &'a Measured,
    /// What they are compared with.
    pub comparison: Option<&'a Comparison>,
    /// The energy above which they are counted and left out.
    pub gate: Option<f64>,
    /// How much is spent.
    pub effort: Effort,
    /// What is shown of figures that take long.
    pub progress: &'a dyn Progress,
    /// The figures so far.
    pub rows: Vec<Row>,
    /// What has to be said of them.
    pub notes: Vec<String>,
}

/// A figure of one set.
#[derive(Default)]
struct Value {
    value: f64,
    sd: Option<f64>,
    floor: Option<f64>,
    floor_sd: Option<f64>,
    truth: Option<f64>,
    /// Whether it needs the energy of every sample.
    energies: bool,
}

type Metric<'a> = &'a (dyn Fn(&Block<'_>, &Block<'_>) -> f64 + Sync);

impl Trial<'_> {
    /// Energy evaluations behind n samples: producing them, and one each if their energies are looked at.
    fn cost(&self, n: usize, energies: bool) -> u64 {
        self.origin.share(n, self.set.len()) + if energies { n as u64 } else { 0 }
    }

    fn row(&self, metric: &str, n: usize) -> Row {
        let mixing = &self.origin.mixing;
        Row {
            metric: metric.into(),
            value: f64::NAN,
            sd: None,
            floor: None,
            floor_sd: None,
            truth: None,
            n,
            repeats: 1,
            floor_repeats: 0,
            discarded: None,
            effective_sample_size: n as f64 * mixing.effective_fraction,
            r_hat: mixing.r_hat,
            acceptance: mixing.acceptance,
            energy_evaluations: 0,
        }
    }

    /// The standard error of a mean of samples, by their effective number. A part of a chain may not have been where the
    /// rest was: the spread is that of all samples.
    fn error(&self, mean: &Mean, all: &[f64]) -> f64 {
        let mixing = &self.origin.mixing;
        let sd = if mixing.r_hat.is_some() && mean.n < all.len() { Mean::of(all).sd } else { mean.sd };
        sd / (mean.n as f64 * mixing.effective_fraction).sqrt()
    }

    /// The same of a mean of exact samples.
    fn rival_error(&self, mean: &Mean) -> f64 {
        let fraction = self.comparison.map_or(f64::NAN, |comparison| comparison.facts.mixing.effective_fraction);
        mean.sd / (mean.n as f64 * fraction).sqrt()
    }

    /// A share of the first n samples, and of as many exact ones.
    fn share(&self, share: f64, n: usize, floor: Option<(f64, usize)>) -> Value {
        let effective = |n: usize, mixing: &Mixing| n as f64 * mixing.effective_fraction;
        let floor_sd = floor.zip(self.comparison);
        Value {
            value: share,
            sd: Some(share_error(share, effective(n, &self.origin.mixing))),
            floor: floor.map(|(share, _)| share),
            floor_sd: floor_sd
                .map(|((share, n), comparison)| share_error(share, effective(n, &comparison.facts.mixing))),
            ..Value::default()
        }
    }

    fn add(&mut self, metric: &str, figure: Value) {
        let n = self.set.len().min(self.effort.n);
        let Value { value, sd, floor, floor_sd, truth, energies } = figure;
        let energy_evaluations = self.cost(n, energies);
        let floor_repeats = usize::from(floor.is_some());
        let row = Row { value, sd, floor, floor_sd, truth, floor_repeats, energy_evaluations, ..self.row(metric, n) };
        self.rows.push(row);
    }

    /// Figures of the samples alone, beside the same of a reference set.
    pub fn plain(&mut self) {
        let (dim, target) = (self.target.dim(), self.target);
        let n = self.set.len().min(self.effort.n);
        let judged = self.set.block(0, n);
        let rival = self.comparison.map(|c| c.independent.as_ref().unwrap_or(&c.reference));
        let rival = rival.map(|set| set.block(0, set.len().min(n)));
        let of_energies = |f: &dyn Fn(&[f64]) -> f64| (f(judged.energies), rival.map(|r| f(r.energies)));
        let energy = Mean::of(judged.energies);
        let known = target.mean_energy();
        // Where the mean is not known exactly, the reference's own is what a perfect sampler scores.
        let reference = rival.map(|r| Mean::of(r.energies)).filter(|_| known.is_none());
        match target.structure() {
            Structure::Mixture { means, sd } => {
                let of = |block: &Block<'_>| mixture::coverage(block.data, dim, &means, sd);
                let (found, floor) = (of(&judged), rival.as_ref().map(of));
                let truth = known.map(|energy| -energy);
                let se = Some(self.error(&energy, &self.set.energies));
                self.add(
                    "mean log p",
                    Value { value: -energy.mean, sd: se, truth, energies: true, ..Value::default() },
                );
                let mut add = |metric, value, floor, truth| {
                    self.add(metric, Value { value, floor, truth, ..Value::default() });
                };
                let modes = Some(found.modes as f64);
                add("modes covered", found.covered as f64, floor.map(|f| f.covered as f64), modes);
                add("mode-mass total variation", found.mass_variation, floor.map(|f| f.mass_variation), None);
                let floor = floor.map(|f| f.within).zip(rival.as_ref().map(|r| r.energies.len()));
                let within = self.share(found.within, n, floor);
                self.add("fraction within 4 sd of a mode", within);
            }
            structure => {
                let (sd, truth) = (Some(self.error(&energy, &self.set.energies)), known);
                let (floor, floor_sd) = (reference.map(|r| r.mean), reference.map(|r| self.rival_error(&r)));
                self.add("mean energy", Value { value: energy.mean, sd, floor, floor_sd, truth, energies: true });
                if let Structure::Wells { right } = structure {
                    let worst = |b: &Block<'_>| wells::worst_deviation(&wells::right_fractions(b.data, dim), right);
                    let (value, floor) = (worst(&judged), rival.as_ref().map(worst));
                    self.add("worst well |P(d>0) - truth|", Value { value, floor, ..Value::default() });
                }
                if let Structure::Particles { .. } = structure {
                    let (value, floor) = of_energies(&median);
                    self.add("median energy", Value { value, floor, energies: true, ..Value::default() });
                }
            }
        }
        self.virials(n);
        if let Some(gate) = self.gate {
            let (value, floor) = of_energies(&|energies| share_above(energies, gate));
            let figure = self.share(value, n, floor.zip(rival.map(|r| r.energies.len())));
            self.add(&format!("share with E > {gate}"), Value { energies: true, ..figure });
        }
        let lost = judged.energies.iter().filter(|energy| !energy.is_finite()).count() as f64;
        let figure = Value { value: lost, truth: Some(0.0), energies: true, ..Value::default() };
        self.add("samples with non-finite energy", figure);
    }

    /// The virial is the number of free coordinates for every density exp(-E): see [`kiln_metrics::measure`].
    fn virials(&mut self, n: usize) {
        let free = self.target.symmetry().free_coordinates(self.target.dim()) as f64;
        let (set, rival) = (self.set, self.comparison.map(|c| c.independent.as_ref().unwrap_or(&c.reference)));
        if set.virials.is_empty() {
            return;
        }
        // Of the samples up to a gate.
        let up_to = |set: &Measured, n: usize, gate: Option<f64>| -> Vec<f64> {
            let pairs = set.virials[..n].iter().zip(&set.energies);
            pairs.filter(|(_, energy)| gate.is_none_or(|gate| **energy <= gate)).map(|(virial, _)| *virial).collect()
        };
        let figure = |gate: Option<f64>| {
            let mine = Mean::of(&up_to(set, n, gate));
            let theirs = rival.map(|set| Mean::of(&up_to(set, set.len().min(n), gate)));
            Value {
                value: mine.mean,
                sd: Some(self.error(&mine, &up_to(set, set.len(), gate))),
                floor: theirs.map(|m| m.mean),
                floor_sd: theirs.map(|m| self.rival_error(&m)),
                truth: Some(free),
                energies: true,
            }
        };
        let plain = figure(None);
        let gated = self.gate.map(|gate| (gate, figure(Some(gate))));
        self.add("virial E[x.grad E]", plain);
        if self.target.symmetry() == Symmetry::None {
            self.notes.push("virial: x is taken from the samples' mean, about which the theorem holds as well".into());
        }
        if let Some((gate, gated)) = gated {
            self.add(&format!("virial, E <= {gate}"), gated);
            let discarded = share_above(&set.energies[..n], gate);
            self.rows.iter_mut().last().into_iter().for_each(|row| row.discarded = Some(discarded));
        }
    }

    /// Distances between the samples and the reference.
    pub fn compared(&mut self, comparison: &Comparison) {
        let (dim, effort) = (self.target.dim(), self.effort);
        let (n, repeats) = (effort.distance_n, effort.repeats);
        let outsides = [("", Outside::Counted), (", as published", Outside::Dropped)];
        for (suffix, outside) in outsides {
            self.repeated(comparison, &format!("energy TVD{suffix}"), (n, repeats), true, &|a, b| {
                total_variation(a.energies, b.energies, BINS, outside)
            });
        }
        let particles = match self.target.structure() {
            Structure::Particles { count, dimensions } => Some((count, dimensions)),
            _ => None,
        };
        if let Some((_, dimensions)) = particles {
            for (suffix, outside) in outsides {
                self.repeated(comparison, &format!("distance TVD{suffix}"), (n, repeats), false, &|a, b| {
                    total_variation(&a.distances(dimensions), &b.distances(dimensions), BINS, outside)
                });
            }
        }
        let energy_w2 = |a: &Block<'_>, b: &Block<'_>| wasserstein2_line(a.energies, b.energies);
        self.repeated(comparison, "energy W2", (n, repeats), true, &energy_w2);
        if let Some(gate) = self.gate {
            let name = format!("energy W2, E <= {gate}");
            self.repeated(comparison, &name, (n, repeats), true, &|a, b| {
                wasserstein2_line(&gated(a.energies, gate), &gated(b.energies, gate))
            });
            let pairs = comparison.pairs(self.set, n, repeats).values;
            let discarded =
                Mean::of(&pairs.iter().map(|(a, _)| share_above(a.energies, gate)).collect::<Vec<_>>()).mean;
            self.rows.iter_mut().last().into_iter().for_each(|row| row.discarded = Some(discarded));
        }
        let (set, progress) = (self.set, self.progress);
        let watch = |figure, (n, repeats): (usize, usize)| {
            let pairs = comparison.pairs(set, n, repeats);
            let rows = (pairs.values.len() + pairs.floors.len()) * pairs.size;
            Counted::new(progress, Part { weight: Weight::Brief, ..Part::new(figure, rows as u64) })
        };
        let watched = watch("W2", (n, repeats));
        self.repeated(comparison, "W2", (n, repeats), false, &|a, b| {
            wasserstein2(a.data, b.data, dim, &|| watched.tick())
        });
        if let Some((_, dimensions)) = particles {
            let off = off_centre(&self.set.samples.data, dim, dimensions);
            if off > 0.0 {
                self.notes.push(format!(
                    "W2: the mean of {} of the frames is not at the origin, where the reference's is, and the raw distance \
                     counts that; no other figure changes when a frame is moved",
                    percent(off)
                ));
            }
        }
        let aligner = particles.filter(|_| effort.geometric);
        let aligner = aligner.and_then(|(count, dimensions)| Aligner::new(count, dimensions));
        if let Some(aligner) = aligner {
            let size = effort.geometric(&aligner);
            let watched = watch("W2, geometric", size);
            self.repeated(comparison, "W2, geometric", size, false, &|a, b| {
                geometric_wasserstein2(a.data, b.data, dim, &aligner, &|| watched.tick())
            });
            self.notes.push(format!("W2, geometric: {}", aligner.method()));
        }
    }

    fn repeated(
        &mut self,
        comparison: &Comparison,
        metric: &str,
        (n, repeats): (usize, usize),
        energies: bool,
        f: Metric<'_>,
    ) {
        let pairs = comparison.pairs(self.set, n, repeats);
        let of =
            |pairs: &[(Block<'_>, Block<'_>)]| Mean::of(&pairs.par_iter().map(|(a, b)| f(a, b)).collect::<Vec<f64>>());
        let (value, floor) = (of(&pairs.values), of(&pairs.floors));
        let draws = value.n;
        // The reference's energies are one evaluation each as well.
        let judged = if energies { (pairs.size * draws) as u64 } else { 0 };
        let row = Row {
            value: value.mean,
            sd: (draws > 1).then_some(value.sd),
            floor: Some(floor.mean),
            floor_sd: (floor.n > 1).then_some(floor.sd),
            repeats: draws,
            floor_repeats: floor.n,
            energy_evaluations: self.cost(pairs.size * draws, energies) + judged,
            ..self.row(metric, pairs.size)
        };
        self.rows.push(row);
    }
}
