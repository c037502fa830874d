//! The score by which a training keeps a generator, on samples of Kiln's targets.

use kiln::metric::measure::energies;
use kiln::metric::selection::{free_energy, stein_of};
use kiln::polish::polish;
use kiln::samples::Samples;
use kiln::target::Target;
use kiln::targets::builtin;

const N: usize = 2000;

fn target(name: &str) -> Target {
    builtin().into_iter().find(|target| target.name() == name).unwrap()
}

fn exact(of: &Target) -> Vec<f32> {
    of.exact_samples(1, N).unwrap_or_else(|| {
        // Long chains from scattered starts.
        let wells = target("mw32").exact_samples(2, N).unwrap();
        let data = wells.chunks_exact(32).flat_map(|x| x[..8].to_vec()).collect();
        let mut samples = Samples { dim: 8, data };
        polish(of, &mut samples, 4000, 3).unwrap();
        samples.data
    })
}

fn score(target: &Target, samples: &[f32]) -> f64 {
    stein_of(target, samples).score()
}

fn free(target: &Target, samples: &[f32]) -> f64 {
    free_energy(target.symmetry(), samples, &energies(target, samples))
}

/// The rows with the lowest energies, `keep` of them, repeated.
fn lowest(target: &Target, samples: &[f32], keep: usize) -> Vec<f32> {
    let energies = energies(target, samples);
    let mut order: Vec<usize> = (0..energies.len()).collect();
    order.sort_by(|a, b| energies[*a].total_cmp(&energies[*b]));
    let dim = target.dim();
    order[..keep].iter().cycle().take(N).flat_map(|row| samples[row * dim..(row + 1) * dim].to_vec()).collect()
}

#[test]
fn exact_samples_score_best() {
    for name in ["dw4", "mw32"] {
        let target = target(name);
        let target = &target;
        let samples = exact(target);
        let best = score(target, &samples);
        assert!(best < 0.08, "{name}: {best}");
        let scaled = |by: f32| samples.iter().map(|x| by * x).collect::<Vec<f32>>();
        let bad = [
            ("smaller by 1 %", scaled(0.99)),
            ("larger by 1 %", scaled(1.01)),
            ("one minimum", lowest(target, &samples, 1)),
            ("twenty cold frames", lowest(target, &samples, 20)),
            ("the colder half", lowest(target, &samples, N / 2)),
        ];
        for (what, bad) in bad {
            let bad = score(target, &bad);
            assert!(bad > 1.5 * best, "{name}: {what} {bad}, exact {best}");
        }
        assert!(score(target, &lowest(target, &samples, 1)) > 0.9, "{name}: collapse cannot pay");
    }
}

#[test]
fn contacts_count_by_their_share_not_by_their_size() {
    let target = target("dw4");
    let mut samples = exact(&target);
    let before = score(&target, &samples);
    for row in 0..10 {
        samples[8 * row..8 * row + 8].iter_mut().for_each(|x| *x *= 1e4);
    }
    samples[80..88].fill(f32::NAN);
    let stein = stein_of(&target, &samples);
    assert!(
        (stein.lost - 11.0 / N as f64).abs() < 1e-12 && (stein.score() - before).abs() < 0.02,
        "{stein:?} {before}"
    );
    let none = vec![f32::NAN; 8 * 100];
    assert_eq!(score(&target, &none), 3.0);
}

#[test]
fn missing_modes_show_in_the_free_energy_alone() {
    let target = target("mw32");
    let target = &target;
    let samples = exact(target);
    let mut right = samples.clone();
    right.chunks_exact_mut(2).for_each(|pair| pair[0] = pair[0].abs());
    // Stein's identity does see the lopsided energies a little; it need not.
    assert!(score(target, &right) < 0.15);
    let (all, half) = (free(target, &samples), free(target, &right));
    assert!(half > all + 5.0, "{all} {half}");
    assert!(free(target, &lowest(target, &samples, 20)) > all + 100.0);
    assert!(free(target, &samples.iter().map(|x| 0.9 * x).collect::<Vec<f32>>()) > all);
    assert!(free(target, &samples[..32]).is_nan());
}
