//! What holds for references: the shipped ones, and what explorations make.

use super::*;
use crate::progress::Silent;
use crate::target::Target;
use crate::targets::builtin;
use kiln_core::energy::ManyWell;
use kiln_core::symmetry::Symmetry;

fn named(name: &str) -> Target {
    builtin().into_iter().find(|target| target.name() == name).unwrap()
}

#[test]
fn shipped_references_are_what_their_manifests_say() {
    for target in builtin() {
        let (name, npy) = (target.name(), target.reference().unwrap().npy);
        let Reference { samples, manifest } = shipped(name).unwrap();
        assert_eq!(hash(npy), manifest.sha256, "{name}: the file is not the one that was judged");
        let described = (manifest.target.as_str(), manifest.convention.clone(), manifest.n, manifest.dim);
        assert_eq!(described, (name, target.convention().into(), 10_000, target.dim()));
        assert_eq!((samples.len(), samples.dim), (10_000, target.dim()), "{name}");
        assert!(manifest.converged && manifest.verdict().is_ok(), "{name}");
        // The frames of the file, not only those behind the diagnostics.
        let rows: Vec<f64> = samples.data.iter().map(|x| f64::from(*x)).collect();
        let traces = judge::observe(&target, &rows, &[], samples.len() / 4);
        for (ours, theirs) in traces.observables().iter().zip(&manifest.observables) {
            let error = ours.sd / 100.0;
            assert!((ours.mean - theirs.mean).abs() < error, "{name}, {}: {}", ours.name, ours.mean);
            assert_eq!(ours.name, theirs.name);
            assert!(ours.r_hat < 1.01, "{name}, {}: a quarter differs from the others", ours.name);
        }
    }
    assert!(shipped("a target of one's own").is_none());
}

#[test]
fn the_virial_tells_the_pair_conventions_apart() {
    let z = |judge: &str, frames: &str| judge::virial(&named(judge), &shipped(frames).unwrap().samples.data);
    for name in ["dw4", "lj13", "lj13-pairs-once", "lj55"] {
        assert!(z(name, name).holds(), "{name}: {:?}", z(name, name));
    }
    for (judge, frames) in [("lj13-pairs-once", "lj13"), ("lj13", "lj13-pairs-once")] {
        let virial = z(judge, frames);
        assert!(!virial.holds() && virial.z.abs() > 8.0, "{frames} by the energy of {judge}: {virial:?}");
    }
}

#[test]
fn shipped_frames_have_no_orientation_no_labels_and_no_order() {
    for name in ["dw4", "lj13", "lj13-pairs-once", "lj55"] {
        let data = shipped(name).unwrap().samples.data;
        let dim = named(name).dim();
        let Symmetry::Particles { count, dimensions } = named(name).symmetry() else { panic!() };
        let moment = |f: &dyn Fn(&[f32]) -> f64| {
            let values: Vec<f64> = data.chunks_exact(dim).map(f).collect();
            let mean = kiln_metrics::statistic::Mean::of(&values);
            mean.mean / mean.standard_error()
        };
        for i in 0..dim {
            assert!(moment(&|x| f64::from(x[i])).abs() < 5.0, "{name}: coordinate {i} has a mean");
        }
        let square = |x: &[f32], i: usize| x[i * dimensions..][..dimensions].iter().map(|x| f64::from(x * x)).sum();
        let difference = moment(&|x| {
            let (a, b): (f64, f64) = (square(x, 0), square(x, count - 1));
            a - b
        });
        assert!(difference.abs() < 5.0, "{name}: the first particle differs from the last");
        assert!(moment(&|x| f64::from(x[0] * x[1])).abs() < 5.0, "{name}: axes are correlated");
    }
}

/// Two wells: 4 coordinates, exact weights known, barrier 9.
fn wells() -> Target {
    Target::new("wells", ManyWell::<4>)
}

static NEVER: AtomicBool = AtomicBool::new(false);
const SMALL: Order = Order { n: 3000, seed: 5, effort: 0.5, evaluations: Some(4_000_000), exact: true };

