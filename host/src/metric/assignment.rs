//! The linear assignment problem: the pairing of n rows with n columns of least total cost, exactly.
//!
//! An auction with ε-scaling (Bertsekas, *The auction algorithm: a distributed relaxation method for the
//! assignment problem*, Annals of Operations Research 14, 1988) finds prices that are nearly optimal. From
//! them the exact part of Jonker & Volgenant (*A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems*, Computing 38, 1987) goes on: row reduction, then one Dijkstra search for each row still
//! free. Without the auction those searches are long where mass has to move between clusters: three problems of
//! n = 2000 (MoG-40 exact and badly sampled, Many-Well-32) took 11.7 CPU-seconds without it and 1.3 with it.

const FREE: usize = usize::MAX;

/// Increments of the auction in units of the costs' spread: first, last, and the factor between. Tried at
/// n = 2000 on MoG-40 and Many-Well-32; a coarser last increment leaves the work to the searches.
const FIRST_INCREMENT: f64 = 0.05;
const LAST_INCREMENT: f64 = 1e-6;
const INCREMENT_FACTOR: f64 = 0.2;

/// How often the row reduction goes over the rows still free (as Jonker & Volgenant).
const ROW_REDUCTIONS: usize = 2;

/// The column of every row in the pairing of least total cost. `cost` is row by row, n × n, finite.
pub fn solve(cost: &[f64], n: usize) -> Vec<usize> {
    State::solved(cost, n).column_of
}

/// Solves many small problems of one size, each from the prices of the one before: any prices are a valid start,
/// and those of a similar problem leave few rows to search for.
pub struct Warm {
    price: Vec<f64>,
    column_of: Vec<usize>,
    row_of: Vec<usize>,
    search: Search,
}

impl Warm {
    /// For problems of that size.
    pub fn new(n: usize) -> Self {
        Self { price: vec![0.0; n], column_of: vec![FREE; n], row_of: vec![FREE; n], search: Search::new(n) }
    }

    /// The column of every row in the pairing of least total cost; `cost` is row by row, n × n, finite.
    pub fn solve(&mut self, cost: &[f64]) -> &[usize] {
        let price = std::mem::take(&mut self.price);
        let (column_of, row_of) = (std::mem::take(&mut self.column_of), std::mem::take(&mut self.row_of));
        let mut state = State { cost, n: price.len(), price, column_of, row_of };
        state.column_of.fill(FREE);
        state.row_of.fill(FREE);
        // Cheapest columns first come, first served; a search for every row that came too late.
        for row in 0..state.n {
            let column = state.choose(row).column;
            if state.row_of[column] == FREE {
                (state.row_of[column], state.column_of[row]) = (row, column);
            }
        }
        for row in 0..state.n {
            if state.column_of[row] == FREE {
                state.augment(row, &mut self.search);
            }
        }
        (self.price, self.column_of, self.row_of) = (state.price, state.column_of, state.row_of);
        &self.column_of
    }
}

struct State<'a> {
    cost: &'a [f64],
    n: usize,
    /// Dual variable of every column; cost[i][j] - price[j] is what a row pays.
    price: Vec<f64>,
    column_of: Vec<usize>,
    row_of: Vec<usize>,
}

/// The two cheapest columns of a row in reduced costs.
struct Choice {
    column: usize,
    first: f64,
    /// Not below `first`; infinite if there is one column only.
    second: f64,
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
    fn solved(cost: &'a [f64], n: usize) -> Self {
        let mut state = Self { cost, n, price: vec![0.0; n], column_of: vec![FREE; n], row_of: vec![FREE; n] };
        state.auction();
        let mut free: Vec<usize> = (0..n).collect();
        for _ in 0..ROW_REDUCTIONS {
            free = state.reduce_rows(&free);
        }
        let mut search = Search::new(n);
        for row in free {
            state.augment(row, &mut search);
        }
        state
    }

