//! What is measured on particles: distances, and energies below a gate.

/// Every distance between two particles, frame by frame: rows of `dimensions`-dimensional particles in rows of `dim`.
pub fn distances(data: &[f32], dim: usize, dimensions: usize) -> Vec<f64> {
    let mut all = Vec::new();
    for frame in data.chunks_exact(dim.max(1)) {
        for (i, a) in frame.chunks_exact(dimensions.max(1)).enumerate() {
            for b in frame.chunks_exact(dimensions.max(1)).skip(i + 1) {
                let square: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
                all.push(square.sqrt());
            }
        }
    }
    all
}

/// The values up to the gate; what is not a number is above it.
pub fn gated(energies: &[f64], gate: f64) -> Vec<f64> {
    energies.iter().copied().filter(|energy| *energy <= gate).collect()
}

/// The share of energies above the gate or not a number: the discard rate of [`gated`]. NaN of nothing.
pub fn share_above(energies: &[f64], gate: f64) -> f64 {
    1.0 - gated(energies, gate).len() as f64 / energies.len() as f64
}

/// The share of frames whose mean is not at the origin: off by more than a thousandth of their size.
pub fn off_centre(data: &[f32], dim: usize, dimensions: usize) -> f64 {
    let count = (dim / dimensions.max(1)) as f64;
    let off = |frame: &&[f32]| {
        let squares = |k: usize| {
            let (sum, square) = frame
                .iter()
                .skip(k)
                .step_by(dimensions)
                .map(|x| f64::from(*x))
                .fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
            [(sum / count).powi(2), square / count]
        };
        let [mean, size] = (0..dimensions).map(squares).fold([0.0; 2], |[a, b], [c, d]| [a + c, b + d]);
        mean > 1e-6 * size
    };
    let frames = data.chunks_exact(dim.max(1));
    frames.clone().filter(off).count() as f64 / frames.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_measured_once() {
        let frame = [0.0, 0.0, 3.0, 4.0, 0.0, 8.0];
        assert_eq!(distances(&frame.repeat(2), 6, 2), [5.0, 8.0, 5.0, 5.0, 8.0, 5.0]);
    }

    #[test]
    fn what_is_no_number_is_above_the_gate() {
        let energies = [-1.0, 0.0, 0.5, f64::NAN, f64::INFINITY];
        assert_eq!(gated(&energies, 0.0), [-1.0, 0.0]);
        assert!((share_above(&energies, 0.0) - 0.6).abs() < 1e-15);
        assert!(share_above(&[], 0.0).is_nan());
    }

    #[test]
    fn frames_off_centre_are_counted() {
        let centred = [1.0, -2.0, -1.0, 2.0_f32];
        let moved = centred.map(|x| x + 0.1);
        assert_eq!(off_centre(&[centred, centred, moved, centred].concat(), 4, 2), 0.25);
    }
}
