//! How much is spent on judging.

use kiln_metrics::alignment::Aligner;

/// How much is spent on the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Samples for means, coverage and weights.
    pub n: usize,
    /// Samples per draw of the distances (published: 2000).
    pub distance_n: usize,
    /// Independent draws of the distances (published: 10).
    pub repeats: usize,
    /// Whether the geometric W2, the dearest figure, is among them.
    pub geometric: bool,
}

impl Default for Effort {
    fn default() -> Self {
        Self { n: 10_000, distance_n: 2000, repeats: 10, geometric: true }
    }
}

impl Effort {
    /// Samples needed in all.
    pub fn samples(&self) -> usize {
        self.n.max(self.distance_n * self.repeats)
    }

    /// Samples per draw and draws of the geometric W2: n² alignments a draw, 0.3 µs each by enumeration, 0.1 ms by
    /// search for 13 particles, 3 ms for 55.
    pub fn geometric(&self, aligner: &Aligner) -> (usize, usize) {
        let (n, repeats) = match aligner.count() {
            _ if aligner.is_exact() => (self.distance_n, self.repeats),
            0..=20 => (400, 3),
            _ => (100, 2),
        };
        (n.min(self.distance_n), repeats.min(self.repeats))
    }
}
