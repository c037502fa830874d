//! Values on a grid, and the lines where they take one value.

use rayon::prelude::*;

/// No edge.
const NONE: usize = usize::MAX;
/// Corners of a cell, against the clock; an edge goes from one to the next, the first along the foot.
const CORNERS: [(usize, usize); 4] = [(0, 0), (1, 0), (1, 1), (0, 1)];

/// Values at the points of a grid, row by row from the least y.
pub struct Grid {
    columns: usize,
    values: Vec<f64>,
    x: (f64, f64),
    y: (f64, f64),
}

impl Grid {
    /// A square grid of `points` each way over a window, its ends included.
    pub fn of(points: usize, x: (f64, f64), y: (f64, f64), value: impl Fn(f64, f64) -> f64 + Sync) -> Self {
        let at = |(low, high): (f64, f64), i: usize| low + (high - low) * i as f64 / (points - 1) as f64;
        let values = (0..points * points).into_par_iter().map(|i| value(at(x, i % points), at(y, i / points)));
        Self { columns: points, values: values.collect(), x, y }
    }

    /// How points (x, y) spread over `bins` bins each way, smoothed over `width` bins, each value in the middle of its bin.
    pub fn density(points: &[(f64, f64)], bins: usize, x: (f64, f64), y: (f64, f64), width: f64) -> Self {
        let mut values = vec![0.0; bins * bins];
        let bin = |value: f64, (low, high): (f64, f64)| {
            let at = (value - low) / (high - low) * bins as f64;
            (0.0..bins as f64).contains(&at).then_some(at as usize)
        };
        for (i, j) in points.iter().filter_map(|point| Some((bin(point.0, x)?, bin(point.1, y)?))) {
            values[j * bins + i] += 1.0;
        }
        let smooth = smoothed(&transposed(&smoothed(&values, bins, width), bins), bins, width);
        let middles = |(low, high): (f64, f64)| {
            let half = 0.5 * (high - low) / bins as f64;
            (low + half, high - half)
        };
        Self { columns: bins, values: transposed(&smooth, bins), x: middles(x), y: middles(y) }
    }

    /// With no value below that one.
    pub fn clipped(mut self, least: f64) -> Self {
        self.values.iter_mut().for_each(|value| *value = value.max(least));
        self
    }

    /// The greatest value.
    pub fn top(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The level above which lies a share of the sum of all values.
    pub fn level(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let wanted = share * sorted.iter().sum::<f64>();
        let mut sum = 0.0;
        let reaches = |value: &f64| {
            sum += value;
            sum >= wanted
        };
        sorted.iter().copied().find(reaches).unwrap_or(0.0)
    }

    /// Closed lines around what lies above a level, with that on their left; along the window's end where it goes on beyond.
    pub fn contours(&self, level: f64) -> Vec<Vec<(f64, f64)>> {
        let (columns, rows) = (self.columns, self.values.len() / self.columns);
        // Points with a frame around them that lies below.
        let (wide, high) = (columns + 2, rows + 2);
        let value = |i: usize, j: usize| {
            let inside = (1..=columns).contains(&i) && (1..=rows).contains(&j);
            inside.then(|| self.values[(j - 1) * columns + i - 1])
        };
        let above = |i: usize, j: usize| value(i, j).is_some_and(|value| value > level);
        // An edge is its lower or left point, twice, and one more where it is upright.
        let edge = |i: usize, j: usize, side: usize| match side {
            0 => 2 * (j * wide + i),
            1 => 2 * (j * wide + i + 1) + 1,
            2 => 2 * ((j + 1) * wide + i),
            _ => 2 * (j * wide + i) + 1,
        };
        let mut next = vec![NONE; 2 * wide * high];
        for (j, i) in (0..high - 1).flat_map(|j| (0..wide - 1).map(move |i| (j, i))) {
            let corners = CORNERS.map(|(di, dj)| above(i + di, j + dj));
            let leaves = |side: usize| corners[side] && !corners[(side + 1) % 4];
            let enters = |side: usize| !corners[side] && corners[(side + 1) % 4];
            // Two corners across from each other belong together where the cell's middle does.
            let mean = CORNERS.map(|(di, dj)| value(i + di, j + dj).unwrap_or(level)).iter().sum::<f64>() / 4.0;
            for side in (0..4).filter(|side| leaves(*side)) {
                let onwards = (1..4).map(|by| (side + by) % 4);
                let partner = if mean > level {
                    onwards.clone().find(|at| enters(*at))
                } else {
                    onwards.rev().find(|at| enters(*at))
                };
                if let Some(partner) = partner {
                    next[edge(i, j, side)] = edge(i, j, partner);
                }
            }
        }
        let place = |edge: usize| {
            let (i, j, upright) = (edge / 2 % wide, edge / 2 / wide, edge % 2);
            let (di, dj) = if upright == 1 { (0, 1) } else { (1, 0) };
            let share = match (value(i, j), value(i + di, j + dj)) {
                (Some(a), Some(b)) => ((level - a) / (b - a)).clamp(0.0, 1.0),
                (None, _) => 1.0,
                (_, None) => 0.0,
            };
            let scaled =
                |(low, high): (f64, f64), at: f64, points: usize| low + (high - low) * at / (points - 1) as f64;
            let (u, v) = (i as f64 + share * di as f64 - 1.0, j as f64 + share * dj as f64 - 1.0);
            (scaled(self.x, u, columns), scaled(self.y, v, rows))
        };
        let mut lines = Vec::new();
        for start in 0..next.len() {
            let (mut at, mut line) = (start, Vec::new());
            while let following = std::mem::replace(&mut next[at], NONE)
                && following != NONE
            {
                line.push(place(at));
                at = following;
            }
            if line.len() > 2 {
                lines.push(line);
            }
        }
        lines
    }
}

fn transposed(values: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|i| values.iter().skip(i).step_by(columns).copied()).collect()
}

