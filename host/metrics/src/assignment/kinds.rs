//! Which rows (or columns) of a matrix of costs are the same: those of samples that coincide.

use std::collections::HashMap;

/// Entries that are compared first: almost all lines that differ do so there.
const PROBES: usize = 8;

/// Equal lines of a matrix, sorted into kinds; empty where all lines differ, or nobody asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinds {
    lines: usize,
    /// Of each line.
    kind_of: Vec<usize>,
    /// The lines of each kind.
    members: Vec<Vec<usize>>,
}

impl Kinds {
    /// The kinds of rows of an n × n matrix.
    pub(super) fn of_rows(cost: &[f64], n: usize) -> Self {
        Self::of(n, |row, column| cost[row * n + column])
    }

    /// The kinds of columns.
    pub(super) fn of_columns(cost: &[f64], n: usize) -> Self {
        Self::of(n, |column, row| cost[row * n + column])
    }

    fn of(n: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let step = (n / PROBES).max(1);
        let probe = |line: usize| (0..n).step_by(step).map(|at| entry(line, at).to_bits()).collect::<Vec<u64>>();
        let same = |a: usize, b: usize| (0..n).all(|at| entry(a, at) == entry(b, at));
        let mut kinds = Self { lines: n, kind_of: Vec::with_capacity(n), members: Vec::new() };
        let mut found: HashMap<Vec<u64>, Vec<usize>> = HashMap::with_capacity(n);
        for line in 0..n {
            let near = found.entry(probe(line)).or_default();
            let kind = near.iter().copied().find(|kind| same(line, kinds.members[*kind][0]));
            let kind = kind.unwrap_or_else(|| {
                kinds.members.push(Vec::new());
                near.push(kinds.members.len() - 1);
                kinds.members.len() - 1
            });
            kinds.members[kind].push(line);
            kinds.kind_of.push(kind);
        }
        if kinds.any() { kinds } else { Self { lines: n, ..Self::default() } }
    }

    /// How many kinds there are.
    pub(super) fn count(&self) -> usize {
        if self.members.is_empty() { self.lines } else { self.members.len() }
    }

    /// Whether any two lines are the same.
    pub(super) fn any(&self) -> bool {
        self.count() < self.lines
    }

    /// The lines that are the same as this one, itself among them; none where all differ.
    pub(super) fn like(&self, line: usize) -> &[usize] {
        self.kind_of.get(line).map_or(&[], |kind| &self.members[*kind])
    }
}
