//! Pairings are optimal, and take no more work than they should.

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

/// A pairing is optimal where every row pays the least reduced cost with the column it has.
fn assert_optimal(cost: &[f64], state: &State<'_>, slack: f64) {
    let n = state.n;
    for i in 0..n {
        let paid = cost[i * n + state.column_of[i]] - state.price[state.column_of[i]];
        for j in 0..n {
            assert!(cost[i * n + j] - state.price[j] >= paid - slack);
        }
    }
    let mut sorted = state.column_of.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..n).collect::<Vec<_>>());
}

type Points = Vec<[f64; 2]>;

/// n points around `places` random ones in a square of 80, as far from these as `width`.
fn around(seed: u64, n: usize, places: usize, width: f64) -> Points {
    let (mut next, mut centres) = (noise(seed), noise(99));
    let centres: Points = (0..places).map(|_| [80.0 * centres(), 80.0 * centres()]).collect();
    // Coordinates are those of samples, in f32.
    let mut near = |x: f64| f64::from((x + width * (next() - 0.5)) as f32);
    (0..n).map(|i| centres[i % places].map(&mut near)).collect()
}

fn costs(a: &Points, b: &Points) -> Vec<f64> {
    let square = |x: &[f64; 2], y: &[f64; 2]| (x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2);
    a.iter().flat_map(|x| b.iter().map(move |y| square(x, y))).collect()
}

#[test]
fn large_problems_are_optimal_by_their_prices() {
    let n = 200;
    let cost = costs(&around(7, n, n, 80.0), &around(8, n, n, 80.0));
    assert_optimal(&cost, &State::solved(&cost, n, Kinds::default()), 1e-10);
}

#[test]
fn collapsed_samples_take_no_more_work_than_distinct_ones() {
    let n = 400;
    let exact = around(1, n, 40, 5.0);
    let work = |a: &Points, b: &Points| {
        let cost = costs(a, b);
        let state = State::solved(&cost, n, Kinds::of_rows(&cost, n));
        assert_optimal(&cost, &state, 1e-8);
        state.work.bids + state.work.exact + state.work.earlier
    };
    let distinct = work(&around(2, n, 40, 5.0), &exact);
    let half = [around(2, n / 2, 40, 5.0), vec![[3.0, 4.0]; n / 2]].concat();
    for (what, collapsed, most) in [
        ("one point", vec![[3.0, 4.0]; n], 1),
        ("two points", around(3, n, 2, 0.0), 1),
        ("twenty points", around(3, n, 20, 0.0), 2),
        ("half of them one point", half, 3),
        ("nearly one point", around(3, n, 1, 1e-4), 8),
        ("nearly forty points", around(3, n, 40, 1e-4), 8),
    ] {
        let mine = work(&collapsed, &exact);
        assert!(mine <= most * distinct + distinct / 2, "{what}: {mine} passes over rows, distinct {distinct}");
        let total = |cost: &[f64]| total(cost, n, &solve(cost, n));
        let (rows, columns) = (total(&costs(&collapsed, &exact)), total(&costs(&exact, &collapsed)));
        assert!((rows - columns).abs() < 1e-9 * rows, "{what}: {rows} {columns}");
    }
}

#[test]
fn collapsed_columns_become_the_rows() {
    let n = 300;
    let exact = around(1, n, 40, 5.0);
    let cost = costs(&exact, &vec![[3.0, 4.0]; n]);
    assert_eq!([Kinds::of_rows(&cost, n).count(), Kinds::of_columns(&cost, n).count()], [n, 1]);
    let columns = solve(&cost, n);
    let mut sorted = columns.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..n).collect::<Vec<_>>());
}

#[test]
fn nothing_and_one() {
    assert!(solve(&[], 0).is_empty());
    assert_eq!(solve(&[5.0], 1), [0]);
    assert_eq!(solve(&[3.0; 4], 2).len(), 2);
}
