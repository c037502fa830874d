//! What may be known of a target beside its energy: what comes with Kiln, and what a training must reach.

/// Reference samples that come with Kiln.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// The samples, a `.npy` file.
    pub npy: &'static [u8],
    /// Their manifest in JSON: where they come from and how good they are.
    pub manifest: &'static [u8],
}

/// A trained generator that comes with Kiln; `pretrained/README.md` says which command made each.
#[derive(Debug, PartialEq, Eq)]
pub struct Pretrained {
    /// Its name, that of its target.
    pub name: &'static str,
    /// Its generator file.
    pub generator: &'static [u8],
    /// The settings it was trained with.
    pub config: &'static str,
    /// What `kiln evaluate --json` said of it.
    pub quality: &'static str,
}

/// What a training must reach, with default settings, of particles by `direct`; both ends are allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// A row of `kiln evaluate`, or `seconds`, the wall time of `kiln train`.
    pub figure: &'static str,
    /// What is held against the ends.
    pub of: Relation,
    /// Least; none is no bar on that side.
    pub least: Option<f64>,
    /// Most.
    pub most: Option<f64>,
}

/// Which number of a figure a [`Bar`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// The value.
    Value,
    /// The value less its floor.
    AboveFloor,
    /// The value over its floor.
    OverFloor,
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Value => "value",
            Self::AboveFloor => "- floor",
            Self::OverFloor => "/ floor",
        })
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
