//! What was made of an exploration before the first step, as a file of the run: a training that is taken up again spends no evaluation
//! on it anew.
//!
//! | what the file has | shape | what |
//! |---|---|---|
//! | `states` | (n, dim) | states in the coordinates of training |
//! | text `guided` | | whether there are slopes and a mixture |
//! | `slopes` | (n, dim) | the energy's gradients at the states |
//! | `mixture.*` | | the mixture, see [`Mixture`] |
//! | text `spent` | | energy evaluations that all this took |

use super::Explored;
use kiln_gpu::mixture::Mixture;
use kiln_gpu::{Checkpoint, CheckpointError};
use std::sync::Arc;

const MIXTURE: &str = "mixture.";

impl Explored {
    /// As a file, of so many coordinates.
    pub fn to_checkpoint(&self, dim: usize) -> Checkpoint {
        let mut file = Checkpoint::new();
        let n = self.states.len() / dim;
        file.insert_tensor("states", vec![n, dim], self.states.to_vec());
        let guided = self.slopes.as_ref().zip(self.mixture.as_ref());
        file.insert_text("guided", guided.is_some().to_string());
        if let Some((slopes, mixture)) = guided {
            file.insert_tensor("slopes", vec![n, dim], slopes.to_vec());
            mixture.insert_into(MIXTURE, &mut file);
        }
        file.insert_text("spent", self.spent.to_string());
        file
    }

    /// What was written to a file.
    ///
    /// # Errors
    /// If something is missing or of another number of coordinates, or the numbers make no mixture.
    pub fn from_checkpoint(file: &Checkpoint, dim: usize) -> Result<Self, CheckpointError> {
        let n = file.rows("states", dim)?;
        let rows = |name: &str| file.tensor(name, &[n, dim]).map(|rows| Arc::new(rows.to_vec()));
        let (mut slopes, mut mixture) = (None, None);
        if file.parsed("guided")? {
            slopes = Some(rows("slopes")?);
            mixture = Some(Arc::new(Mixture::from_checkpoint(MIXTURE, dim, file)?));
        }
        Ok(Self { states: rows("states")?, slopes, mixture, spent: file.parsed("spent")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_gpu::mixture::{Cell, MixtureBlock};

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let cell = Cell { weight: 1.0, mean: vec![0.5], factor: vec![2.0], axes: vec![1.0], variances: vec![4.0] };
        let block = MixtureBlock { coordinates: vec![1], cells: vec![cell], thresholds: vec![] };
        let guided = Explored {
            states: Arc::new(vec![0.0, 1.0, 2.0, 3.0]),
            slopes: Some(Arc::new(vec![-1.0, 0.5, 0.25, 8.0])),
            mixture: Some(Arc::new(Mixture::new(2, vec![block]).unwrap())),
            spent: 123_456_789_012,
        };
        let plain = Explored { slopes: None, mixture: None, spent: 0, ..guided.clone() };
        for explored in [guided, plain] {
            let file = Checkpoint::from_bytes(&explored.to_checkpoint(2).to_bytes()).unwrap();
            assert_eq!(Explored::from_checkpoint(&file, 2).unwrap(), explored);
            assert!(Explored::from_checkpoint(&file, 3).is_err());
        }
    }
}
