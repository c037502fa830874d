//! The formulas of the zoo against definitions in numpy, against `kiln-core`'s energies, and in every precision.

mod common;

use common::{close, evaluate, evaluate_lanes, evaluate_single, noise, zoo};
use kiln_core::energy::{DoubleWell, LennardJones, ManyWell, Pairs};
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Lanes};
use kiln_formula::Formula;

const ALL: [&str; 15] = [
    "rings",
    "funnel",
    "rosenbrock",
    "schools",
    "mixture",
    "scaled",
    "phi4",
    "cancer",
    "shifted",
    "mw54",
    "grid9",
    "student",
    "mw32",
    "lj13",
    "dw4",
];

/// Name, energy, point and gradient of every line of `golden.csv`, which `golden.py` writes.
fn golden() -> Vec<(String, f64, Vec<f64>, Vec<f64>)> {
    let lines = include_str!("golden.csv").lines();
    lines
        .map(|line| {
            let (name, numbers) = line.split_once(',').expect("a name");
            let numbers: Vec<f64> = numbers.split(',').map(|n| n.parse().expect("a number")).collect();
            let n = (numbers.len() - 1) / 2;
            (name.to_owned(), numbers[0], numbers[1..=n].to_vec(), numbers[n + 1..].to_vec())
        })
        .collect()
}

#[test]
fn values_and_gradients_are_those_of_numpy() {
    let mut seen = 0;
    for (name, energy, x, gradient) in golden() {
        let formula = zoo(&name);
        let (value, slopes) = evaluate(&formula, &x);
        close(value, energy, 1e-11, &name);
        for (slope, known) in slopes.iter().zip(&gradient) {
            close(*slope, *known, 1e-10, &name);
        }
        seen += 1;
    }
    assert_eq!(seen, 36);
}

/// Sixteen points that are a golden point or near one, or small random ones.
fn points(name: &str, n: usize) -> [Vec<f64>; 16] {
    let known: Vec<Vec<f64>> = golden().into_iter().filter(|line| line.0 == name).map(|line| line.2).collect();
    let mut noise = noise(3);
    std::array::from_fn(|lane| match known.get(lane % 3) {
        Some(x) => x.iter().map(|x| x + 0.01 * noise()).collect(),
        None => (0..n).map(|_| 1.6 * noise()).collect(),
    })
}

#[test]
fn a_lane_has_the_bits_of_single_precision_which_is_near_double() {
    for name in ALL {
        let formula = zoo(name);
        let points = points(name, formula.dimension());
        let lanes = evaluate_lanes(&formula, &points);
        for (x, (value, gradient)) in points.iter().zip(&lanes) {
            let single = evaluate_single(&formula, x);
            assert_eq!((value.to_bits(), gradient), (single.0.to_bits(), &single.1), "{name}");
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x as f32)).collect();
            let (energy, slopes) = evaluate(&formula, &x);
            // The scaled Gaussian cancels by its condition number of 1e8.
            let tolerance = if name == "scaled" { 2e-2 } else { 2e-5 };
            close(f64::from(*value), energy, tolerance, name);
            let largest = slopes.iter().fold(1.0_f64, |largest, slope| largest.max(slope.abs()));
            for (single, double) in gradient.iter().zip(&slopes) {
                assert!((f64::from(*single) - double).abs() <= 10.0 * tolerance * largest, "{name}: {single} {double}");
            }
        }
    }
}

/// A formula against an energy of `kiln-core`, in double precision and in lanes.
fn same(formula: &Formula, built_in: &(impl Energy<f64> + Energy<Lanes<16>>), spread: f64) {
    let n = formula.dimension();
    assert_eq!(n, Energy::<f64>::dim(built_in));
    let mut noise = noise(5);
    let points: [Vec<f64>; 16] = std::array::from_fn(|_| (0..n).map(|_| spread * noise()).collect());
    for x in &points {
        let ((a, ga), (b, gb)) = (evaluate(formula, x), evaluate(built_in, x));
        close(a, b, 1e-13, formula.name());
        let largest = gb.iter().fold(0.0_f64, |largest, slope| largest.max(slope.abs()));
        for (ga, gb) in ga.iter().zip(&gb) {
            assert!((ga - gb).abs() <= 1e-12 * largest, "{}: {ga} {gb}", formula.name());
        }
    }
    for ((a, ga), (b, gb)) in evaluate_lanes(formula, &points).iter().zip(&evaluate_lanes(built_in, &points)) {
        close(f64::from(*a), f64::from(*b), 3e-6, formula.name());
        let largest = gb.iter().fold(0.0_f32, |largest, slope| largest.max(slope.abs()));
        for (ga, gb) in ga.iter().zip(gb) {
            assert!((ga - gb).abs() <= 1e-5 * largest, "{}: {ga} {gb}", formula.name());
        }
    }
}

#[test]
fn built_in_energies_as_formulas() {
    same(&zoo("lj13"), &LennardJones::<13, 3>::new(Pairs::Twice), 2.5);
    same(&zoo("dw4"), &DoubleWell::<4, 2>, 4.0);
    same(&zoo("mw32"), &ManyWell::<32>, 2.5);
}

#[test]
fn two_particles_in_one_place_have_a_gradient() {
    let (energy, gradient) = evaluate(&zoo("dw4"), &[0.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 3.0]);
    assert!(energy.is_finite() && gradient.iter().all(|slope| slope.is_finite()), "{gradient:?}");
}

#[test]
fn what_the_files_say() {
    let funnel = zoo("funnel");
    assert_eq!((funnel.name(), funnel.dimension()), ("funnel", 10));
    assert_eq!(funnel.coordinate_names()[..3], ["v", "y[0]", "y[1]"]);
    assert!(funnel.truth().is_some_and(|path| path.ends_with("zoo/funnel.npy")));
    assert_eq!(funnel.bounds(), [(f64::NEG_INFINITY, f64::INFINITY); 10]);
    let lj = zoo("lj13");
    assert_eq!(lj.symmetry(), Symmetry::Particles { count: 13, dimensions: 3 });
    assert_eq!((lj.dimension(), lj.coordinate_names()[38].as_str()), (39, "x[38]"));
    assert_eq!(zoo("cancer").coordinate_names()[30], "w[30]");
}

#[test]
fn partition_functions_from_the_literature() {
    // One coordinate of mw54 by quadrature, to the fifth power.
    let formula = zoo("mw54");
    let step = 1e-3;
    let rest = [2.0; 4];
    let z: f64 = (-4000..=4000)
        .map(|k| (-evaluate(&formula, &[f64::from(k) * step, rest[0], rest[1], rest[2], rest[3]]).0).exp() * step)
        .sum();
    close(5.0 * z.ln(), -0.541_056, 1e-5, "log Z");
}
