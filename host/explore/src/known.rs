//! What an exploration knows so far, and how it moves on.

use crate::ensemble::Ensemble;
use crate::exploration::Kind;
use crate::legs::States;
use crate::whitened::Whitened;
use kiln_metrics::gaussians::Fit;

/// The way that moves on best so far.
pub struct Chosen {
    /// With a ladder or without.
    pub kind: Kind,
    /// Who moves, and how.
    pub ensemble: Ensemble,
    /// Effective samples an evaluation.
    pub yielded: f64,
}

/// What is known so far.
pub struct Known<'a> {
    /// The energy in the best coordinates so far.
    pub whitened: Whitened<'a>,
    /// Blocks of coordinates that do not interact with the rest.
    pub apart: Vec<Vec<usize>>,
    /// States that references are fitted to.
    pub states: States,
    /// Where the coldest rungs stood last.
    pub ends: Vec<Vec<f64>>,
    /// Their step.
    pub step: f64,
    /// Whether states sit in necks.
    pub necks: bool,
    /// The mixture that was fitted last.
    pub fit: Option<Fit>,
    /// log Z and its error from the last ladder that says it.
    pub log_z: Option<(f64, f64)>,
}

impl Known<'_> {
    /// Coordinates of u.
    pub fn free(&self) -> usize {
        self.whitened.frame.free()
    }
}
