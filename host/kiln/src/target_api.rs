//! What the commands, metrics and pictures need to know of a target. How it is trained is the [`crate::engine`]'s
//! affair.

use kiln_core::symmetry::Symmetry;

/// A distribution p(x) ∝ exp(-E(x)) as the outside sees it.
pub trait Target: Send + Sync {
    /// The short name used on the command line, such as `mog40`.
    fn name(&self) -> &str;

    /// The name in titles, such as `MoG-40`.
    fn title(&self) -> String {
        self.name().to_string()
    }

    /// One line for `kiln targets`.
    fn summary(&self) -> String;

    /// The energy's formula with all constants: part of every output, since conventions differ between papers.
    fn convention(&self) -> String;

    /// Number of coordinates.
    fn dim(&self) -> usize;

    /// E(x) in f64. Counted by whoever calls it.
    fn energy(&self, x: &[f64]) -> f64;

    /// `n` exact samples, row by row, if there is an exact sampler.
    fn exact_samples(&self, seed: u64, n: usize) -> Option<Vec<f32>>;

    /// What is known of its structure, which decides the metrics.
    fn structure(&self) -> Structure {
        Structure::Unknown
    }

    /// What leaves the energy unchanged.
    fn symmetry(&self) -> Symmetry {
        Symmetry::None
    }

    /// The exact mean energy, if known.
    fn mean_energy(&self) -> Option<f64> {
        None
    }

    /// For two dimensions: the region to draw, [x_min, x_max, y_min, y_max].
    fn window(&self) -> Option<[f64; 4]> {
        None
    }

    /// What training asks of it, which may differ from [`Target::energy`] where no sample should lie; `None` for a distribution that is known by its samples only.
    fn training(&self) -> Option<&dyn kiln_gpu::posterior::Target> {
        None
    }

    /// Chains on [`Target::energy`], for references and polishing; `None` for a distribution that is known by its
    /// samples only.
    fn dynamics(&self) -> Option<&dyn crate::dynamics::Dynamics> {
        None
    }
}

/// What is known of a target's modes.
#[derive(Debug, Clone, PartialEq)]
pub enum Structure {
    /// Equal Gaussians: the energy is normalised, E = -log p.
    Mixture {
        /// Means, row by row.
        means: Vec<f64>,
        /// Standard deviation of each.
        sd: f64,
    },
    /// Independent pairs (d, v): a double well in each even coordinate.
    Wells {
        /// P(d > 0).
        right: f64,
    },
    /// Equal particles, whose mean is at the origin.
    Particles {
        /// How many.
        count: usize,
        /// Coordinates of each.
        dimensions: usize,
    },
    /// Nothing.
    Unknown,
}
