//! Every function and construct of the language: values against Rust, gradients against finite differences, and all three
//! number types against each other.

mod common;

use common::{close, energy_of, evaluate, evaluate_lanes, evaluate_single, noise, parse};

/// Formulas of three coordinates between −1 and 1 and what they are.
type Case = (&'static str, fn(&[f64]) -> f64);

const CASES: [Case; 62] = [
    ("1.5*x[0] - x[1] + .25*x[2] + 3", |x| 1.5 * x[0] - x[1] + 0.25 * x[2] + 3.0),
    ("-x[0]^2", |x| -(x[0] * x[0])),
    ("2^-x[0]^2", |x| 2_f64.powf(-(x[0] * x[0]))),
    ("2^3^2 * x[0]", |x| 512.0 * x[0]),
    ("7 - 2 - 1 - x[0]", |x| 4.0 - x[0]),
    ("x[0] / (3 + x[1]) / (3 + x[2])", |x| x[0] / (3.0 + x[1]) / (3.0 + x[2])),
    ("x[0] * x[1] * x[2]", |x| x[0] * x[1] * x[2]),
    ("x[0]^3 + x[1]^5 - x[2]^4", |x| x[0].powi(3) + x[1].powi(5) - x[2].powi(4)),
    ("(2 + x[0])^-3", |x| (2.0 + x[0]).powi(-3)),
    ("(2 + x[0])^-6 + (2 + x[0])^1.5", |x| (2.0 + x[0]).powi(-6) + (2.0 + x[0]).powf(1.5)),
    ("(2 + x[0])^-0.5", |x| (2.0 + x[0]).powf(-0.5)),
    ("(2 + x[0])^1.3", |x| (2.0 + x[0]).powf(1.3)),
    ("(2 + x[0])^x[1]", |x| (2.0 + x[0]).powf(x[1])),
    ("pow(2 + x[0], 2.25)", |x| (2.0 + x[0]).powf(2.25)),
    ("exp(x[0] - 2*x[1])", |x| (x[0] - 2.0 * x[1]).exp()),
    ("log(2 + x[0])", |x| (2.0 + x[0]).ln()),
    ("sqrt(2 + x[0])", |x| (2.0 + x[0]).sqrt()),
    ("sqrt(2 + x[0])^4", |x| (2.0 + x[0]).powi(2)),
    ("sqrt(2 + x[0])^3", |x| (2.0 + x[0]).powf(1.5)),
    ("abs(x[0] - 0.1)", |x| (x[0] - 0.1).abs()),
    ("sin(3*x[0])", |x| (3.0 * x[0]).sin()),
    ("cos(30*x[0] + 1)", |x| (30.0 * x[0] + 1.0).cos()),
    ("tan(x[0])", |x| x[0].tan()),
    ("tanh(3*x[0])", |x| (3.0 * x[0]).tanh()),
    ("sinh(2*x[0])", |x| (2.0 * x[0]).sinh()),
    ("cosh(2*x[0])", |x| (2.0 * x[0]).cosh()),
    ("atan(3*x[0])", |x| (3.0 * x[0]).atan()),
    ("log1p(0.9*x[0])", |x| (0.9 * x[0]).ln_1p()),
    ("expm1(x[0])", |x| x[0].exp_m1()),
    ("sigmoid(5*x[0])", |x| 1.0 / (1.0 + (-5.0 * x[0]).exp())),
    ("softplus(20*x[0])", |x| (20.0 * x[0]).max(0.0) + (-(20.0 * x[0]).abs()).exp().ln_1p()),
    ("erf(2*x[0])", |x| libm::erf(2.0 * x[0])),
    ("min(x[0], x[1], 0.2)", |x| x[0].min(x[1]).min(0.2)),
    ("max(x[0], x[1])", |x| x[0].max(x[1])),
    ("where(x[0] < x[1], x[0]^2, x[1] - 3)", |x| if x[0] < x[1] { x[0] * x[0] } else { x[1] - 3.0 }),
    (
        "where(x[0] >= 0.1 and not x[1] > 0, x[2], 2*x[2])",
        |x| if x[0] >= 0.1 && x[1] <= 0.0 { x[2] } else { 2.0 * x[2] },
    ),
    ("where(x[0] <= -0.1 or x[1] != x[2], x[0], 5)", |x| if x[0] <= -0.1 || x[1] != x[2] { x[0] } else { 5.0 }),
    ("where(x[0] == x[0], x[1], x[2])", |x| x[1]),
    ("where(1 < 2, x[0], log(-1))", |x| x[0]),
    ("sum(i in 0..3: (i + 1) * x[i])", |x| x[0] + 2.0 * x[1] + 3.0 * x[2]),
    ("prod(i in 0..3: x[i] + 2)", |x| (x[0] + 2.0) * (x[1] + 2.0) * (x[2] + 2.0)),
    ("logsumexp(i in 0..3: 500*x[i])", |x| {
        let m = 500.0 * x[0].max(x[1]).max(x[2]);
        m + x.iter().map(|x| (500.0 * x - m).exp()).sum::<f64>().ln()
    }),
    ("max(i in 0..3: x[i]) + min(i in 1..3: x[i])", |x| x[0].max(x[1]).max(x[2]) + x[1].min(x[2])),
    ("sum(i in 0..3, j in i..3: x[i] * x[j])", |x| {
        x[0] * x[0] + x[0] * x[1] + x[0] * x[2] + x[1] * x[1] + x[1] * x[2] + x[2] * x[2]
    }),
    ("sum(i in 0..3: sum(j in 0..3: x[(i + j) % 3] * j))", |x| 3.0 * (x[0] + x[1] + x[2])),
    ("sum(i in 0..3: x[(i - 1) % 3] * x[i])", |x| x[2] * x[0] + x[0] * x[1] + x[1] * x[2]),
    ("dot(x[0..2], x[1..3])", |x| x[0] * x[1] + x[1] * x[2]),
    ("dot(x, x - 1) + sumsq(x)", |x| x.iter().map(|x| x * (x - 1.0) + x * x).sum()),
    ("sumsq(x - 0.5) / 3", |x| x.iter().map(|x| (x - 0.5).powi(2)).sum::<f64>() / 3.0),
    ("sum(x) + prod(x) + sum(exp(x))", |x| {
        x.iter().sum::<f64>() + x.iter().product::<f64>() + x.iter().map(|x| x.exp()).sum::<f64>()
    }),
    ("logsumexp(x) + logsumexp(x[0], x[1])", |x| {
        x.iter().map(|x| x.exp()).sum::<f64>().ln() + (x[0].exp() + x[1].exp()).ln()
    }),
    ("log(exp(900*x[0]) + 2*exp(900*x[1]))", |x| {
        let (a, b) = (900.0 * x[0], 900.0 * x[1] + 2_f64.ln());
        a.max(b) + (-(a - b).abs()).exp().ln_1p()
    }),
    ("log(1 + exp(900*x[0]))", |x| (900.0 * x[0]).max(0.0) + (-(900.0 * x[0]).abs()).exp().ln_1p()),
    ("log(3 + exp(x[0]) + exp(x[1]))", |x| (3.0 + x[0].exp() + x[1].exp()).ln()),
    ("1 / exp(x[0]) + 1 / (2*x[1] + 3)", |x| (-x[0]).exp() + 1.0 / (2.0 * x[1] + 3.0)),
    ("cos(2*pi*x[0])", |x| (std::f64::consts::TAU * x[0]).cos()),
    ("length(x)*x[0] + dimension*x[1]", |x| 3.0 * (x[0] + x[1])),
    ("sum(i in 0..3, j in 0..3: exp(-(x[i] - x[j])^2)) + sum(i in 0..3: (x[i] - sum(x)/3)^2)", |x| {
        let mean = (x[0] + x[1] + x[2]) / 3.0;
        let pairs: f64 = x.iter().flat_map(|a| x.iter().map(move |b| (-(a - b).powi(2)).exp())).sum();
        pairs + x.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
    }),
    ("(x[0] - x[1])^2 + (x[1] - x[0])^2 + (x[1] - x[2])^2", |x| 2.0 * (x[0] - x[1]).powi(2) + (x[1] - x[2]).powi(2)),
    ("x[0] - x[0] + x[1]", |x| x[1]),
    ("sumsq(where(x[0] < 0, x[0..2], x[1..3]))", |x| {
        if x[0] < 0.0 { x[0] * x[0] + x[1] * x[1] } else { x[1] * x[1] + x[2] * x[2] }
    }),
    ("+x[0] # a comment", |x| x[0]),
];

#[test]
fn values_gradients_and_precisions() {
    let mut noise = noise(11);
    for (source, expected) in CASES {
        let formula = energy_of(3, source);
        let points: [Vec<f64>; 16] = std::array::from_fn(|_| (0..3).map(|_| f64::from(0.9 * noise() as f32)).collect());
        let lanes = evaluate_lanes(&formula, &points);
        for (x, (lane, lane_gradient)) in points.iter().zip(lanes) {
            let (value, gradient) = evaluate(&formula, x);
            close(value, expected(x), 1e-13, source);
            for k in 0..3 {
                let at = |shift: f64| {
                    let mut moved = x.clone();
                    moved[k] += shift;
                    expected(&moved)
                };
                let step = 1e-5;
                let rough = (at(step) - at(-step)) / (2.0 * step);
                let curve = (at(step) + at(-step) - 2.0 * value).abs() / step;
                // A kink or a jump within the step tells nothing; large curvatures little.
                if curve < 1.0 {
                    assert!(
                        (rough - gradient[k]).abs() < 1e-5 + 2e-3 * curve,
                        "{source} at {x:?}, {k}: {rough} {gradient:?}"
                    );
                }
            }
            let single = evaluate_single(&formula, x);
            assert_eq!((lane.to_bits(), &lane_gradient), (single.0.to_bits(), &single.1), "{source}");
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x as f32)).collect();
            let (value, gradient) = evaluate(&formula, &x);
            close(f64::from(lane), value, 4e-6, source);
            for (single, double) in lane_gradient.iter().zip(&gradient) {
                // Weights of exponents around 500 and 900 have few digits left.
                let tolerance = if source.contains("00*") { 2e-3 * 900.0 } else { 1e-4 };
                assert!(
                    (f64::from(*single) - double).abs() < tolerance * (1.0 + double.abs()),
                    "{source}: {single} {double}"
                );
            }
        }
    }
}

