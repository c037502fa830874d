//! What histograms share: which range they show, and how high they are.

/// Share of all values per bin and unit; values outside count in the total only.
pub fn densities(values: &[f64], (low, high): (f64, f64), bins: usize) -> Vec<f64> {
    let mut counts = vec![0_usize; bins];
    for value in values {
        let at = (value - low) / (high - low) * bins as f64;
        if (0.0..bins as f64).contains(&at) {
            counts[at as usize] += 1;
        }
    }
    let unit = values.len().max(1) as f64 * (high - low) / bins as f64;
    counts.iter().map(|count| *count as f64 / unit).collect()
}

/// The range of the reference but for its outermost thousandths, widened up to half where the inner 99 % of the samples
/// go beyond it.
pub fn range(reference: &[f64], samples: &[f64]) -> (f64, f64) {
    let inner = |values: &[f64], tail: usize| {
        let mut values: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => (-1.0, 1.0),
            n => (values[n / tail], values[n - 1 - n / tail]),
        }
    };
    let (low, high) = inner(reference, 1000);
    let (mine_low, mine_high) = inner(samples, 200);
    let width = (high - low).max(1e-6);
    let (low, high) = (low.min(mine_low.max(low - 0.5 * width)), high.max(mine_high.min(high + 0.5 * width)));
    (low - 0.03 * width, high + 0.03 * width)
}
