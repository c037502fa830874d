//! The noise of a batch: x_t = alpha x + sigma eps, one pair (alpha, sigma) a row.

/// The noise of each row of a batch. What matters is its ratio v = sigma / alpha; networks that were trained on
/// a table of levels also need the index.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseBatch {
    alpha: Vec<f32>,
    sigma: Vec<f32>,
    level: Option<Vec<usize>>,
}

impl NoiseBatch {
    /// Any noise-to-signal ratios v, with alpha = 1 (variance exploding).
    pub fn from_ratios(ratios: Vec<f32>) -> Self {
        Self { alpha: vec![1.0; ratios.len()], sigma: ratios, level: None }
    }

    /// Entries of a table of (alpha, sigma).
    ///
    /// # Panics
    /// If an index is not in the table.
    pub fn from_levels(table: &[(f32, f32)], indices: Vec<usize>) -> Self {
        let (alpha, sigma) = indices.iter().map(|&i| table[i]).unzip();
        Self { alpha, sigma, level: Some(indices) }
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.sigma.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.sigma.is_empty()
    }

    /// Signal factors.
    pub fn alpha(&self) -> &[f32] {
        &self.alpha
    }

    /// Noise standard deviations.
    pub fn sigma(&self) -> &[f32] {
        &self.sigma
    }

    /// v = sigma / alpha, row by row.
    pub fn ratios(&self) -> impl Iterator<Item = f32> + '_ {
        self.sigma.iter().zip(&self.alpha).map(|(s, a)| s / a)
    }

    /// Indices into the table, where there is one.
    pub fn levels(&self) -> Option<&[usize]> {
        self.level.as_deref()
    }

    /// y = x_t / alpha = x + v eps, for a batch of clean samples.
    ///
    /// # Panics
    /// If a slice does not hold `len() * dim` numbers.
    pub fn noised(&self, clean: &[f32], eps: &[f32], dim: usize) -> Vec<f32> {
        assert_eq!((clean.len(), eps.len()), (self.len() * dim, self.len() * dim), "batch");
        let rows = clean.chunks_exact(dim).zip(eps.chunks_exact(dim)).zip(self.ratios());
        rows.flat_map(|((x, e), v)| x.iter().zip(e).map(move |(x, e)| x + v * e)).collect()
    }
}