#[test]
fn what_a_condition_leaves_out_does_not_show() {
    for source in [
        "where(x[0] > 0, log(x[0]), x[0]^2)",
        "where(x[0] > 0, sqrt(x[0])*exp(1/x[0]), 3*x[0])",
        "where(x[0] > 0, x[0]^1.3 + logsumexp(log(x[0]), log(2*x[0])), x[0])",
        "where(x[0] > 0, sumsq(log(x)) + dot(log(x), sqrt(x)), x[0])",
        "where(not (sqrt(x[0]) > 0), x[0]^2, 1/x[0])",
        "where(log(x[0]) > 0 or x[0] <= 0, x[0], 7*x[0])",
    ] {
        let formula = energy_of(1, source);
        for x in [-2.0, -1e-3, 0.0] {
            let (value, gradient) = evaluate(&formula, &[x]);
            assert!(value.is_finite() && gradient[0].is_finite(), "{source} at {x}: {value} {gradient:?}");
        }
        let points = std::array::from_fn(|lane| vec![lane as f64 - 7.5]);
        for (value, gradient) in evaluate_lanes(&formula, &points) {
            assert!(value.is_finite() && gradient[0].is_finite(), "{source}: {value} {gradient:?}");
        }
    }
    // What is chosen does show.
    let (value, _) = evaluate(&energy_of(1, "where(x[0] < 0, log(x[0]), x[0])"), &[-1.0]);
    assert!(value.is_nan());
    let (value, _) = evaluate(&energy_of(1, "where(x[0] < 0, inf, x[0])"), &[-1.0]);
    assert_eq!(value, f64::INFINITY);
}

