//! Particle systems at equilibrium: the virial tells the convention, and the smooth core is smooth and never seen.

mod common;

use common::by_value::{self, denoise};
use common::exact::gradient;
use common::kernels::{Move, MoveVisitor, every_kernel};
use common::statistics::Moments;
use common::targets::{Apart, Case, Dw4, Dw4Posterior, Lj13, Lj13PairsOnce, Lj13Smooth, crystal};
use common::tolerance;
use kiln_core::diffusion::{Posterior, noise};
use kiln_core::dynamics::{langevin, step_size};
use kiln_core::energy::{LennardJones, Pairs, SMOOTH_RADIUS};
use kiln_core::posterior::{Params, Transition};
use kiln_core::random::{Purpose, Randomness, Streams};
use kiln_core::score::Estimator;
use kiln_core::symmetry::{MeanFree, remove_mean};
use kiln_core::{Energy, Lanes, tensor};

const L: usize = 16;
type Pack = Lanes<L>;

/// Chains of adaptive MALA, frozen after a quarter, from given starts; `watch` sees every tenth state of the second half.
fn equilibrium<C: Case<K>, const K: usize>(
    chains: u64,
    steps: u32,
    start: fn(u64) -> [f64; K],
    mut watch: impl FnMut(usize, &[f64; K], &[f64; K]),
) {
    let energy = Apart(C::at::<Pack>());
    let symmetry = Energy::<Pack>::symmetry(&energy);
    for pack in 0..chains / L as u64 {
        let index = |lane| pack * L as u64 + lane as u64;
        let rng = Apart(Streams::<L>::new(71, Purpose::Test, core::array::from_fn(index)));
        let mut rng = MeanFree { rng, symmetry };
        let points: [[f64; K]; L] = core::array::from_fn(|lane| start(index(lane)));
        let mut x = core::array::from_fn(|i| Lanes(core::array::from_fn(|lane| points[lane][i] as f32)));
        remove_mean(symmetry, &mut x);
        let (mut state, mut workspace) = by_value::start(&energy, x);
        let mut step = step_size::init(Lanes([(C::STEP * C::STEP) as f32; L]));
        for t in 0..steps {
            if t == steps / 4 {
                step.freeze();
            }
            let params = langevin::Params { step_size: step.step_size };
            let info = langevin::step(&mut rng, &mut state, &params, &energy, &mut workspace);
            step_size::step(&mut step, &step_size::Params::default(), info.acceptance);
            if 2 * t >= steps && t % 10 == 0 {
                for lane in 0..L {
                    let lane_of = |values: &[Pack; K]| values.map(|v| f64::from(v.0[lane]));
                    watch(index(lane) as usize, &lane_of(&state.position), &lane_of(&state.gradient));
                }
            }
        }
    }
}

/// E[x·∇E] over the chains' means, which are independent.
fn virial<C: Case<K>, const K: usize>(chains: usize, steps: u32, start: fn(u64) -> [f64; K]) -> Moments {
    let mut means = vec![Moments::default(); chains];
    equilibrium::<C, K>(chains as u64, steps, start, |chain, x, g| {
        means[chain].add(x.iter().zip(g).map(|(x, g)| x * g).sum());
    });
    Moments::of(means.iter().map(Moments::mean))
}

fn cluster(index: u64) -> [f64; 39] {
    crystal(index, 1.15, 0.02)
}

#[test]
fn the_virial_counts_the_free_coordinates() {
    let dw4 = virial::<Dw4, 8>(256, 64_000, Dw4::point);
    let lj13 = virial::<Lj13, 39>(256, 16_000, cluster);
    let once = virial::<Lj13PairsOnce, 39>(256, 16_000, cluster);
    for (name, virial, free) in [("DW-4", dw4, 6.0), ("LJ-13", lj13, 36.0), ("LJ-13 pairs once", once, 36.0)] {
        println!("{name}: E[x·∇E] = {:.3} ± {:.3}", virial.mean(), virial.standard_error());
        virial.assert_mean(name, free);
        assert!(virial.standard_error() < 0.02 * free, "{name}: {}", virial.standard_error());
    }
}

