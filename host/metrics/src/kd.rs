//! Cells of equal mass: a tree of medians (Bentley 1975, *Communications of the ACM* 18, 509).

use rayon::prelude::*;

/// A tree of halvings: at each node the coordinate with the largest spread, in units of its spread over all rows, is cut
/// at its median.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    depth: u32,
    /// Coordinate and threshold of every node, level by level; node i has the children 2 i + 1 (below) and 2 i + 2.
    nodes: Vec<(usize, f64)>,
}

impl Tree {
    /// The tree of `rows` (n, dim) with `cells` cells, rounded down to a power of two. Rows that are not finite are left
    /// out; `None` where fewer rows than cells remain.
    pub fn of(rows: &[f64], dim: usize, cells: usize) -> Option<Self> {
        let rows: Vec<&[f64]> = rows.chunks_exact(dim.max(1)).filter(|row| row.iter().all(|x| x.is_finite())).collect();
        if dim == 0 || cells == 0 || rows.len() < cells {
            return None;
        }
        let depth = cells.ilog2();
        let whole: Vec<f64> = (0..dim).map(|i| variance(&rows, i)).collect();
        let mut nodes = Vec::with_capacity((1 << depth) - 1);
        let mut level = vec![rows];
        for _ in 0..depth {
            let cut: Vec<_> = level.into_par_iter().map(|rows| halves(rows, &whole)).collect();
            level = Vec::new();
            for (node, below, above) in cut {
                nodes.push(node);
                level.extend([below, above]);
            }
        }
        Some(Self { depth, nodes })
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        1 << self.depth
    }

    /// The cell of x (dim), from 0: below a threshold to the one side, at it, above it and not a number to the other.
    pub fn cell(&self, x: &[f64]) -> usize {
        let mut at = 0;
        for _ in 0..self.depth {
            let (i, threshold) = self.nodes[at];
            at = 2 * at + if x[i] < threshold { 1 } else { 2 };
        }
        at + 1 - self.cells()
    }
}

fn variance(rows: &[&[f64]], i: usize) -> f64 {
    let n = rows.len() as f64;
    let mean = rows.iter().map(|row| row[i]).sum::<f64>() / n;
    rows.iter().map(|row| (row[i] - mean).powi(2)).sum::<f64>() / n
}

type Rows<'a> = Vec<&'a [f64]>;

fn halves<'a>(mut rows: Rows<'a>, whole: &[f64]) -> ((usize, f64), Rows<'a>, Rows<'a>) {
    if rows.is_empty() {
        return ((0, 0.0), Vec::new(), Vec::new());
    }
    let spread = |i: usize| if whole[i] > 0.0 { variance(&rows, i) / whole[i] } else { 0.0 };
    let spreads: Vec<f64> = (0..whole.len()).map(spread).collect();
    let widest = (0..whole.len()).fold(0, |best, i| if spreads[i] > spreads[best] { i } else { best });
    let middle = rows.len() / 2;
    let (_, median, _) = rows.select_nth_unstable_by(middle, |a, b| a[widest].total_cmp(&b[widest]));
    let threshold = median[widest];
    // By the threshold, not by place: what is equal to it belongs to one side.
    let (below, above) = rows.into_iter().partition(|row| row[widest] < threshold);
    ((widest, threshold), below, above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    #[test]
    fn cells_have_equal_mass() {
        let mut rows = vec![0.0; 1600 * 3];
        Stream::new(1, Purpose::Test, 0).fill_normal(&mut rows);
        rows.chunks_exact_mut(3).for_each(|row| row[1] *= 1000.0);
        let tree = Tree::of(&rows, 3, 16).unwrap();
        let mut counts = vec![0; tree.cells()];
        rows.chunks_exact(3).for_each(|row| counts[tree.cell(row)] += 1);
        assert_eq!(counts, [100; 16]);
        // New draws too, within chance.
        let mut fresh = vec![0.0; 16_000 * 3];
        Stream::new(2, Purpose::Test, 0).fill_normal(&mut fresh);
        let mut counts = [0_usize; 16];
        fresh.chunks_exact(3).for_each(|row| counts[tree.cell(&[row[0], 1000.0 * row[1], row[2]])] += 1);
        assert!(counts.iter().all(|c| (600..1500).contains(c)), "{counts:?}");
    }

    #[test]
    fn a_line_is_cut_at_its_quantiles() {
        let rows: Vec<f64> = (0..8).map(f64::from).collect();
        let tree = Tree::of(&rows, 1, 5).unwrap();
        assert_eq!(tree.cells(), 4);
        assert_eq!([-1.0, 1.9, 2.0, 3.0, 4.0, 5.0, 6.0, 99.0].map(|x| tree.cell(&[x])), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(tree.cell(&[f64::NAN]), 3);
    }

    #[test]
    fn ties_and_too_few_rows() {
        let tree = Tree::of(&[1.0; 64], 1, 16).unwrap();
        assert!(tree.cell(&[1.0]) < 16 && tree.cell(&[0.0]) < 16);
        assert!(Tree::of(&[1.0; 15], 1, 16).is_none() && Tree::of(&[f64::NAN; 32], 1, 16).is_none());
        assert!(Tree::of(&[], 0, 16).is_none());
    }
}
