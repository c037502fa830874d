//! Particles through the batch sampler (the mean-free subspace, and a target of 165 dimensions on a worker's stack), the
//! generator and the score network.

mod common;

use common::uniform;
use kiln_core::Energy;
use kiln_core::dynamics::step_size;
use kiln_core::energy::{DoubleWell, LennardJones, ManyWell, Pairs};
use kiln_core::posterior::{Params, Transition};
use kiln_core::random::Purpose;
use kiln_core::score::Estimator;
use kiln_core::symmetry::Symmetry;
use kiln_gpu::egnn::{Activation, Edges, EgnnSpec, Head, Radial};
use kiln_gpu::pack::{Pack, PackEnergy};
use kiln_gpu::posterior::{denoise_batch, energies, mean_free, normal_batch};
use kiln_gpu::{Body, Cpu, Generator, GeneratorSpec, NoiseBatch, ScoreNetwork, ScoreSpec, SpecError};

const ROWS: usize = 40;

fn params() -> Params {
    Params {
        particles: 4,
        levels: 3,
        transition: Transition::Mala,
        transition_step: 1e-3,
        min_effective_sample_size: f64::INFINITY,
        cycles: 4,
        refresh_sweeps: 1,
        refresh_block: 1,
        chain: Transition::Hmc { leapfrog_steps: 5 },
        chain_steps: 1,
        chain_step: 0.01,
        keep: 2,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
    }
}

/// The largest mean over particles of any row and coordinate.
fn largest_mean(symmetry: Symmetry, rows: &[f32]) -> f64 {
    let Symmetry::Particles { count, dimensions } = symmetry else { return f64::INFINITY };
    let mut largest = 0.0_f64;
    for row in rows.chunks_exact(count * dimensions) {
        for k in 0..dimensions {
            let sum: f64 = row.iter().skip(k).step_by(dimensions).map(|x| f64::from(*x)).sum();
            largest = largest.max((sum / count as f64).abs());
        }
    }
    largest
}

fn check(energy: &PackEnergy, width: f32) {
    let symmetry = energy.symmetry();
    let mut y: Vec<f32> = normal_batch(1, Purpose::Test, 0, ROWS, energy.dim()).iter().map(|z| width * z).collect();
    assert!(largest_mean(symmetry, &y) > 0.1, "noise as it is drawn is not mean-free");
    mean_free(symmetry, &mut y);
    assert!(largest_mean(symmetry, &y) < 1e-6);
    let mut denoised = vec![f32::NAN; y.len()];
    let never = std::sync::atomic::AtomicBool::new(false);
    let reports = denoise_batch(energy, (1, 0), &y, &[0.2; ROWS], &params(), &mut denoised, &never);
    assert!(denoised.iter().all(|x| x.is_finite()) && reports.iter().all(|row| row.energy.is_finite()));
    assert!(denoised.iter().zip(&y).any(|(d, y)| (d - y).abs() > 0.01), "it moves");
    assert!(largest_mean(symmetry, &denoised) < 1e-5, "{}", largest_mean(symmetry, &denoised));
    let mut gradient = vec![f32::NAN; y.len()];
    assert!(energies(energy, &y, &mut gradient).iter().all(|e| e.is_finite()));
}

#[test]
fn batches_of_particles_stay_mean_free() {
    check(&DoubleWell::<4, 2>, 2.0);
    check(&LennardJones::<13, 3>::new(Pairs::Twice).smooth(), 1.0);
}

/// With a quarter of the stack that a rayon worker has on most systems.
#[test]
fn fifty_five_particles_fit_a_workers_stack() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).stack_size(1 << 19).build().expect("a pool");
    pool.install(|| check(&LennardJones::<55, 3>::new(Pairs::Twice).smooth(), 1.8));
}

#[test]
fn without_symmetry_nothing_is_moved() {
    let symmetry = Energy::<Pack>::symmetry(&ManyWell::<32>);
    let mut rows = normal_batch(1, Purpose::Test, 0, ROWS, 32);
    let before = rows.clone();
    mean_free(symmetry, &mut rows);
    assert_eq!((symmetry, rows), (Symmetry::None, before));
}

/// A quarter turn with a reflection (exact in floating point), and a relabelling that moves every particle.
struct Motion {
    count: usize,
    dimensions: usize,
}

impl Motion {
    /// Of coordinates (rows, count × dimensions).
    fn turned(&self, rows: &[f32]) -> Vec<f32> {
        rows.chunks_exact(self.dimensions)
            .flat_map(|x| {
                let mut y = x.to_vec();
                (y[0], y[1]) = (x[1], x[0]);
                y[0] = -y[0];
                y
            })
            .collect()
    }

