//! A point whose length is known at run time, for the core's kernels.

use kiln_core::Vector;

/// Coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Vec<f64>);

impl Row {
    /// The origin.
    pub fn zeros(length: usize) -> Self {
        Self(vec![0.0; length])
    }
}

impl Vector for Row {
    type Scalar = f64;
    fn as_slice(&self) -> &[f64] {
        &self.0
    }
    fn as_mut_slice(&mut self) -> &mut [f64] {
        &mut self.0
    }
}
