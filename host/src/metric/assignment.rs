//! The linear assignment problem: the pairing of n rows with n columns of least total cost, exactly.
//!
//! Shortest augmenting paths with the initialisation of Jonker & Volgenant, *A shortest augmenting path
//! algorithm for dense and sparse linear assignment problems*, Computing 38 (1987): column reduction, then
//! augmenting row reduction, then one Dijkstra search for each row still free. O(n³) at worst.

const FREE: usize = usize::MAX;

/// How often the row reduction goes over the rows still free (Jonker & Volgenant use 2).
const ROW_REDUCTIONS: usize = 2;

/// The column of every row in the pairing of least total cost. `cost` is row by row, n × n, finite.
pub fn solve(cost: &[f64], n: usize) -> Vec<usize> {
    let mut state = State::reduced_by_columns(cost, n);
    let mut free: Vec<usize> = (0..n).filter(|row| state.column_of[*row] == FREE).collect();
    for _ in 0..ROW_REDUCTIONS {
        free = state.reduce_rows(&free);
    }
    let mut search = Search::new(n);
    for row in free {
        state.augment(row, &mut search);
    }
    state.column_of
}

struct State<'a> {
    cost: &'a [f64],
    n: usize,
    /// Dual variable of every column; cost[i][j] - price[j] is what a row pays.
    price: Vec<f64>,
    column_of: Vec<usize>,
    row_of: Vec<usize>,
}

/// Room for one Dijkstra search, kept between searches.
struct Search {
    /// Length of the shortest path found so far to each column.
    distance: Vec<f64>,
    /// The row before the column on that path.
    parent: Vec<usize>,
    /// 0 for an open column, infinity for a settled one: added to lengths, it keeps the loops free of branches.
    settled: Vec<f64>,
    order: Vec<usize>,
}

impl Search {
    fn new(n: usize) -> Self {
        Self { distance: vec![0.0; n], parent: vec![0; n], settled: vec![0.0; n], order: Vec::with_capacity(n) }
    }

    /// The open column that is nearest.
    fn nearest(&self) -> Option<usize> {
        let length = self.distance.iter().zip(&self.settled).map(|(d, s)| d + s);
        let least = length.clone().fold(f64::INFINITY, |least, length| if length < least { length } else { least });
        if least == f64::INFINITY { None } else { length.into_iter().position(|length| length == least) }
    }
}

impl<'a> State<'a> {
    /// Every column takes its cheapest row, if no other column has it.
    fn reduced_by_columns(cost: &'a [f64], n: usize) -> Self {
        let (mut price, mut cheapest) = (vec![f64::INFINITY; n], vec![0; n]);
        for (i, row) in cost.chunks_exact(n.max(1)).enumerate() {
            for (j, c) in row.iter().enumerate() {
                if *c < price[j] {
                    (price[j], cheapest[j]) = (*c, i);
                }
            }
        }
        let (mut column_of, mut row_of) = (vec![FREE; n], vec![FREE; n]);
        for j in (0..n).rev() {
            if column_of[cheapest[j]] == FREE {
                (column_of[cheapest[j]], row_of[j]) = (j, cheapest[j]);
            }
        }
        Self { cost, n, price, column_of, row_of }
    }