    /// Of what belongs to particles in equal parts, one row after the other.
    fn relabelled(&self, rows: &[f32], row: usize) -> Vec<f32> {
        let own = row / self.count;
        rows.chunks_exact(row)
            .flat_map(|x| (0..self.count).flat_map(|i| &x[(i + 1) % self.count * own..][..own]))
            .copied()
            .collect()
    }

    fn moved(&self, rows: &[f32]) -> Vec<f32> {
        self.relabelled(&self.turned(rows), self.count * self.dimensions)
    }
}

fn egnn(node_inputs: usize, radial: Radial) -> Body {
    Body::Egnn(EgnnSpec {
        particles: 5,
        dimensions: 3,
        node_inputs,
        hidden: 16,
        layers: 3,
        activation: Activation::Silu,
        edges: Edges::Symmetric,
        head: Head::Direct,
        attention: true,
        radial,
        range: 2.0,
    })
}

/// Turning the latent's coordinates turns the sample; relabelling coordinates and own latents relabels it; a common shift of
/// the coordinates does nothing. With that, the distribution of samples is invariant. Another latent gives another sample.
#[test]
fn generators_of_particles_are_equivariant() {
    let (dim, own) = (15, 2);
    let radial = Radial::Steps { count: 8, range: 4.0 };
    for (skip, thresholds) in [(0.7, vec![-0.5, 0.5]), (0.0, vec![])] {
        let body = egnn(GeneratorSpec::node_inputs(own, thresholds.len()), radial);
        let spec = GeneratorSpec { dim, latent: dim + 5 * own, cells: Vec::new(), thresholds, skip, scale: 40.0, body };
        let generator = Generator::new(&Cpu::default(), spec, &mut uniform(3)).expect("a spec");
        let motion = Motion { count: 5, dimensions: 3 };
        let (z, u) = (normal_batch(1, Purpose::Test, 0, ROWS, dim), normal_batch(1, Purpose::Test, 1, ROWS, 5 * own));
        let sample = |z: &[f32], u: &[f32]| {
            let rows = z.chunks_exact(dim).zip(u.chunks_exact(5 * own));
            generator.sample(&rows.flat_map(|(z, u)| [z, u].concat()).collect::<Vec<_>>())
        };
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        let x = sample(&z, &u);
        assert!(close(&sample(&motion.moved(&z), &motion.relabelled(&u, 5 * own)), &motion.moved(&x)));
        let shifted: Vec<f32> = z.iter().map(|z| z + 0.5).collect();
        assert!(close(&sample(&shifted, &u), &x));
        let other: Vec<f32> = u.iter().map(|u| -u).collect();
        assert!(!close(&sample(&z, &other), &x), "own latents matter");
        assert!(largest_mean(Symmetry::Particles { count: 5, dimensions: 3 }, &x) < 1e-5);
    }
}

/// D(y, v) moves with y, and depends on v.
#[test]
fn score_networks_of_particles_are_equivariant() {
    let body = egnn(ScoreSpec::NODE_INPUTS, Radial::Basis { count: 8, range: 4.0 });
    let spec = ScoreSpec::Preconditioned { dim: 15, body, data_sd: 0.7 };
    let net = ScoreNetwork::new(&Cpu::default(), spec, &mut uniform(4)).expect("a spec");
    let motion = Motion { count: 5, dimensions: 3 };
    let mut y = normal_batch(1, Purpose::Test, 2, ROWS, 15);
    mean_free(Symmetry::Particles { count: 5, dimensions: 3 }, &mut y);
    let noise = NoiseBatch::from_ratios((0..ROWS).map(|i| 0.05 * (i + 1) as f32).collect());
    let d = net.denoise(&y, &noise);
    let moved = net.denoise(&motion.moved(&y), &noise);
    assert!(moved.iter().zip(motion.moved(&d)).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!(d.iter().zip(&y).any(|(d, y)| (d - y).abs() > 0.1));
}

/// Shapes that do not fit are refused: node inputs, coordinates, and latents that the particles cannot share.
#[test]
fn shapes_of_particles_that_do_not_fit_are_refused() {
    let radial = Radial::Squared;
    let spec = |latent, node_inputs| GeneratorSpec {
        dim: 15,
        latent,
        cells: Vec::new(),
        thresholds: vec![0.0],
        skip: 1.0,
        scale: 1.0,
        body: egnn(node_inputs, radial),
    };
    assert_eq!(spec(15, 1).check(), Ok(()));
    assert_eq!(spec(25, 4).check(), Ok(()));
    for wrong in [spec(26, 4), spec(25, 5), spec(15, 2), GeneratorSpec { dim: 12, ..spec(15, 1) }] {
        assert_eq!(wrong.check(), Err(SpecError::Particles), "{wrong:?}");
    }
    let score = ScoreSpec::Preconditioned { dim: 15, body: egnn(3, radial), data_sd: 1.0 };
    assert_eq!(ScoreNetwork::new(&Cpu::default(), score, &mut uniform(1)).err(), Some(SpecError::Particles));
}