/// Rows under a Gaussian of that width in bins; at the ends it is of what there is.
fn smoothed(values: &[f64], columns: usize, width: f64) -> Vec<f64> {
    let reach = (3.0 * width).ceil() as usize;
    let weights: Vec<f64> = (0..=reach).map(|k| (-0.5 * (k as f64 / width).powi(2)).exp()).collect();
    let row = |row: &[f64]| -> Vec<f64> {
        let at = |i: usize| {
            let near = i.saturating_sub(reach)..(i + reach + 1).min(columns);
            let [sum, all] = near.fold([0.0; 2], |[sum, all], k| {
                let weight = weights[k.abs_diff(i)];
                [sum + weight * row[k], all + weight]
            });
            sum / all
        };
        (0..columns).map(at).collect()
    };
    values.chunks_exact(columns).flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twice the area within a line that runs against the clock.
    fn area(line: &[(f64, f64)]) -> f64 {
        let next = line.iter().cycle().skip(1);
        0.5 * line.iter().zip(next).map(|(a, b)| a.0 * b.1 - a.1 * b.0).sum::<f64>()
    }

    #[test]
    fn a_hill_has_a_round_contour_and_a_hole_runs_the_other_way() {
        let grid = Grid::of(101, (-2.0, 2.0), (-2.0, 2.0), |x, y| -x.hypot(y));
        let lines = grid.contours(-1.0);
        assert_eq!(lines.len(), 1);
        assert!((area(&lines[0]) - std::f64::consts::PI).abs() < 0.01, "{}", area(&lines[0]));
        assert!(lines[0].iter().all(|(x, y)| (x.hypot(*y) - 1.0).abs() < 0.01));
        let ring = Grid::of(101, (-2.0, 2.0), (-2.0, 2.0), |x, y| -(x.hypot(y) - 1.0).abs());
        let areas: Vec<f64> = ring.contours(-0.5).iter().map(|line| area(line)).collect();
        assert_eq!(areas.len(), 2);
        assert!(
            (areas.iter().sum::<f64>() - std::f64::consts::PI * (1.5_f64.powi(2) - 0.25)).abs() < 0.02,
            "{areas:?}"
        );
    }

    #[test]
    fn what_goes_on_beyond_the_window_is_closed_along_it() {
        let all = Grid::of(5, (0.0, 1.0), (0.0, 2.0), |_, _| 1.0).contours(0.5);
        assert_eq!(all.len(), 1);
        assert!((area(&all[0]) - 2.0).abs() < 1e-9);
        assert!(Grid::of(5, (0.0, 1.0), (0.0, 1.0), |_, _| 0.0).contours(0.5).is_empty());
        // Hills across from each other: two, or one where the middle is high.
        let saddle =
            |middle: f64| Grid { columns: 2, values: vec![middle, 0.0, 0.0, middle], x: (0.0, 1.0), y: (0.0, 1.0) };
        assert_eq!((saddle(1.0).contours(0.6).len(), saddle(1.0).contours(0.4).len()), (2, 1));
    }

    #[test]
    fn levels_hold_their_share_of_the_points() {
        let part = |i: i32| (f64::from(i) + 0.5) / 200.0;
        let normal = |i: i32| {
            let (radius, angle) = ((-2.0 * part(i % 200).ln()).sqrt(), std::f64::consts::TAU * part(i / 200));
            (radius * angle.cos(), radius * angle.sin())
        };
        let points: Vec<(f64, f64)> = (0..40_000).map(normal).collect();
        let grid = Grid::density(&points, 48, (-5.0, 5.0), (-5.0, 5.0), 0.8);
        assert!(
            (grid.values.iter().sum::<f64>() - 40_000.0).abs() < 1.0,
            "nothing is lost where nothing is at the ends"
        );
        for share in [0.5, 0.8, 0.95] {
            // The disc that holds a share of a Gaussian, with the width that smoothing adds.
            let expected = -2.0 * std::f64::consts::PI * f64::ln(1.0 - share) * 1.03;
            let found: f64 = grid.contours(grid.level(share)).iter().map(|line| area(line)).sum();
            assert!((found / expected - 1.0).abs() < 0.05, "{share} {found} {expected}");
        }
    }
}