/// Equilibrium samples of one convention are not those of the other, and the virial says so.
#[test]
fn the_virial_refuses_the_wrong_convention() {
    let once = LennardJones::<13, 3>::new(Pairs::Once);
    let mut means = vec![Moments::default(); 64];
    equilibrium::<Lj13, 39>(64, 8000, cluster, |chain, x, _| {
        means[chain].add(x.iter().zip(&gradient(&once, x)).map(|(x, g)| x * g).sum());
    });
    let virial = Moments::of(means.iter().map(Moments::mean));
    println!("pairs once on samples of pairs twice: {:.3} ± {:.3}", virial.mean(), virial.standard_error());
    assert!(virial.z(36.0).abs() > 10.0, "{} ± {}", virial.mean(), virial.standard_error());
}

fn least_distance(x: &[f64; 39]) -> f64 {
    let mut least = f64::INFINITY;
    for i in 0..13 {
        for j in 0..i {
            least = least.min((0..3).map(|k| (x[3 * i + k] - x[3 * j + k]).powi(2)).sum());
        }
    }
    least.sqrt()
}

/// The share of states at equilibrium with a pair where the smooth core differs from the true one.
fn share_of_the_core<C: Case<39>>() -> f64 {
    let (mut states, mut touched, mut least) = (0_u32, 0_u32, f64::INFINITY);
    equilibrium::<C, 39>(256, 16_000, cluster, |_, x, _| {
        let distance = least_distance(x);
        states += 1;
        touched += u32::from(distance < SMOOTH_RADIUS);
        least = least.min(distance);
    });
    println!("{}: {touched} of {states} states have a pair below {SMOOTH_RADIUS}, the closest at {least:.3}", C::NAME);
    assert!(states > 200_000, "{states}");
    f64::from(touched) / f64::from(states)
}

#[test]
fn equilibrium_does_not_see_the_smooth_core() {
    assert_eq!(share_of_the_core::<Lj13>(), 0.0);
    let once = share_of_the_core::<Lj13PairsOnce>();
    assert!(once < 1e-3, "{once}");
}

/// Stein's identities at the equilibrium of a posterior of DW-4: E[∇U] = 0 in every coordinate and E[(x − y)·∇U] = 6, the
/// number of free coordinates. The largest |z|, and the share of steps that moved.
fn stein<M: Move>(length: f64) -> (f64, f64) {
    let posterior: Posterior<'static, _, [Pack; 8]> = Dw4Posterior::at();
    let symmetry = Energy::<Pack>::symmetry(&posterior);
    let mut y = *posterior.y;
    remove_mean(symmetry, &mut y);
    let posterior = Posterior::new(Apart(posterior.target), &y, posterior.v);
    let mut moments = vec![[Moments::default(); 9]; 1024];
    let (mut moved, mut steps) = (0.0, 0.0);
    for pack in 0..64 {
        let index = |lane| (pack * L + lane) as u64;
        let rng = Apart(Streams::<L>::new(72, Purpose::Test, core::array::from_fn(index)));
        let mut rng = MeanFree { rng, symmetry };
        let (mut state, mut workspace) = by_value::start(&posterior, y);
        for t in 0..1200 {
            let info = M::step(&mut rng, &mut state, length, &posterior, &mut workspace);
            if t < 200 {
                continue;
            }
            moved += f64::from(kiln_core::dynamics::count(info.accepted, L));
            steps += L as f64;
            for lane in 0..L {
                let moments = &mut moments[pack * L + lane];
                let g = state.gradient.map(|g| f64::from(g.0[lane]));
                moments[8].add((0..8).map(|i| f64::from((state.position[i] - posterior.y[i]).0[lane]) * g[i]).sum());
                for (moments, g) in moments.iter_mut().zip(g) {
                    moments.add(g);
                }
            }
        }
    }
    let exact = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 6.0];
    let z = exact.iter().enumerate().map(|(i, exact)| Moments::of(moments.iter().map(|m| m[i].mean())).z(*exact).abs());
    (z.fold(0.0, f64::max), moved / steps)
}

struct Stein;
impl MoveVisitor for Stein {
    fn visit<M: Move>(&mut self) {
        let (z, moved) = stein::<M>(0.12);
        println!("{} on the posterior of DW-4: largest |z| {z:.1}, {moved:.2} of the steps moved", M::NAME);
        assert!(moved > 0.05, "{}: {moved}", M::NAME);
        assert_eq!(z < tolerance::Z, M::EXACT, "{}: {z}", M::NAME);
    }
}

