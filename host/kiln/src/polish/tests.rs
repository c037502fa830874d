//! What polishing does to samples.

use super::*;
use crate::reference::{judge, shipped};
use crate::targets::builtin;
use kiln_gpu::posterior::normal_batch;
use kiln_metrics::statistic::Mean;

fn named(name: &str) -> Target {
    builtin().into_iter().find(|target| target.name() == name).unwrap()
}

/// The first rows of a shipped reference, moved by noise of this width.
fn strained(name: &str, rows: usize, noise: f32) -> Samples {
    let Samples { dim, mut data } = shipped(name).unwrap().samples;
    data.truncate(rows * dim);
    let xi = normal_batch(7, Purpose::Test, 0, rows, dim);
    data.iter_mut().zip(xi).for_each(|(x, xi)| *x += noise * xi);
    Samples { dim, data }
}

fn energies(target: &Target, samples: &Samples) -> Vec<f64> {
    let wide = |row: &[f32]| target.energy(&row.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
    samples.data.chunks_exact(samples.dim).map(wide).collect()
}

#[test]
fn equilibrium_stays_equilibrium() {
    for name in ["lj13", "dw4", "mw32", "mog40"] {
        let (target, mut samples) = (named(name), strained(name, 4000, 0.0));
        let before = Mean::of(&energies(&target, &samples));
        let old = samples.clone();
        let report = polish(&target, &mut samples, 40, 3).unwrap();
        let after = Mean::of(&energies(&target, &samples));
        let z = (after.mean - before.mean) / before.standard_error().hypot(after.standard_error());
        assert!(z.abs() < 4.0, "{name}: {before:?} {after:?}");
        assert!(judge::virial(&target, &samples.data).holds(), "{name}");
        assert!((0.4..0.75).contains(&report.acceptance), "{name}: {report:?}");
        // Chains moved, each evaluated once at the start and once a step; the pilot of 256 rows, 100 steps.
        assert_ne!(old, samples);
        assert_eq!(report.energy_evaluations, 4000 * 41 + 256 * 101, "{name}");
    }
}

#[test]
fn strain_goes_and_the_mean_stays_at_the_origin() {
    for (name, noise, gain) in [("lj13", 0.05, 10.0), ("dw4", 0.3, 1.0)] {
        let (target, mut samples) = (named(name), strained(name, 500, noise));
        let report = polish(&target, &mut samples, 50, 3).unwrap();
        assert!(report.energy_after < report.energy_before - gain, "{name}: {report:?}");
        let found = median(&energies(&target, &samples));
        assert!((found - report.energy_after).abs() < 1e-3, "{name}: the reported energy is the samples'");
        let d = if name == "dw4" { 2 } else { 3 };
        for row in samples.data.chunks_exact(samples.dim) {
            let mean: f32 = row.iter().step_by(d).sum();
            assert!(mean.abs() < 1e-4, "{name}: {mean}");
        }
    }
}

#[test]
fn a_row_depends_on_neither_the_number_of_rows_nor_of_threads_nor_the_parts() {
    let target = named("lj13");
    let all = strained("lj13", 300, 0.02);
    let with = |threads: usize, parts: &[usize]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut polisher = Polisher::tuned(&target, &all, 6, 9, &NEVER).unwrap();
            let (mut out, mut first) = (Vec::new(), 0);
            for rows in parts {
                let mut part = Samples { dim: 39, data: all.data[first * 39..][..rows * 39].to_vec() };
                polisher.polish(&mut part, first as u64).unwrap();
                out.extend(part.data);
                first += rows;
            }
            (out, polisher.report())
        })
    };
    let (whole, report) = with(1, &[300]);
    assert_eq!(with(3, &[300]), (whole.clone(), report));
    assert_eq!(with(2, &[100, 37, 163]), (whole.clone(), report));
    assert_eq!(with(2, &[37]).0, whole[..37 * 39]);
}

#[test]
fn what_cannot_move_stays_and_is_counted() {
    let (target, mut samples) = (named("dw4"), strained("dw4", 20, 0.0));
    samples.data[8] = f32::INFINITY;
    let report = polish(&target, &mut samples, 10, 0).unwrap();
    assert_eq!(report.immovable, 1);
    assert!(report.divergences >= 10 && report.to_string().contains("1 samples have no finite energy"), "{report}");
    let mut other = Samples { dim: 3, data: vec![0.0; 6] };
    assert!(polish(&target, &mut other, 10, 0).unwrap_err().to_string().contains("3 coordinates"));
    assert_eq!(polish(&target, &mut Samples { dim: 8, data: vec![] }, 10, 0).unwrap().energy_evaluations, 0);
}

#[test]
fn every_target_can_be_polished() {
    for target in builtin() {
        let dim = target.dim();
        let mut samples = Samples { dim, data: normal_batch(1, Purpose::Test, 0, 40, dim) };
        samples.data.iter_mut().for_each(|x| *x *= 2.0);
        let report = polish(&target, &mut samples, 200, 1).unwrap();
        assert!(report.energy_after < report.energy_before, "{}: {report}", target.name());
        assert!(report.acceptance > 0.2, "{}: {report}", target.name());
    }
}
