//! The C interface has the targets that Kiln brings: the same names in the same order, dimensions and energies.

use kiln::targets::builtin;
use kiln_abi::target::{NAMES, Visitor, visit};
use kiln_core::Energy;

/// Evaluates an energy at (0.1, 0.2, …), a point with room between particles.
struct Evaluation;

fn point(dim: usize) -> Vec<f64> {
    (0..dim).map(|k| 0.1 * (k + 1) as f64 * if k % 2 == 0 { 1.0 } else { -1.0 }).collect()
}

impl Visitor for Evaluation {
    type Output = (usize, f64);
    fn visit<E: Energy<f32>, const N: usize>(self, energy: &E) -> (usize, f64) {
        assert_eq!(energy.dim(), N, "the dimension that buffers are checked for");
        let x: Vec<f32> = point(N).into_iter().map(|x| x as f32).collect();
        (N, f64::from(energy.energy(&x)))
    }
}

#[test]
fn the_c_interface_has_the_targets_that_kiln_brings() {
    let targets = builtin();
    let names: Vec<&str> = targets.iter().map(kiln::target::Target::name).collect();
    assert_eq!(NAMES.map(|name| name.to_str().unwrap()).to_vec(), names);
    for target in targets {
        let (dim, energy) = visit(target.name().as_bytes(), Evaluation).unwrap_or((0, f64::NAN));
        assert_eq!(dim, target.dim(), "{}", target.name());
        let exact = target.energy(&point(dim));
        assert!((energy - exact).abs() <= 1e-4 * exact.abs().max(1.0), "{}: {energy} {exact}", target.name());
    }
}
