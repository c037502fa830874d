//! Samples: what every source draws and every metric judges.

/// Samples, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Coordinates per sample.
    pub dim: usize,
    /// `n * dim` coordinates.
    pub data: Vec<f32>,
}

impl Samples {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}
