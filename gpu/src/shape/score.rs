//! The shape of a score network.

use super::body::{Body, SpecError, WIDEST};
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::mixture::Mixture;
use kiln_core::symmetry::Symmetry;
use std::sync::Arc;

/// Frequencies of the features of log v that a preconditioned network is given: exp(linspace(-2, 2, 8)).
pub(crate) const FREQUENCIES: usize = 8;

/// What a file calls the kinds of networks, and what they have besides a body.
const PRECONDITIONED: &str = "preconditioned";
const GUIDED: &str = "guided";
const PUBLISHED: &str = "published";
const MIXTURE: &str = "mixture.";
const LEVELS: &str = "levels";

/// Which network, and how large.
#[derive(Clone, Debug, PartialEq)]
pub enum ScoreSpec {
    /// Karras et al. 2022, table 1 ("EDM"), with their sigma = v:
    /// D = c_skip y + c_out F(c_in y; log v), c_skip = s^2 / (s^2 + v^2), c_out = s v / sqrt(s^2 + v^2),
    /// c_in = 1 / sqrt(s^2 + v^2). F is conditioned on sines and cosines of log v, an MLP in its hidden layers, an EGNN
    /// through its nodes; the EGNN sees y itself, c_in = 1, since forces between particles have a length of their own.
    Preconditioned {
        /// Numbers a sample has.
        dim: usize,
        /// F. An EGNN has [`ScoreSpec::NODE_INPUTS`].
        body: Body,
        /// s, the standard deviation of the data's region.
        data_sd: f32,
    },
    /// D = mean + spread F, where mean and spread are the posterior's under a mixture ([`Mixture::first_guess`]) and F is an
    /// MLP that begins as 0. F sees y / sqrt(1 + v^2) and what the mixture tells of it, and is conditioned on log v.
    Guided {
        /// F; never an EGNN.
        body: Body,
        /// The mixture.
        mixture: Arc<Mixture>,
    },
    /// The networks of He et al. 2025: s(x_t, t) itself. Hidden layer l of an MLP is conditioned on
    /// [sin(2 pi w_l t), cos(2 pi w_l t)] with random w_l that are not trained; nodes of an EGNN have the one input t.
    Published {
        /// Numbers a sample has.
        dim: usize,
        /// The network; the width of an MLP is even.
        body: Body,
        /// (alpha, sigma) for each t.
        levels: Vec<(f32, f32)>,
    },
}

impl ScoreSpec {
    /// Node inputs of a preconditioned EGNN.
    pub const NODE_INPUTS: usize = 2 * FREQUENCIES;

    /// # Errors
    /// If no score network can have this shape.
    pub fn check(&self) -> Result<(), SpecError> {
        self.body().check()?;
        let finite = |levels: &[(f32, f32)]| levels.iter().all(|(alpha, sigma)| alpha.is_finite() && sigma.is_finite());
        match self {
            Self::Preconditioned { dim: 0, .. } | Self::Published { dim: 0, .. } => Err(SpecError::Empty),
            Self::Preconditioned { data_sd, .. } if !data_sd.is_finite() => Err(SpecError::NonFinite),
            Self::Published { levels, .. } if !finite(levels) => Err(SpecError::NonFinite),
            Self::Guided { body: Body::Egnn(_), .. } => Err(SpecError::Cells),
            _ if self.inputs() > WIDEST => Err(SpecError::TooLarge),
            _ => Ok(()),
        }
    }

    /// Adds the shape to a file, with its mixture or levels; names begin with `prefix`.
    pub fn insert_into(&self, prefix: &str, file: &mut Checkpoint) {
        let name = |part: &str| format!("{prefix}{part}");
        self.body().insert_into(prefix, file);
        let kind = match self {
            Self::Preconditioned { data_sd, .. } => {
                file.insert_text(name("data_sd"), data_sd.to_string());
                PRECONDITIONED
            }
            Self::Guided { mixture, .. } => {
                mixture.insert_into(&name(MIXTURE), file);
                GUIDED
            }
            Self::Published { levels, .. } => {
                let numbers = levels.iter().flat_map(|(alpha, sigma)| [*alpha, *sigma]).collect();
                file.insert_tensor(name(LEVELS), vec![levels.len(), 2], numbers);
                PUBLISHED
            }
        };
        file.insert_text(name("kind"), kind);
        file.insert_text(name("dim"), self.dim().to_string());
    }

    /// The shape in a file.
    ///
    /// # Errors
    /// If anything is missing or is no shape.
    pub fn from_checkpoint(prefix: &str, file: &Checkpoint) -> Result<Self, CheckpointError> {
        let name = |part: &str| format!("{prefix}{part}");
        let (body, dim) = (Body::from_checkpoint(prefix, file)?, file.parsed(&name("dim"))?);
        let spec = match file.text(&name("kind"))? {
            PRECONDITIONED => Self::Preconditioned { dim, body, data_sd: file.parsed(&name("data_sd"))? },
            GUIDED => Self::Guided { body, mixture: Arc::new(Mixture::from_checkpoint(&name(MIXTURE), dim, file)?) },
            PUBLISHED => {
                let rows = file.rows(&name(LEVELS), 2)?;
                let pairs = file.tensor(&name(LEVELS), &[rows, 2])?.as_chunks::<2>().0;
                Self::Published { dim, body, levels: pairs.iter().map(|[alpha, sigma]| (*alpha, *sigma)).collect() }
            }
            _ => return Err(file.bad_text(&name("kind"))),
        };
        spec.check().map_err(|error| CheckpointError::no_shape("score network", error))?;
        Ok(spec)
    }

    /// Numbers a sample has.
    pub fn dim(&self) -> usize {
        match *self {
            Self::Preconditioned { dim, .. } | Self::Published { dim, .. } => dim,
            Self::Guided { ref mixture, .. } => mixture.dim(),
        }
    }

    /// The symmetry of what an EGNN denoises.
    pub fn symmetry(&self) -> Symmetry {
        match self.body() {
            Body::Mlp { .. } => Symmetry::None,
            Body::Egnn(egnn) => Symmetry::Particles { count: egnn.particles, dimensions: egnn.dimensions },
        }
    }

    /// The network.
    pub fn body(&self) -> &Body {
        match self {
            Self::Preconditioned { body, .. } | Self::Published { body, .. } | Self::Guided { body, .. } => body,
        }
    }

    /// Inputs of an MLP.
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Self::Guided { mixture, .. } => mixture.dim() + mixture.told(),
            _ => self.dim(),
        }
    }

    /// Numbers that tell a network the noise.
    pub(crate) fn features(&self) -> usize {
        match self {
            Self::Preconditioned { .. } | Self::Guided { .. } => Self::NODE_INPUTS,
            Self::Published { levels, .. } => levels.len(),
        }
    }
}
