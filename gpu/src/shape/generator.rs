//! The shape of a generator, and the shape in its file.

use super::body::{Body, WIDEST};
use super::egnn::EgnnSpec;
use crate::checkpoint::{Checkpoint, CheckpointError};

pub use super::body::SpecError;

/// Version of the file format.
const FORMAT: &str = "1";
/// That of a generator with cells, which earlier versions cannot read.
const FORMAT_WITH_CELLS: &str = "2";
/// What names of the cells' thresholds begin with; also the text that says how many latent numbers have some.
const CELLS: &str = "cells";

/// The shape of a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneratorSpec {
    /// Numbers a sample has.
    pub dim: usize,
    /// Numbers a latent has; at least `dim`.
    pub latent: usize,
    /// Thresholds on each latent number (with particles: on those that are no coordinates); none for a continuous map.
    pub thresholds: Vec<f32>,
    /// Thresholds of each latent number beyond the first `dim` of an MLP, which its network sees in place of that number: it
    /// chooses among cells, whose shares are those of the normal distribution between the thresholds. None: all latent numbers
    /// are seen, and have `thresholds`.
    pub cells: Vec<Vec<f32>>,
    /// Factor on the latent's part.
    pub skip: f32,
    /// Factor on the network's part.
    pub scale: f32,
    /// The network. An EGNN's `node_inputs` are [`GeneratorSpec::node_inputs`].
    pub body: Body,
}

impl GeneratorSpec {
    /// # Errors
    /// If no generator can have this shape.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.dim == 0 {
            return Err(SpecError::Empty);
        }
        if self.latent < self.dim {
            return Err(SpecError::Latent);
        }
        let numbers = self.thresholds.iter().chain(self.cells.iter().flatten()).chain([&self.skip, &self.scale]);
        if !numbers.into_iter().all(|x| x.is_finite()) {
            return Err(SpecError::NonFinite);
        }
        if self.latent.checked_mul(1 + self.thresholds.len()).is_none_or(|n| n > WIDEST) || self.inputs() > WIDEST {
            return Err(SpecError::TooLarge);
        }
        if !self.cells.is_empty() && (self.latent != self.dim + self.cells.len() || matches!(self.body, Body::Egnn(_)))
        {
            return Err(SpecError::Cells);
        }
        self.body.check()?;
        match &self.body {
            Body::Mlp { .. } => Ok(()),
            Body::Egnn(egnn) => {
                let own = self.latent - self.dim;
                let fits = egnn.particles * egnn.dimensions == self.dim
                    && own.is_multiple_of(egnn.particles)
                    && egnn.node_inputs == Self::node_inputs(own / egnn.particles, self.thresholds.len());
                if fits { Ok(()) } else { Err(SpecError::Particles) }
            }
        }
    }

    /// Inputs of an MLP.
    pub fn inputs(&self) -> usize {
        let seen = if self.cells.is_empty() { self.latent } else { self.dim };
        seen * (1 + self.thresholds.len()) + self.cells.iter().map(Vec::len).sum::<usize>()
    }

    /// Inputs, hidden widths and outputs of an MLP.
    pub(crate) fn widths(&self, hidden: usize, depth: usize) -> Vec<usize> {
        let mut widths = vec![hidden; depth + 2];
        widths[0] = self.inputs();
        widths[depth + 1] = self.dim;
        widths
    }

    /// How many trained numbers its network has.
    pub fn numbers(&self) -> usize {
        match &self.body {
            Body::Mlp { hidden, depth } => self.widths(*hidden, *depth).windows(2).map(|w| (w[0] + 1) * w[1]).sum(),
            Body::Egnn(egnn) => egnn.numbers(),
        }
    }

    /// The same with a network of another hidden width and depth.
    #[must_use]
    pub fn resized(&self, hidden: usize, depth: usize) -> Self {
        let body = match &self.body {
            Body::Mlp { .. } => Body::Mlp { hidden, depth },
            Body::Egnn(egnn) => Body::Egnn(EgnnSpec { hidden, layers: depth, ..egnn.clone() }),
        };
        Self { body, ..self.clone() }
    }

    /// Node inputs of an EGNN whose particles have `own` latent numbers each; a constant 1 where there are none.
    pub fn node_inputs(own: usize, thresholds: usize) -> usize {
        (own * (1 + thresholds)).max(1)
    }

    /// Adds the shape to a file, as texts and the tensor `thresholds`.
    pub fn insert_into(&self, file: &mut Checkpoint) {
        file.insert_tensor("thresholds", vec![self.thresholds.len()], self.thresholds.clone());
        for (key, number) in [("dim", self.dim), ("latent", self.latent)] {
            file.insert_text(key, number.to_string());
        }
        self.body.insert_into("", file);
        file.insert_text("skip", self.skip.to_string());
        file.insert_text("scale", self.scale.to_string());
        if self.cells.is_empty() {
            file.insert_text("format", FORMAT);
            return;
        }
        file.insert_text("format", FORMAT_WITH_CELLS);
        file.insert_text(CELLS, self.cells.len().to_string());
        for (at, thresholds) in self.cells.iter().enumerate() {
            file.insert_tensor(format!("{CELLS}.{at}.thresholds"), vec![thresholds.len()], thresholds.clone());
        }
    }

    /// The shape of the generator in a file.
    ///
    /// # Errors
    /// If anything is missing or is no shape.
    pub fn from_checkpoint(file: &Checkpoint) -> Result<Self, CheckpointError> {
        let cells = match file.text("format")? {
            FORMAT => Vec::new(),
            FORMAT_WITH_CELLS => {
                let cells = 0..file.parsed(CELLS)?;
                let cells = cells.map(|at: usize| Ok(file.vector(&format!("{CELLS}.{at}.thresholds"))?.to_vec()));
                cells.collect::<Result<_, CheckpointError>>()?
            }
            _ => return Err(file.bad_text("format")),
        };
        let spec = Self {
            dim: file.parsed("dim")?,
            latent: file.parsed("latent")?,
            thresholds: file.vector("thresholds")?.to_vec(),
            skip: file.parsed("skip")?,
            scale: file.parsed("scale")?,
            cells,
            body: Body::from_checkpoint("", file)?,
        };
        spec.check().map_err(|error| CheckpointError::no_shape("generator", error))?;
        Ok(spec)
    }
}