#[test]
fn tables_constants_parts_and_bounds() {
    let formula = parse(
        r#"
energy = """
twice + quad(P, y) + sum(matvec(Q, y)) + rows(Q) + Q[1, 0] * c[1] - 4
"""
[parts]
v = 1
y = "half / 2"
[constants]
half = 4
c = [1, "half - 2"]
P = [[2, 1], [2, 4]]
Q = [[1, 0], [0.5, 3]]
[where]
once = "v"
twice = "2*once"
[bounds]
v = [0, inf]
"y[1]" = [-1, "3/2"]
"#,
    );
    let (value, gradient) = evaluate(&formula, &[3.0, 1.0, 2.0]);
    // 2 y0² + 3 y0 y1 + 4 y1², and the rows of Q: y0 + (y0/2 + 3 y1).
    assert_eq!(value, 6.0 + (2.0 + 6.0 + 16.0) + (1.0 + 0.5 + 6.0) + 2.0 + 1.0 - 4.0);
    assert_eq!(gradient, [2.0, 4.0 + 6.0 + 1.5, 3.0 + 16.0 + 3.0]);
    assert_eq!(formula.bounds(), [(0.0, f64::INFINITY), (f64::NEG_INFINITY, f64::INFINITY), (-1.0, 1.5)]);
    assert_eq!(formula.coordinate_names(), ["v", "y[0]", "y[1]"]);
    assert_eq!(formula.name(), "test");
}

