//! Samples: what every source draws and every metric judges.

use crate::error::Error;

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

    /// Refuses numbers that are none; the rows begin with sample `first` of the seed, of which `n` are wanted.
    ///
    /// # Errors
    /// With how many there are, and the first of them.
    pub fn check_finite(&self, first: u64, n: u64) -> Result<(), Error> {
        let lost = |row: &[f32]| row.iter().any(|x| !x.is_finite());
        let rows = self.data.chunks_exact(self.dim.max(1)).enumerate();
        let mut places = rows.filter(|(_, row)| lost(row)).map(|(at, _)| at as u64);
        let Some(at) = places.next() else { return Ok(()) };
        let (count, drawn) = (1 + places.count(), first + self.len() as u64);
        let of = if drawn == n { format!("{n} samples") } else { format!("the first {drawn} samples") };
        Err(Error::numerics(
            format!("{count} of {of} are not finite, the first is number {}", first + at + 1),
            "train the generator anew, or leave them out and have them counted by --gate inf",
        ))
    }
}
