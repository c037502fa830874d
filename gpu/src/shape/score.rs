//! The shape of a score network.

use super::body::Body;
use crate::mixture::Mixture;
use std::sync::Arc;

/// Frequencies of the features of log v that a preconditioned network is given: exp(linspace(-2, 2, 8)).
pub(crate) const FREQUENCIES: usize = 8;

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

    /// Numbers a sample has.
    pub fn dim(&self) -> usize {
        match *self {
            Self::Preconditioned { dim, .. } | Self::Published { dim, .. } => dim,
            Self::Guided { ref mixture, .. } => mixture.dim(),
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
