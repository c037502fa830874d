//! An energy of one's own, whose dimension comes from a file, through all that the library does: train, be interrupted,
//! resume, sample, judge, reference, export. No const generic is named.

mod common;

use common::StopAt;
use kiln::error::Error;
use kiln::export;
use kiln::fit::{Options, Trained, fit, resume};
use kiln::metric::suite::{Effort, evaluate};
use kiln::progress::Silent;
use kiln::reference::{self, Order};
use kiln::source;
use kiln::target::Target;
use kiln_core::artifact::{Artifact, Format};
use kiln_core::{Energy, Scalar};
use std::path::Path;
use std::sync::atomic::AtomicBool;

static NEVER: AtomicBool = AtomicBool::new(false);

/// Independent Gaussians whose widths are read from a file.
struct Widths(Vec<f64>);

impl<S: Scalar> Energy<S> for Widths {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        for (gradient, (x, width)) in gradient.iter_mut().zip(x.iter().zip(&self.0)) {
            *gradient = *x * S::constant(width.powi(-2));
        }
        self.energy(x)
    }
    fn energy(&self, x: &[S]) -> S {
        x.iter().zip(&self.0).fold(S::zero(), |sum, (x, width)| sum + S::constant(0.5 * width.powi(-2)) * x.square())
    }
}

fn target(file: &Path) -> Target {
    let widths = std::fs::read_to_string(file).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    Target::new("widths", Widths(widths)).described("Widths", "Gaussians", "E = sum of x^2/(2 width^2)")
}

#[test]
fn an_energy_whose_dimension_comes_from_a_file_goes_through_everything() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("widths");
    std::fs::write(&file, "0.5\n1\n1.5\n").unwrap();
    let target = target(&file);
    assert_eq!(target.dim(), 3);

    let mut settings = target.settings();
    (settings.train.steps, settings.train.batch, settings.train.warmup, settings.train.pretrain) = (60, 32, 5, 10);
    (settings.generator.hidden, settings.score.hidden, settings.posterior.chain, settings.posterior.keep) =
        (16, 16, 8, 4);
    let out = place.path().join("run");
    let halfway = StopAt(30, AtomicBool::new(false));
    let options = Options { progress: &halfway, stop: &halfway.1, ..Options::default() };
    let error: Error = fit(&target, settings.clone(), Some(&out), &options).unwrap_err();
    assert!(error.to_string().contains("interrupted"), "{error}");

    let stranger = Target::new("widths", Widths(vec![1.0; 3]));
    let error = resume(&out, &stranger, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("another energy"), "{error}");

    let Trained { run, samples, report, .. } = resume(&out, &target, &Options::default()).unwrap();
    assert_eq!((samples.len(), samples.dim, report.target.as_str()), (10_000, 3, "Widths"));
    assert!(report.rows.iter().any(|row| row.metric == "mean energy"), "{}", report.table());

    // Interrupted or not, the same generator.
    let whole = place.path().join("whole");
    let undisturbed = fit(&target, settings, Some(&whole), &Options::default()).unwrap();
    assert_eq!(undisturbed.samples, samples);

    let generator = source::resolve(run.path()).unwrap();
    assert_eq!(generator.target(), "widths");
    let more = generator.open().unwrap().rows(0, 0, 2000).unwrap();
    assert_eq!(more.data, samples.data[..3 * 2000]);
    let effort = Effort { n: 2000, distance_n: 200, repeats: 2, geometric: false };
    assert!(evaluate(&target, &more, 0, "more", effort).is_ok());

    let order = Order { n: 400, effort: 0.05, ..Order::default() };
    let truth = reference::generate(&target, &order, &Silent, &NEVER).unwrap();
    let variance =
        |k: usize| truth.samples.data.iter().skip(k).step_by(3).map(|x| f64::from(x * x)).sum::<f64>() / 400.0;
    for (k, width) in [0.5, 1.0, 1.5].into_iter().enumerate() {
        // Four standard errors of a variance from 200 independent states.
        assert!((variance(k) / (width * width) - 1.0).abs() < 0.4, "{k}: {}", variance(k));
    }

    let float = generator.float_model().unwrap();
    let float = Artifact::check(float.as_slice()).unwrap();
    let deployed = export::convert(&float, Format::I16W16A).unwrap();
    assert_eq!(Artifact::check(deployed.as_slice()).unwrap().dim(), 3);
}
