//! The linear assignment problem: the pairing of n rows with n columns of least total cost, exactly.
//!
//! An auction with ε-scaling (Bertsekas, *The auction algorithm: a distributed relaxation method for the
//! assignment problem*, Annals of Operations Research 14, 1988) finds prices that are nearly optimal. From
//! them the exact part of Jonker & Volgenant (*A shortest augmenting path algorithm for dense and sparse linear
//! assignment problems*, Computing 38, 1987) goes on: row reduction, then one Dijkstra search for each row still
//! free. Without the auction those searches are long where mass has to move between clusters: three problems of
//! n = 2000 (MoG-40 exact and badly sampled, Many-Well-32) took 11.7 CPU-seconds without it and 1.3 with it.
//!
//! Collapsed samples are rows (or columns) that are the same, or nearly. Equal rows form a `Kinds` kind, and a search
//! goes through one row of each kind only. Nearly equal rows differ by less than the auction's last increment, which then
//! decides nothing between them: where the exact part works for too long, the auction goes on with smaller increments.

mod kinds;

use kinds::Kinds;

const FREE: usize = usize::MAX;

/// Increments of the auction in units of the costs' spread: first, last, and the factor between. Tried at
/// n = 2000 on MoG-40 and Many-Well-32; a coarser last increment leaves the work to the searches.
const FIRST_INCREMENT: f64 = 0.05;
const LAST_INCREMENT: f64 = 1e-6;
const INCREMENT_FACTOR: f64 = 0.2;

/// The auction never goes below this increment, in units of the largest cost: rounding would stop the prices.
const LEAST_INCREMENT: f64 = 1e-13;

/// How often the row reduction goes over the rows still free (as Jonker & Volgenant).
const ROW_REDUCTIONS: usize = 2;
/// Passes over a row that the exact part may take for each row before the auction goes on: at first, so that samples
/// which are distinct need no second round, and after each further round.
const PATIENCE: [usize; 2] = [32, 8];

/// The column of every row in the pairing of least total cost. `cost` is row by row, n × n, finite.
pub fn solve(cost: &[f64], n: usize) -> Vec<usize> {
    let [rows, columns] = [Kinds::of_rows(cost, n), Kinds::of_columns(cost, n)];
    if columns.count() < rows.count() {
        // Searches go through the kinds of rows: the side that has fewer of them becomes the rows.
        let transposed: Vec<f64> = (0..n * n).map(|at| cost[at % n * n + at / n]).collect();
        return State::solved(&transposed, n, columns).row_of;
    }
    State::solved(cost, n, rows).column_of
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
        let (n, kinds) = (price.len(), Kinds::default());
        let mut state = State { cost, n, price, column_of, row_of, kinds, work: Work::default() };
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
    kinds: Kinds,
    work: Work,
}

/// Passes over a row.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    /// Of the auction.
    bids: usize,
    /// Of the row reduction and the searches since the last round of the auction.
    exact: usize,
    /// Of these in earlier rounds.
    earlier: usize,
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

    /// The open column that is nearest; among equals the first that is free, where `row_of` is asked.
    fn nearest(&self, row_of: Option<&[usize]>) -> Option<usize> {
        let length = self.distance.iter().zip(&self.settled).map(|(d, s)| d + s);
        let least = length.clone().fold(f64::INFINITY, |least, length| if length < least { length } else { least });
        if least == f64::INFINITY {
            return None;
        }
        let mut equal = length.enumerate().filter(|(_, length)| *length == least).map(|(column, _)| column);
        let Some(row_of) = row_of else { return equal.next() };
        let first = equal.next();
        first.into_iter().chain(equal).find(|column| row_of[*column] == FREE).or(first)
    }
}