#[test]
fn an_exploration_crosses_barriers_and_meets_known_weights() {
    let made = generate(&wells(), &SMALL, &Silent, &NEVER).unwrap();
    assert!(made.manifest.verdict().is_ok(), "{}", made.manifest.table());
    let right = made.samples.data.chunks_exact(4).filter(|x| x[0] > 0.0).count() as f64 / 3000.0;
    assert!((right - ManyWell::<4>::RIGHT_WELL).abs() < 4.0 * (0.15 * 0.85 / 3000.0_f64).sqrt(), "{right}");
    let energy = &made.manifest.observables[0];
    // 2/16 of Many-Well-32's mean energy.
    assert!((energy.mean + 137.1985 / 8.0).abs() < 4.0 * energy.standard_error, "{energy:?}");
    let Method::Exploration(explored) = &made.manifest.method else { panic!() };
    assert!(explored.effective_sample_size >= 3000.0 && explored.r_hat < 1.01, "{explored:?}");
    assert!(explored.reasons.is_empty() && made.manifest.energy_evaluations < 4_100_000);
    assert!(made.manifest.observables.iter().any(|o| o.name == "cell 1"), "shares of modes are watched");
    let back: Manifest = serde_json::from_str(&made.manifest.json()).unwrap();
    assert_eq!(back, made.manifest);
}

/// A target from the text of a formula file.
fn formula(text: &str) -> Target {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    crate::formula::target(&path).unwrap()
}

#[test]
fn a_formula_with_bounds_is_checked_without_them_and_no_frame_lies_on_one() {
    let text = "name = \"mine\"\nenergy = \"a^2/2 + rate - log(share)\"\n[parts]\na = 1\nrate = 1\nshare = 1\n\
                [bounds]\nrate = [0, inf]\nshare = [0, 1]\n";
    let target = formula(text);
    let made = generate(&target, &Order { n: 1000, ..SMALL }, &Silent, &NEVER).unwrap();
    let Manifest { observables, virial, virial_not_checked, .. } = &made.manifest;
    assert!(made.manifest.verdict().is_ok(), "{}", made.manifest.table());
    let names: Vec<&str> = observables.iter().map(|observable| observable.name.as_str()).take(4).collect();
    assert_eq!(names, ["energy", "a", "rate", "share"]);
    assert_eq!((virial.expected, virial_not_checked), (3.0, &None));
    // Exp(1), and the density 2 x.
    for (at, mean) in [(2, 1.0), (3, 2.0 / 3.0)] {
        let Observable { mean: found, standard_error, .. } = observables[at];
        assert!((found - mean).abs() < 4.0 * standard_error, "{}", made.manifest.table());
    }
    let inside = |x: &[f32]| x[1] > 0.0 && x[2] > 0.0 && x[2] < 1.0;
    assert!(made.samples.data.chunks_exact(3).all(inside));
}

#[test]
fn frames_that_are_alike_are_told_to_be_worth_less_and_too_few_states_are_no_reference() {
    let target = named("lj13");
    let order = Order { n: 2500, seed: 1, evaluations: Some(1_000_000), ..Order::default() };
    let made = generate(&target, &order, &Silent, &NEVER).unwrap();
    let (worth, table) = (made.manifest.independent.unwrap(), made.manifest.table());
    assert!(worth < 2000.0, "{table}");
    assert!(table.contains(&format!("2500 frames, worth {worth:.0} independent ones: more --effort")), "{table}");
    let error = generate(&target, &Order { n: 200_000, ..order }, &Silent, &NEVER).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("and a reference of 200000 frames is wanted"), "{error}");
    assert!(error.hint().contains("or --evaluations 4e6"), "{}", error.hint());
}