    fn row(&self, i: usize) -> &'a [f64] {
        &self.cost[i * self.n..(i + 1) * self.n]
    }

    /// Every free row takes its cheapest column and lowers that column's price until its second choice is as
    /// good; the row that had the column becomes free, and tries again at once if the price did fall.
    fn reduce_rows(&mut self, free: &[usize]) -> Vec<usize> {
        let mut left = Vec::new();
        for start in free {
            let mut row = *start;
            // Ties in floating point could pass a column round and round; after n turns Dijkstra takes over.
            for turn in 0.. {
                let (mut first, mut second) = ((f64::INFINITY, 0), (f64::INFINITY, 0));
                for (j, (c, price)) in self.row(row).iter().zip(&self.price).enumerate() {
                    let reduced = c - price;
                    if reduced < second.0 {
                        if reduced < first.0 {
                            (second, first) = (first, (reduced, j));
                        } else {
                            second = (reduced, j);
                        }
                    }
                }
                let gain = if second.0.is_finite() { second.0 - first.0 } else { 0.0 };
                let mut column = first.1;
                if gain > 0.0 {
                    self.price[column] -= gain;
                } else if self.row_of[column] != FREE && second.0.is_finite() {
                    column = second.1;
                }
                let evicted = std::mem::replace(&mut self.row_of[column], row);
                self.column_of[row] = column;
                if evicted == FREE {
                    break;
                }
                self.column_of[evicted] = FREE;
                if gain > 0.0 && turn < self.n {
                    row = evicted;
                } else {
                    left.push(evicted);
                    break;
                }
            }
        }
        left
    }

    /// Finds the shortest alternating path from a free row to a free column in reduced costs, shifts the
    /// prices so that they stay feasible, and flips the path.
    fn augment(&mut self, start: usize, search: &mut Search) {
        search.settled.fill(0.0);
        search.parent.fill(start);
        search.order.clear();
        for ((d, c), price) in search.distance.iter_mut().zip(self.row(start)).zip(&self.price) {
            *d = c - price;
        }
        let (end, reach) = loop {
            let Some(column) = search.nearest() else { return };
            let reach = search.distance[column];
            let row = self.row_of[column];
            if row == FREE {
                break (column, reach);
            }
            search.settled[column] = f64::INFINITY;
            search.order.push(column);
            let costs = self.row(row);
            let base = reach - (costs[column] - self.price[column]);
            let columns = search.distance.iter_mut().zip(&mut search.parent).zip(&search.settled);
            for (((d, parent), settled), (c, price)) in columns.zip(costs.iter().zip(&self.price)) {
                let through = base + (c - price) + settled;
                let shorter = through < *d;
                *d = if shorter { through } else { *d };
                *parent = if shorter { row } else { *parent };
            }
        };
        for j in search.order.iter().copied() {
            self.price[j] += search.distance[j] - reach;
        }
        let mut column = end;
        loop {
            let row = search.parent[column];
            self.row_of[column] = row;
            std::mem::swap(&mut column, &mut self.column_of[row]);
            if row == start {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in [0, 1) without a library.
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        }
    }

    fn total(cost: &[f64], n: usize, columns: &[usize]) -> f64 {
        columns.iter().enumerate().map(|(i, j)| cost[i * n + j]).sum()
    }

    fn best_by_trying_all(cost: &[f64], n: usize, row: usize, used: &mut Vec<bool>) -> f64 {
        if row == n {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for j in 0..n {
            if !used[j] {
                used[j] = true;
                best = best.min(cost[row * n + j] + best_by_trying_all(cost, n, row + 1, used));
                used[j] = false;
            }
        }
        best
    }

    #[test]
    fn no_pairing_of_small_problems_is_cheaper() {
        for seed in 0..300 {
            let n = 1 + seed as usize % 7;
            let mut next = noise(seed);
            // Every third problem has many ties, every fifth is negative.
            let cost: Vec<f64> = (0..n * n)
                .map(|_| {
                    let x = if seed % 3 == 0 { (next() * 3.0).floor() } else { next() };
                    if seed % 5 == 0 { x - 2.0 } else { x }
                })
                .collect();
            let columns = solve(&cost, n);
            let mut sorted = columns.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            let best = best_by_trying_all(&cost, n, 0, &mut vec![false; n]);
            assert!((total(&cost, n, &columns) - best).abs() < 1e-12, "seed {seed}");
        }
    }

    #[test]
    fn large_problems_are_optimal_by_their_prices() {
        // Prices certify optimality: every row pays the least reduced cost with the column it has.
        let n = 200;
        let mut next = noise(7);
        let points: Vec<f64> = (0..4 * n).map(|_| next()).collect();
        let cost: Vec<f64> = (0..n * n)
            .map(|at| {
                (points[at / n] - points[n + at % n]).powi(2)
                    + (points[2 * n + at / n] - points[3 * n + at % n]).powi(2)
            })
            .collect();
        let mut state = State::reduced_by_columns(&cost, n);
        let free: Vec<usize> = (0..n).filter(|row| state.column_of[*row] == FREE).collect();
        let free = state.reduce_rows(&free);
        let mut search = Search::new(n);
        for row in free {
            state.augment(row, &mut search);
        }
        for i in 0..n {
            let paid = cost[i * n + state.column_of[i]] - state.price[state.column_of[i]];
            for j in 0..n {
                assert!(cost[i * n + j] - state.price[j] >= paid - 1e-12);
            }
        }
        assert_eq!(state.column_of, solve(&cost, n));
    }

    #[test]
    fn nothing_and_one() {
        assert!(solve(&[], 0).is_empty());
        assert_eq!(solve(&[5.0], 1), [0]);
    }
}
