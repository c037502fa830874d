//! Samples with what is measured on each of them: one evaluation of energy and gradient a sample, made once, whatever figures,
//! pages and pictures follow.

use super::origin::Mixing;
use crate::error::Error;
use crate::samples::Samples;
use crate::target::Target;
use kiln_metrics::measure;
use kiln_metrics::observable::Observables;
use kiln_metrics::particles::distances;

/// Measured samples of a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The samples.
    pub samples: Samples,
    /// E of every sample; NaN where a coordinate is not finite.
    pub energies: Vec<f64>,
    /// Every sample's part of the virial, see [`measure`]; empty where the target has no gradient.
    pub virials: Vec<f64>,
    /// ∇E of every sample (n, dim), where a verdict is to look at them; otherwise empty.
    pub gradients: Vec<f64>,
}

/// A part of them.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// Coordinates, row by row.
    pub data: &'a [f32],
    /// E of every sample.
    pub energies: &'a [f64],
}

impl Block<'_> {
    /// Every distance between two particles.
    pub fn distances(&self, dimensions: usize) -> Vec<f64> {
        distances(self.data, self.data.len() / self.energies.len().max(1), dimensions)
    }
}

impl Measured {
    /// Measures every sample.
    ///
    /// # Errors
    /// If the samples have other coordinates than the target, or there are none.
    pub fn of(target: &Target, samples: Samples) -> Result<Self, Error> {
        Self::check(target, &samples)?;
        Ok(Self::unchecked(target, samples))
    }

    /// The same, with the gradients kept.
    ///
    /// # Errors
    /// As [`Measured::of`].
    pub fn differentiated(target: &Target, samples: Samples) -> Result<Self, Error> {
        Self::check(target, &samples)?;
        let (energies, gradients) = measure::energies_and_gradients(target, &samples.data);
        target.check()?;
        let virials = measure::virials(target.symmetry(), &samples.data, &gradients, samples.dim);
        Ok(Self { samples, energies, virials, gradients })
    }

    fn check(target: &Target, samples: &Samples) -> Result<(), Error> {
        let dim = target.dim();
        if samples.dim != dim {
            let message = format!("the samples have {} coordinates, {} has {dim}", samples.dim, target.title());
            return Err(Error::input(message, "evaluate samples of the target they were drawn for"));
        }
        if samples.is_empty() {
            return Err(Error::input("there are no samples to judge", "draw some first"));
        }
        Ok(())
    }

    pub(super) fn unchecked(target: &Target, samples: Samples) -> Self {
        let (energies, virials) = measure::energies_and_virials(target, &samples.data);
        Self { samples, energies, virials, gradients: Vec::new() }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.energies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.energies.is_empty()
    }

    /// How independent the samples are, as so many chains of equal length one after another.
    pub fn mixing(&self, target: &Target, chains: usize) -> Mixing {
        let Samples { dim, data } = &self.samples;
        Mixing::measured(&Observables::of(target.symmetry(), *dim, data, &self.energies), chains)
    }

    /// Samples `at * size` up to `(at + 1) * size`.
    pub fn block(&self, at: usize, size: usize) -> Block<'_> {
        let (rows, dim) = (at * size..(at + 1) * size, self.samples.dim);
        Block { data: &self.samples.data[rows.start * dim..rows.end * dim], energies: &self.energies[rows] }
    }

    /// The samples of chains of equal length that stand one after another, first ones first.
    pub fn interleaved(&self, chains: usize) -> Self {
        let (dim, length) = (self.samples.dim, self.len() / chains);
        let order = || (0..length).flat_map(move |row| (0..chains).map(move |chain| chain * length + row));
        let data = order().flat_map(|row| &self.samples.data[row * dim..(row + 1) * dim]).copied().collect();
        let pick = |values: &[f64]| order().filter_map(|row| values.get(row).copied()).collect();
        let rows = order().filter_map(|row| self.gradients.get(row * dim..(row + 1) * dim));
        let gradients = rows.flatten().copied().collect();
        let samples = Samples { dim, data };
        Self { samples, energies: pick(&self.energies), virials: pick(&self.virials), gradients }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_of_interleaved_chains_are_of_all_of_them() {
        let data = (0..12).map(|x| x as f32).collect();
        let energies: Vec<f64> = (0..6).map(f64::from).collect();
        let measured =
            Measured { samples: Samples { dim: 2, data }, virials: energies.clone(), energies, gradients: Vec::new() };
        let mixed = measured.interleaved(3);
        assert_eq!(mixed.samples.data, [0., 1., 4., 5., 8., 9., 2., 3., 6., 7., 10., 11.]);
        assert_eq!(mixed.energies, [0., 2., 4., 1., 3., 5.]);
        assert_eq!(mixed.virials, mixed.energies);
        assert_eq!(measured.interleaved(1), measured);
    }
}