#[test]
fn frames_are_worth_what_the_judged_ones_and_the_draw_leave_of_them() {
    let Manifest { observables, method, .. } = shipped("lj13").unwrap().manifest;
    let with = |effective: f64, n: usize, judged: usize| {
        let mut observables = observables.clone();
        observables[1].effective_sample_size = effective;
        Manifest::worth(&method, n, judged, &observables)
    };
    assert_eq!(with(500.0, 1000, 1000), Some(500.0));
    assert!((with(1000.0, 1000, 1_000_000).unwrap() - 500.0).abs() < 1.0);
    assert!((with(9000.0, 10, 10_000).unwrap() - 10.0).abs() < 0.01);
    assert_eq!(with(f64::NAN, 10, 10_000), None);
    assert_eq!(Manifest::worth(&Method::Exact, 7, 1000, &[]), Some(7.0));
}

#[test]
fn one_seed_gives_one_reference_whatever_the_threads_and_another_seed_another() {
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let order = Order { n: 200, seed, evaluations: Some(1_000_000), ..SMALL };
        pool.install(|| generate(&named("dw4"), &order, &Silent, &NEVER).unwrap())
    };
    let (one, three, other) = (with(1, 5), with(3, 5), with(1, 6));
    assert_eq!(one.samples, three.samples);
    assert_eq!(one.manifest.observables, three.manifest.observables);
    assert_ne!(one.samples, other.samples);
    assert_eq!(one.samples.len(), 200);
    // The outcome of this seed, pinned.
    assert_eq!(one.manifest.sha256, "835634157460463432ceea0c39ec95f045be06269949aa919345ae7e45b9e17f");
}

#[test]
fn an_interrupted_reference_ends_at_once_with_nothing() {
    let order = Order { n: 1000, evaluations: Some(1_000_000_000), ..SMALL };
    let error = generate(&named("lj55"), &order, &Silent, &AtomicBool::new(true)).unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (130, "interrupted"));
}

#[test]
fn exact_samples_are_taken_where_there_are_any() {
    let made = generate(&named("mw32"), &Order { n: 5, ..SMALL }, &Silent, &NEVER).unwrap();
    assert_eq!(made.manifest.method, Method::Exact);
    assert_eq!(Some(made.samples.data), named("mw32").exact_samples(5, 5));
    assert!(made.manifest.frames_judged >= 1000 && made.manifest.n == 5);
}

#[test]
fn a_manifest_reads_back_and_what_is_wrong_is_said() {
    let good = shipped("lj13").unwrap().manifest;
    assert_eq!(serde_json::from_str::<Manifest>(&good.json()).unwrap(), good);
    let mut bad = good.clone();
    bad.observables[1].r_hat = 1.034;
    assert_eq!(bad.verdict().unwrap_err(), "R-hat of the smallest distance is 1.0340, above 1.01");
    let mut bad = good.clone();
    bad.virial.z = -8.0;
    assert!(bad.verdict().unwrap_err().contains("8.0 standard errors from the 36 it must be"));
    for (r_hat, word) in [(f64::NAN, "unknown"), (f64::INFINITY, "infinite")] {
        let mut bad = good.clone();
        bad.observables[0].r_hat = r_hat;
        assert_eq!(bad.verdict().unwrap_err(), format!("chains do not move in the energy: its R-hat is {word}"));
        let back: Manifest = serde_json::from_str(&bad.json()).unwrap();
        assert_eq!((back.json(), back.verdict()), (bad.json(), bad.verdict()));
    }
    let with = |change: fn(&mut Manifest)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad.verdict().unwrap_err()
    };
    assert!(with(|m| m.observables[1].effective_sample_size = f64::NAN).contains("smallest distance is unknown"));
    assert!(with(|m| m.virial = Virial::of(36.0, f64::NAN, 36.0)).contains("virial is unknown"));
    assert!(with(|m| m.observables.clear()).contains("no observable was measured"));
    assert!(with(|m| m.observables[2].mean = f64::NAN).contains("radius of gyration of a frame is not finite"));
    // Whatever the method: exact samples are judged as well.
    assert!(with(|m| (m.method, m.observables[0].r_hat) = (Method::Exact, f64::NAN)).contains("R-hat is unknown"));
}