#[test]
fn an_evaluation_does_not_allocate() {
    for name in ["cancer", "lj13", "mixture"] {
        let formula = common::zoo(name);
        let n = formula.dimension();
        let x = vec![kiln_core::Lanes([0.3; 16]); n];
        let (mut gradient, x64, mut gradient64) = (x.clone(), vec![0.3; n], vec![0.0; n]);
        let mut evaluate = || {
            use kiln_core::Energy;
            let _ = formula.energy_and_gradient(&x, &mut gradient);
            let _ = formula.energy(&x);
            let _ = formula.energy_and_gradient(&x64, &mut gradient64);
        };
        evaluate();
        let counted = allocation_counter::measure(evaluate);
        assert_eq!(counted.count_total, 0, "{name}");
    }
}

#[test]
fn copies_are_shared_between_threads() {
    fn sent<T: Clone + Send + Sync>(_: &T) {}
    let formula = common::zoo("rings");
    sent(&formula);
    let copy = formula.clone();
    let there = std::thread::spawn(move || evaluate(&copy, &[1.0, 2.0])).join().expect("a thread that ends");
    assert_eq!(there, evaluate(&formula, &[1.0, 2.0]));
}

/// The errors that `number` states, over a grid.
#[test]
fn functions_in_single_precision() {
    type Bound = (&'static str, fn(f64) -> f64, f64, f64, f64);
    let cases: [Bound; 9] = [
        ("log1p(x[0])", libm::log1p, -0.99, 20.0, 1e-6),
        ("expm1(x[0])", libm::expm1, -20.0, 20.0, 1e-6),
        ("sinh(x[0])", libm::sinh, -20.0, 20.0, 1e-6),
        ("cosh(x[0])", libm::cosh, -20.0, 20.0, 1e-6),
        ("atan(x[0])", libm::atan, -20.0, 20.0, 1e-6),
        ("tan(x[0])", libm::tan, -1.5, 1.5, 6e-6),
        ("sin(x[0])", libm::sin, -100.0, 100.0, 4e-7),
        ("cos(x[0])", libm::cos, -100.0, 100.0, 4e-7),
        ("erf(x[0])", libm::erf, -5.0, 5.0, 3e-7),
    ];
    let mut failures = Vec::new();
    for (source, exact, low, high, bound) in cases {
        let formula = energy_of(1, source);
        let absolute = bound < 5e-7;
        let worst = (0..=40_000)
            .map(|k| f64::from((low + (high - low) * f64::from(k) / 40_000.0) as f32))
            .map(|x| {
                let (value, exact) = (f64::from(evaluate_single(&formula, &[x]).0), exact(x));
                (value - exact).abs() / if absolute { 1.0 } else { exact.abs().max(1e-30) }
            })
            .fold(0.0, f64::max);
        if worst > bound || worst.is_nan() {
            failures.push(format!("{source}: {worst}"));
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
