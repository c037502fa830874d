//! A mixture in a file.
//!
//! | what the file has, after a prefix | shape | what |
//! |---|---|---|
//! | text `blocks` | | how many blocks there are |
//! | `B.coordinates` | (d) | which coordinates, counted from 0 |
//! | `B.weights` | (cells) | shares of the cells |
//! | `B.means` | (cells, d) | their means |
//! | `B.factors`, `B.axes` | (cells, d d) | L and the eigenvectors of the covariance, whole rows |
//! | `B.variances` | (cells, d) | its eigenvalues |
//! | `B.thresholds` | (cells - 1) | where the latent number goes from each cell to the next |

use super::{Cell, Mixture, MixtureBlock};
use crate::checkpoint::{Checkpoint, CheckpointError};

impl Mixture {
    /// Adds it to a file; names begin with `prefix`.
    pub fn insert_into(&self, prefix: &str, file: &mut Checkpoint) {
        file.insert_text(format!("{prefix}blocks"), self.blocks().len().to_string());
        for (at, MixtureBlock { coordinates, cells, thresholds }) in self.blocks().iter().enumerate() {
            let (d, count) = (coordinates.len(), cells.len());
            let all = |of: fn(&Cell) -> &Vec<f32>| cells.iter().flat_map(of).copied().collect::<Vec<f32>>();
            let mut put = |part, shape, numbers| file.insert_tensor(format!("{prefix}{at}.{part}"), shape, numbers);
            put("coordinates", vec![d], coordinates.iter().map(|at| *at as f32).collect());
            put("weights", vec![count], cells.iter().map(|cell| cell.weight).collect());
            put("means", vec![count, d], all(|cell| &cell.mean));
            put("factors", vec![count, d * d], all(|cell| &cell.factor));
            put("axes", vec![count, d * d], all(|cell| &cell.axes));
            put("variances", vec![count, d], all(|cell| &cell.variances));
            put("thresholds", vec![thresholds.len()], thresholds.clone());
        }
    }

    /// The mixture of `dim` coordinates in a file.
    ///
    /// # Errors
    /// If something is missing, or the numbers make no mixture.
    pub fn from_checkpoint(prefix: &str, dim: usize, file: &Checkpoint) -> Result<Self, CheckpointError> {
        let block = |at: usize| {
            let name = |part: &str| format!("{prefix}{at}.{part}");
            let coordinates = file.coordinates(&name("coordinates"))?;
            let (d, weights) = (coordinates.len(), file.vector(&name("weights"))?);
            let rows = |part: &str, width: usize| file.tensor(&name(part), &[weights.len(), width]);
            let (means, factors) = (rows("means", d)?, rows("factors", d * d)?);
            let (axes, variances) = (rows("axes", d * d)?, rows("variances", d)?);
            let row = |numbers: &[f32], cell: usize, width: usize| numbers[cell * width..][..width].to_vec();
            let cell = |(cell, weight): (usize, &f32)| Cell {
                weight: *weight,
                mean: row(means, cell, d),
                factor: row(factors, cell, d * d),
                axes: row(axes, cell, d * d),
                variances: row(variances, cell, d),
            };
            let cells = weights.iter().enumerate().map(cell).collect();
            Ok(MixtureBlock { coordinates, cells, thresholds: file.vector(&name("thresholds"))?.to_vec() })
        };
        let blocks =
            (0..file.parsed(&format!("{prefix}blocks"))?).map(block).collect::<Result<_, CheckpointError>>()?;
        Self::new(dim, blocks).map_err(|error| CheckpointError::no_shape("mixture", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixture() -> Mixture {
        let cell = |weight: f32, mean: [f32; 2]| Cell {
            weight,
            mean: mean.to_vec(),
            factor: vec![0.5, 0.0, 0.25, 2.0],
            axes: vec![0.8, 0.6, -0.6, 0.8],
            variances: vec![0.25, 4.0],
        };
        let two = MixtureBlock {
            coordinates: vec![4, 1],
            cells: vec![cell(0.25, [1.0, -1.0]), cell(0.75, [0.5, 3.0])],
            thresholds: vec![-0.674_489_8],
        };
        let one = MixtureBlock { coordinates: vec![0, 2], cells: vec![cell(1.0, [0.0, 2.0])], thresholds: vec![] };
        Mixture::new(5, vec![two, one]).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = Checkpoint::new();
        mixture().insert_into("m.", &mut file);
        let file = Checkpoint::from_bytes(&file.to_bytes()).unwrap();
        assert_eq!(Mixture::from_checkpoint("m.", 5, &file).unwrap(), mixture());
        let none = Mixture::new(5, vec![]).unwrap();
        let mut file = Checkpoint::new();
        none.insert_into("", &mut file);
        assert_eq!(Mixture::from_checkpoint("", 5, &file).unwrap(), none);
    }

    #[test]
    fn damage_is_told() {
        let told = |name: &str, shape: &[usize], numbers: &[f32]| {
            let mut file = Checkpoint::new();
            mixture().insert_into("", &mut file);
            file.insert_tensor(name, shape.to_vec(), numbers.to_vec());
            Mixture::from_checkpoint("", 5, &file).unwrap_err().to_string()
        };
        let none = "no mixture has this shape: blocks of a mixture have distinct coordinates, a cell at least, and all numbers of them";
        assert_eq!(told("1.coordinates", &[2], &[0.0, 5.0]), none);
        assert_eq!(told("1.coordinates", &[2], &[0.0, -1.0]), "`1.coordinates` holds numbers that count no coordinate");
        assert_eq!(told("1.coordinates", &[2], &[0.0, 4.0]), none);
        assert_eq!(told("0.thresholds", &[0], &[]), none);
        assert_eq!(told("0.means", &[1, 2], &[0.0, 4.0]), "`0.means` has shape [1, 2], not [2, 2]");
        let mut file = Checkpoint::new();
        file.insert_text("blocks", "1");
        let missing = Mixture::from_checkpoint("", 5, &file).unwrap_err().to_string();
        assert_eq!(missing, "`0.coordinates` is missing");
    }
}