/// Every kernel, refreshes of particles included, leaves the posterior in the mean-free subspace invariant; the biased one
/// is told apart.
#[test]
fn kernels_keep_the_posterior_in_the_subspace() {
    every_kernel(&mut Stein);
}

/// From chains at equilibrium: a point and y = x + v ε, sixteen at a time, and then E of a posterior sample at y against E
/// of the points: both are the target's. The energies' difference in standard errors, and E‖x − y‖²/(v² free) of both.
fn round_trip<C: Case<K>, const K: usize>(start: fn(u64) -> [f64; K], v: f32, params: &Params) -> (f64, [f64; 2]) {
    let energy = Apart(C::at::<Pack>());
    let symmetry = Energy::<Pack>::symmetry(&energy);
    let mut points: Vec<[f64; K]> = Vec::new();
    equilibrium::<C, K>(512, 8000, start, |_, x, _| points.push(*x));
    let stride = points.len() / 1024;
    let (mut difference, mut before, mut after) = (Moments::default(), Moments::default(), Moments::default());
    for pack in 0..64 {
        let index = |lane| (pack * L + lane) as u64;
        let mut rng = Apart(Streams::<L>::new(73, Purpose::Test, core::array::from_fn(index)));
        let x: [Pack; K] =
            core::array::from_fn(|i| Lanes(core::array::from_fn(|lane| points[(pack * L + lane) * stride][i] as f32)));
        let mut epsilon = [Lanes([0.0; L]); K];
        MeanFree { rng: &mut rng, symmetry }.fill_normal(&mut epsilon);
        let y = noise(&x, Lanes([v; L]), &epsilon);
        let (estimate, report) = denoise(&mut rng, &energy, &y, Lanes([v; L]), params);
        let reference = energy.energy(&x);
        for lane in 0..L {
            difference.add(f64::from(report.energy.0[lane] - reference.0[lane]));
            let scale = f64::from(v * v) * symmetry.free_coordinates(K) as f64;
            before.add(f64::from(tensor::squared_distance(&x, &y).0[lane]) / scale);
            after.add(f64::from(tensor::squared_distance(&estimate.denoiser, &y).0[lane]) / scale);
        }
    }
    (difference.z(0.0), [before.mean(), after.mean()])
}

/// One state of a chain, so that the denoiser's estimate is a posterior sample.
const CHAIN: Params = Params {
    particles: 16,
    levels: 1,
    transition: Transition::Mala,
    transition_step: 1e-3,
    min_effective_sample_size: f64::INFINITY,
    cycles: 60,
    refresh_sweeps: 0,
    refresh_block: 1,
    chain: Transition::Mala,
    chain_steps: 5,
    chain_step: 0.02,
    keep: 1,
    scale_steps: true,
    adapt: Some(step_size::Params { target_acceptance: 0.6, rate: 0.3, half_life: 50.0 }),
    estimator: Estimator::Denoising,
};

/// Posterior samples at noised equilibrium samples are equilibrium samples, as distant from y as those were.
#[test]
fn posterior_samples_of_noised_samples_are_samples() {
    let hmc = |leapfrog_steps, chain_step| Params {
        chain: Transition::Hmc { leapfrog_steps },
        chain_steps: 1,
        chain_step,
        ..CHAIN
    };
    let refreshed = Params { refresh_sweeps: 1, ..CHAIN };
    for (name, (z, distance)) in [
        ("DW-4, MALA, v = 0.3", round_trip::<Dw4, 8>(Dw4::point, 0.3, &CHAIN)),
        ("DW-4, HMC, v = 0.3", round_trip::<Dw4, 8>(Dw4::point, 0.3, &hmc(10, 0.15))),
        ("DW-4, refreshes, v = 1", round_trip::<Dw4, 8>(Dw4::point, 1.0, &refreshed)),
        ("LJ-13, HMC, v = 0.1", round_trip::<Lj13Smooth, 39>(cluster, 0.1, &hmc(20, 0.025))),
        ("LJ-13, HMC, v = 0.7", round_trip::<Lj13Smooth, 39>(cluster, 0.7, &hmc(20, 0.025))),
    ] {
        println!("{name}: energies differ by {z:.1} standard errors, distances {distance:.3?}");
        assert!(z.abs() < tolerance::Z, "{name}: {z}");
        let error = 3.0 * (2.0 / (6.0 * 1024.0_f64)).sqrt();
        assert!((distance[1] - distance[0]).abs() < error, "{name}: {distance:?}");
    }
    // As many evaluations of MALA have not arrived.
    let mala = Params { cycles: 240, chain_step: 1e-3, ..CHAIN };
    let (z, _) = round_trip::<Lj13Smooth, 39>(cluster, 0.7, &mala);
    assert!(z > 2.0 * tolerance::Z, "{z}");
}