    fn row(&self, i: usize) -> &'a [f64] {
        &self.cost[i * self.n..(i + 1) * self.n]
    }

    fn choose(&self, row: usize) -> Choice {
        // Lane by lane without branches, then across the lanes.
        const LANES: usize = 8;
        let costs = self.row(row);
        let (mut first, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
        for (costs, prices) in costs.chunks(LANES).zip(self.price.chunks(LANES)) {
            for (lane, (c, price)) in costs.iter().zip(prices).enumerate() {
                let reduced = c - price;
                let worse = if reduced > first[lane] { reduced } else { first[lane] };
                second[lane] = if worse < second[lane] { worse } else { second[lane] };
                first[lane] = if reduced < first[lane] { reduced } else { first[lane] };
            }
        }
        let (mut best, mut next) = (f64::INFINITY, f64::INFINITY);
        for reduced in first.into_iter().chain(second) {
            next = next.min(best.max(reduced));
            best = best.min(reduced);
        }
        Choice { column: self.position(row, 0, best).unwrap_or(0), first: best, second: next }
    }

    /// The first column from `start` on with that reduced cost.
    fn position(&self, row: usize, start: usize, reduced: f64) -> Option<usize> {
        let columns = self.row(row)[start..].iter().zip(&self.price[start..]);
        columns.map(|(c, price)| c - price).position(|r| r == reduced).map(|at| start + at)
    }

    /// Leaves the prices of a nearly optimal pairing. Rows bid for their cheapest column in turn; a bid lowers
    /// its price to that of the second choice and a little, so that bidding ends.
    fn auction(&mut self) {
        let low = self.cost.iter().copied().fold(f64::INFINITY, f64::min);
        let spread = self.cost.iter().copied().fold(low, f64::max) - low;
        let mut increment = FIRST_INCREMENT * spread;
        while increment > LAST_INCREMENT * spread && self.n > 1 {
            let mut free: Vec<usize> = (0..self.n).rev().collect();
            while let Some(row) = free.pop() {
                let choice = self.choose(row);
                self.price[choice.column] -= choice.second - choice.first + increment;
                let evicted = std::mem::replace(&mut self.row_of[choice.column], row);
                free.extend((evicted != FREE).then_some(evicted));
            }
            self.row_of.fill(FREE);
            increment *= INCREMENT_FACTOR;
        }
    }

    /// Every free row takes its cheapest column and lowers that column's price until its second choice is as
    /// good; the row that had the column becomes free, and tries again at once if the price did fall.
    fn reduce_rows(&mut self, free: &[usize]) -> Vec<usize> {
        let mut left = Vec::new();
        for start in free {
            let mut row = *start;
            // Ties in floating point could pass a column round and round; after n turns Dijkstra takes over.
            for turn in 0.. {
                let choice = self.choose(row);
                let gain = if choice.second.is_finite() { choice.second - choice.first } else { 0.0 };
                let mut column = choice.column;
                if gain > 0.0 {
                    self.price[column] -= gain;
                } else if self.row_of[column] != FREE {
                    column = self.position(row, column + 1, choice.first).unwrap_or(column);
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
    fn a_warm_start_changes_nothing() {
        let n = 6;
        let mut warm = Warm::new(n);
        for seed in 0..300 {
            let mut next = noise(seed);
            // Problems of very different size and sign, with ties.
            let scale = [1.0, -50.0, 1e-3][seed as usize % 3];
            let cost: Vec<f64> = (0..n * n).map(|_| scale * (next() * 5.0).floor()).collect();
            let columns = warm.solve(&cost).to_vec();
            let mut sorted = columns.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            let best = best_by_trying_all(&cost, n, 0, &mut vec![false; n]);
            assert!((total(&cost, n, &columns) - best).abs() < 1e-9, "seed {seed}");
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
        let state = State::solved(&cost, n);
        for i in 0..n {
            let paid = cost[i * n + state.column_of[i]] - state.price[state.column_of[i]];
            for j in 0..n {
                assert!(cost[i * n + j] - state.price[j] >= paid - 1e-12);
            }
        }
        let mut sorted = state.column_of;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..n).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_and_one() {
        assert!(solve(&[], 0).is_empty());
        assert_eq!(solve(&[5.0], 1), [0]);
        assert_eq!(solve(&[3.0; 4], 2).len(), 2);
    }
}