impl<'a> State<'a> {
    fn solved(cost: &'a [f64], n: usize, kinds: Kinds) -> Self {
        let (price, column_of, row_of) = (vec![0.0; n], vec![FREE; n], vec![FREE; n]);
        let mut state = Self { cost, n, price, column_of, row_of, kinds, work: Work::default() };
        let low = cost.iter().copied().fold(f64::INFINITY, f64::min);
        let high = cost.iter().copied().fold(low, f64::max);
        let least = LEAST_INCREMENT * low.abs().max(high.abs());
        let mut search = Search::new(n);
        let (mut increment, mut last) = (FIRST_INCREMENT * (high - low), LAST_INCREMENT * (high - low));
        loop {
            while increment > last && n > 1 {
                state.auction(increment);
                increment *= INCREMENT_FACTOR;
            }
            last = increment * INCREMENT_FACTOR;
            let patience = PATIENCE[usize::from(state.work.earlier > 0)];
            if state.assign(&mut search, if last > least { patience * n } else { usize::MAX }) {
                return state;
            }
            state.work.earlier += std::mem::take(&mut state.work.exact);
            state.column_of.fill(FREE);
            state.row_of.fill(FREE);
        }
    }

    /// The exact part; false where it gives up after `most` passes over rows.
    fn assign(&mut self, search: &mut Search, most: usize) -> bool {
        let mut free: Vec<usize> = (0..self.n).collect();
        for _ in 0..ROW_REDUCTIONS {
            free = self.reduce_rows(&free, most);
        }
        for row in free {
            if self.work.exact > most {
                return false;
            }
            self.augment(row, search);
        }
        true
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

    /// One round of the auction: leaves the prices of a nearly optimal pairing. Rows bid for their cheapest column in
    /// turn; a bid lowers its price to that of the second choice and a little, so that bidding ends.
    fn auction(&mut self, increment: f64) {
        let mut free: Vec<usize> = (0..self.n).rev().collect();
        while let Some(row) = free.pop() {
            self.work.bids += 1;
            let choice = self.choose(row);
            self.price[choice.column] -= choice.second - choice.first + increment;
            let evicted = std::mem::replace(&mut self.row_of[choice.column], row);
            free.extend((evicted != FREE).then_some(evicted));
        }
        self.row_of.fill(FREE);
    }

    /// Every free row takes its cheapest column and lowers that column's price until its second choice is as
    /// good; the row that had the column becomes free, and tries again at once if the price did fall and there was less
    /// work than `most`.
    fn reduce_rows(&mut self, free: &[usize], most: usize) -> Vec<usize> {
        let mut left = Vec::new();
        for start in free {
            let mut row = *start;
            // Ties in floating point could pass a column round and round; after n turns Dijkstra takes over.
            for turn in 0.. {
                self.work.exact += 1;
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
                if gain > 0.0 && turn < self.n && self.work.exact <= most {
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
        self.work.exact += 1;
        self.settle_kind(start, search);
        let ties = self.kinds.any().then_some(());
        let (end, reach) = loop {
            let Some(column) = search.nearest(ties.map(|()| self.row_of.as_slice())) else { return };
            let reach = search.distance[column];
            let row = self.row_of[column];
            if row == FREE {
                break (column, reach);
            }
            search.settled[column] = f64::INFINITY;
            search.order.push(column);
            self.work.exact += 1;
            let costs = self.row(row);
            let base = reach - (costs[column] - self.price[column]);
            let columns = search.distance.iter_mut().zip(&mut search.parent).zip(&search.settled);
            for (((d, parent), settled), (c, price)) in columns.zip(costs.iter().zip(&self.price)) {
                let through = base + (c - price) + settled;
                let shorter = through < *d;
                *d = if shorter { through } else { *d };
                *parent = if shorter { row } else { *parent };
            }
            self.settle_kind(row, search);
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

impl State<'_> {
    /// Settles the columns of all rows that are like `row`, which has just been gone through: they lie as near as its own,
    /// and going through their rows would find nothing shorter.
    fn settle_kind(&self, row: usize, search: &mut Search) {
        for like in self.kinds.like(row) {
            let column = self.column_of[*like];
            if column != FREE && search.settled[column] == 0.0 {
                search.settled[column] = f64::INFINITY;
                search.order.push(column);
            }
        }
    }
}

#[cfg(test)]
mod tests;