const TRUE: LennardJones<2, 3> = LennardJones::new(Pairs::Twice);

/// Two particles at a distance, and what the smooth core makes of it: (energy, force along the distance).
fn pair(energy: LennardJones<2, 3>, r: f64) -> (f64, f64) {
    let x = [0.5 * r, 0.0, 0.0, -0.5 * r, 0.0, 0.0];
    let mut g = [0.0; 6];
    (energy.energy_and_gradient(&x, &mut g), g[0])
}

/// Value and slope are continuous where the cores meet, the curvature is not; above they are the same bits.
#[test]
fn the_smooth_core_meets_the_true_one() {
    let smooth = TRUE.smooth();
    let edge = SMOOTH_RADIUS;
    for r in [edge + 1e-9, 0.85, 0.9, 1.0, 1.5, 7.0] {
        assert_eq!(pair(smooth, r), pair(TRUE, r), "at {r}");
    }
    for step in [1e-3, 1e-4, 1e-5] {
        let ((e, f), (below_e, below_f)) = (pair(TRUE, edge), pair(smooth, edge - step));
        // The energy's error is of second order in the step, the force's of first.
        assert!((below_e - (e - 2.0 * f * 0.5 * step)).abs() < 2e4 * step * step, "{below_e} {e}");
        assert!((below_f - f).abs() < 2e3 * step, "{below_f} {f}");
        let (steep_e, _) = pair(TRUE, edge - step);
        assert!(steep_e > below_e, "it is softer");
    }
}

/// Finite wherever particles are, without a force at contact, and repulsive all the way there.
#[test]
fn the_smooth_core_is_finite_at_contact() {
    let mut before = pair(TRUE.smooth(), SMOOTH_RADIUS).0;
    for i in (0..80).rev() {
        let (energy, _) = pair(TRUE.smooth(), 0.01 * f64::from(i));
        assert!(energy > before, "{energy} at {i}");
        before = energy;
    }
    let contact = pair(TRUE.smooth(), 0.0);
    assert!((contact.0 - 2.0 * 71.3457).abs() < 1e-3 && contact.1 == 0.0, "{contact:?}");

    let smooth = LennardJones::<13, 3>::new(Pairs::Twice).smooth();
    let mut g = [1.0_f32; 39];
    let energy = smooth.energy_and_gradient(&[0.3; 39], &mut g);
    assert!((energy - 78.0 * contact.0 as f32).abs() < 0.01, "{energy}");
    assert!(g.iter().all(|g| g.abs() < 1e-6), "{g:?}");
    let mut near = [0.0_f32; 39];
    near[4] = 1e-3;
    assert!(smooth.energy_and_gradient(&near, &mut g).is_finite() && g.iter().all(|g| g.is_finite()));
    // The true core says that this is no place to be.
    let true_core = LennardJones::<13, 3>::new(Pairs::Twice);
    let energy = true_core.energy_and_gradient(&near, &mut g);
    assert!(!(energy < 1e30 && g.iter().all(|g| g.is_finite())), "{energy}");
}

/// The double well's kink at contact has no force, in any precision.
#[test]
fn the_double_well_is_finite_at_contact() {
    let energy = Dw4::at::<f32>();
    let mut g = [1.0_f32; 8];
    let value = energy.energy_and_gradient(&[0.7; 8], &mut g);
    let exact = 6.0 * (0.9 * 256.0 - 4.0 * 16.0);
    assert!((f64::from(value) - exact).abs() < tolerance::SINGLE_ENERGY * exact, "{value}");
    assert_eq!(g, [0.0; 8]);
}
