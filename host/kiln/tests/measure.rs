//! What is measured on every sample, on Kiln's targets.

use kiln::metric::measure::{energies, energies_and_virials};
use kiln::targets::builtin;

#[test]
fn a_coordinate_that_is_not_finite_has_no_energy_in_any_target() {
    for target in builtin() {
        let dim = target.dim();
        for bad in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let mut rows: Vec<f32> = (0..2 * dim).map(|k| 0.1 * (k * k % 17) as f32).collect();
            rows[dim + dim / 2] = bad;
            let both = energies_and_virials(&target, &rows).0;
            for energies in [energies(&target, &rows), both] {
                assert!(energies[0].is_finite() && energies[1].is_nan(), "{}, {bad}", target.name());
            }
        }
    }
}
