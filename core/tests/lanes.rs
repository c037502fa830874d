//! Lanes compute, bit for bit, what the scalar f32 code computes: elementary functions, random streams, energies,
//! kernels, annealing, posterior sampling and network inference.

mod common;

use common::by_value::{self, anneal, resample, start};
use common::kernels::{Move, MoveVisitor, every_kernel};
use common::targets::{Apart, Case, ManyWellPosterior, Mog40, Visitor, every_energy, three_modes};
use kiln_core::diffusion::Posterior;
use kiln_core::dynamics::{annealing, hmc, importance, langevin, step_size};
use kiln_core::energy::{DoubleWell, LennardJones, ManyWell, Pairs, mog40};
use kiln_core::network::{Generator, Layer, Mlp};
use kiln_core::posterior::{self, Transition};
use kiln_core::random::{Purpose, Randomness, Stream, Streams};
use kiln_core::score::Estimator;
use kiln_core::{Energy, Lanes, Mask, Scalar};
use proptest::prelude::*;

/// Bits, where all NaN are one: their payload is not arithmetic.
fn bits(x: f32) -> u32 {
    if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }
}

#[track_caller]
fn same(what: &str, lanes: f32, scalar: f32) {
    assert_eq!(bits(lanes), bits(scalar), "{what}: {lanes:e} in a lane, {scalar:e} alone");
}

#[track_caller]
fn same_vector<const L: usize, const N: usize>(what: &str, lane: usize, lanes: &[Lanes<L>; N], scalar: &[f32; N]) {
    for (a, b) in lanes.iter().zip(scalar) {
        same(what, a.0[lane], *b);
    }
}

fn elementary<const L: usize>(x: [f32; L], y: [f32; L], u: [f32; L]) {
    let (a, b, turns) = (Lanes(x), Lanes(y), Lanes(u));
    let (sin, cos) = turns.sin_cos_turns();
    let smaller = a.lt(b);
    let finite = Scalar::is_finite(a);
    for i in 0..L {
        let (p, q) = (x[i], y[i]);
        for (what, lanes, scalar) in [
            ("exp", a.exp(), Scalar::exp(p)),
            ("ln", a.ln(), Scalar::ln(p)),
            ("sqrt", a.sqrt(), Scalar::sqrt(p)),
            ("abs", a.abs(), Scalar::abs(p)),
            ("sigmoid", a.sigmoid(), p.sigmoid()),
            ("silu", a.silu(), p.silu()),
            ("square", a.square(), p.square()),
            ("min", Scalar::min(a, b), Scalar::min(p, q)),
            ("max", Scalar::max(a, b), Scalar::max(p, q)),
            ("+", a + b, p + q),
            ("-", a - b, p - q),
            ("*", a * b, p * q),
            ("/", a / b, p / q),
            ("neg", -a, -p),
            ("select", Lanes::select(smaller, a, b), f32::select(Scalar::lt(p, q), p, q)),
            ("sin", sin, Scalar::sin_cos_turns(u[i]).0),
            ("cos", cos, Scalar::sin_cos_turns(u[i]).1),
        ] {
            same(what, lanes.0[i], scalar);
        }
        assert_eq!(smaller.lane(i), p < q);
        assert_eq!(finite.lane(i), p.is_finite());
        let not = !smaller;
        assert_eq!(not.lane(i), !smaller.lane(i));
        assert_eq!((smaller & finite).lane(i), smaller.lane(i) && finite.lane(i));
        assert_eq!((smaller | finite).lane(i), smaller.lane(i) || finite.lane(i));
    }
    assert_eq!(smaller.any(), (0..L).any(|i| x[i] < y[i]));
    assert_eq!(smaller.all(), (0..L).all(|i| x[i] < y[i]));
}

/// Any float at all, subnormal, infinite and NaN included.
fn any_float() -> impl Strategy<Value = f32> {
    prop_oneof![any::<u32>().prop_map(f32::from_bits), -110.0_f32..110.0, -1.0_f32..1.0, Just(0.0), Just(-0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn elementary_functions(
        x in proptest::array::uniform16(any_float()),
        y in proptest::array::uniform16(any_float()),
        u in proptest::array::uniform16(0.0_f32..=1.0),
    ) {
        elementary::<16>(x, y, u);
        elementary::<8>(x[..8].try_into().expect("8"), y[..8].try_into().expect("8"), u[..8].try_into().expect("8"));
        elementary::<4>(x[..4].try_into().expect("4"), y[..4].try_into().expect("4"), u[..4].try_into().expect("4"));
    }

    #[test]
    fn random_streams(seed: u64, first: u64, draws in 1_usize..40) {
        streams::<16>(seed, first, draws);
        streams::<8>(seed, first, draws);
        streams::<4>(seed, first, draws);
    }
}

fn indices<const L: usize>(first: u64) -> [u64; L] {
    core::array::from_fn(|i| first.wrapping_add(3 * i as u64))
}

fn streams<const L: usize>(seed: u64, first: u64, draws: usize) {
    let indices = indices::<L>(first);
    let new = || Streams::<L>::new(seed, Purpose::Test, indices);
    let (mut raw, mut mixed) = (new(), new());
    let words: Vec<_> = (0..draws).map(|_| raw.next_bits()).collect();
    let uniform: Lanes<L> = mixed.uniform();
    let mut normals = vec![Lanes([0.0; L]); draws];
    mixed.fill_normal(&mut normals);
    let last: Lanes<L> = mixed.normal();
    for (i, index) in indices.into_iter().enumerate() {
        let stream = || Stream::new(seed, Purpose::Test, index);
        let (mut raw, mut mixed) = (stream(), stream());
        assert!(words.iter().all(|w| w[i] == raw.next_bits()));
        same("uniform", uniform.0[i], mixed.uniform());
        let mut scalar = vec![0.0_f32; draws];
        mixed.fill_normal(&mut scalar);
        for (a, b) in normals.iter().zip(scalar) {
            same("normal", a.0[i], b);
        }
        same("normal", last.0[i], mixed.normal());
    }
}

/// Test points of an energy, one a lane.
fn points<C: Case<N>, const L: usize, const N: usize>(pack: u64) -> ([Lanes<L>; N], [[f32; N]; L]) {
    let points: [[f32; N]; L] = core::array::from_fn(|i| C::point(pack * L as u64 + i as u64).map(|x| x as f32));
    (core::array::from_fn(|j| Lanes(core::array::from_fn(|i| points[i][j]))), points)
}

struct Energies;
impl Energies {
    fn check<C: Case<N>, const L: usize, const N: usize>() {
        let (pack, alone) = (C::at::<Lanes<L>>(), C::at::<f32>());
        for index in 0..20 {
            let (x, points) = points::<C, L, N>(index);
            let mut gradient = [Lanes([0.0; L]); N];
            let both = pack.energy_and_gradient(&x, &mut gradient);
            let energy = pack.energy(&x);
            for (i, point) in points.iter().enumerate() {
                let mut g = [0.0; N];
                same(C::NAME, both.0[i], alone.energy_and_gradient(point, &mut g));
                same(C::NAME, energy.0[i], alone.energy(point));
                same_vector(C::NAME, i, &gradient, &g);
            }
        }
    }
}
impl Visitor for Energies {
    fn visit<C: Case<N>, const N: usize>(&mut self) {
        Self::check::<C, 4, N>();
        Self::check::<C, 8, N>();
        Self::check::<C, 16, N>();
    }
}

#[test]
fn energies() {
    every_energy(&mut Energies);
}

/// Ten steps of a kernel on a posterior with another noise level in each lane.
fn kernel<M: Move, C: Case<N>, const L: usize, const N: usize>() {
    let (x, points) = points::<C, L, N>(0);
    let v: [f32; L] = core::array::from_fn(|i| 0.5 + 0.25 * i as f32);
    let pack = Posterior::new(Apart(C::at::<Lanes<L>>()), &x, Lanes(v));
    let (mut state, mut workspace) = start(&pack, x);
    let mut rng = Apart(Streams::<L>::new(4, Purpose::Test, indices(7)));
    let infos: Vec<_> = (0..10).map(|_| M::step(&mut rng, &mut state, 3.0 * C::STEP, &pack, &mut workspace)).collect();
    assert!(infos.iter().any(|info| info.accepted.any()), "{} on {}: must move to be a test", M::NAME, C::NAME);
    for i in 0..L {
        let alone = Posterior::new(Apart(C::at::<f32>()), &points[i], v[i]);
        let (mut scalar, mut workspace) = start(&alone, points[i]);
        let mut rng = Apart(Stream::new(4, Purpose::Test, indices::<L>(7)[i]));
        for info in &infos {
            let want = M::step(&mut rng, &mut scalar, 3.0 * C::STEP, &alone, &mut workspace);
            same(M::NAME, info.acceptance.0[i], want.acceptance);
            assert_eq!((info.accepted.lane(i), info.divergent.lane(i)), (want.accepted, want.divergent));
            assert_eq!(info.evaluations, want.evaluations);
        }
        same_vector(M::NAME, i, &state.position, &scalar.position);
        same_vector(M::NAME, i, &state.gradient, &scalar.gradient);
        same(M::NAME, state.energy.0[i], scalar.energy);
    }
}

struct Kernels;
impl MoveVisitor for Kernels {
    fn visit<M: Move>(&mut self) {
        kernel::<M, Mog40, 4, 2>();
        kernel::<M, Mog40, 16, 2>();
        kernel::<M, ManyWellPosterior, 8, 4>();
        kernel::<M, ManyWellPosterior, 16, 4>();
        kernel::<M, common::targets::Double, 16, 1>();
        kernel::<M, common::targets::ManyWell32, 16, 32>();
        kernel::<M, common::targets::Dw4, 16, 8>();
        kernel::<M, common::targets::Lj13, 16, 39>();
    }
}

#[test]
fn kernels() {
    every_kernel(&mut Kernels);
}

#[test]
fn annealing() {
    const L: usize = 16;
    let width: [f32; L] = core::array::from_fn(|i| 0.8 + 0.1 * i as f32);
    let pack = (&[Lanes([0.4; L]), Lanes([-0.2; L])], Lanes(width));
    let mala = annealing::Params { levels: 7, kernel: langevin::Params { step_size: Lanes([0.1; L]) } };
    let leapfrog = annealing::Params { levels: 7, kernel: hmc::Params { step_size: Lanes([0.4; L]), steps: 2 } };
    let target = Apart(three_modes());
    let new = || Apart(Streams::<L>::new(9, Purpose::Posterior, indices(0)));
    let (first, first_report) = anneal(&mut new(), pack, &target, &mala);
    let (second, second_report) = anneal(&mut new(), pack, &target, &leapfrog);
    for i in 0..L {
        let alone = (&[0.4_f32, -0.2], width[i]);
        let mala = annealing::Params { levels: 7, kernel: langevin::Params { step_size: 0.1_f32 } };
        let leapfrog = annealing::Params { levels: 7, kernel: hmc::Params { step_size: 0.4_f32, steps: 2 } };
        let new = || Apart(Stream::new(9, Purpose::Posterior, indices::<L>(0)[i]));
        let (p, report) = anneal(&mut new(), alone, &target, &mala);
        same_vector("AIS with MALA", i, &first.state.position, &p.state.position);
        same("AIS with MALA", first.log_weight.0[i], p.log_weight);
        same("AIS with MALA", first_report.acceptance.0[i], report.acceptance);
        let (p, report) = anneal(&mut new(), alone, &target, &leapfrog);
        same_vector("AIS with HMC", i, &second.state.position, &p.state.position);
        same("AIS with HMC", second.log_weight.0[i], p.log_weight);
        same("AIS with HMC", second_report.acceptance.0[i], report.acceptance);
    }
}

#[test]
fn importance_weights() {
    const L: usize = 8;
    let mut rng = Streams::<L>::new(2, Purpose::Test, indices(0));
    let mut pack = [Lanes([0.0; L]); 12];
    rng.fill_normal(&mut pack);
    pack[3].0[2] = f32::NAN;
    pack[5].0[1] = f32::NEG_INFINITY;
    pack.iter_mut().for_each(|w| w.0[6] = f32::NAN);
    let log_weights = pack;
    let summary = importance::normalise(&mut pack);
    let particles: [[Lanes<L>; 1]; 12] = core::array::from_fn(|j| [Lanes([j as f32; L])]);
    let [chosen] = resample(&mut rng, &particles, &pack);
    for i in 0..L {
        let mut weights = log_weights.map(|w| w.0[i]);
        let alone = importance::normalise(&mut weights);
        for (a, b) in pack.iter().zip(weights) {
            same("weight", a.0[i], b);
        }
        same("log Z", summary.log_mean_weight.0[i], alone.log_mean_weight);
        same("effective sample size", summary.effective_sample_size.0[i], alone.effective_sample_size);
        assert_eq!(summary.degenerate.lane(i), alone.degenerate);
        assert_eq!(alone.degenerate, i == 6);
        let mut rng = Stream::new(2, Purpose::Test, indices::<L>(0)[i]);
        rng.fill_normal(&mut [0.0_f32; 12]);
        let [scalar] = resample(&mut rng, &core::array::from_fn::<_, 12, _>(|j| [j as f32]), &weights);
        same("resampled", chosen.0[i], scalar);
    }
}

fn params() -> [posterior::Params; 5] {
    let chain = posterior::Params {
        particles: 3,
        levels: 4,
        transition: Transition::Hmc { leapfrog_steps: 2 },
        transition_step: 0.3,
        cycles: 6,
        min_effective_sample_size: f64::INFINITY,
        refresh_sweeps: 1,
        refresh_block: 1,
        chain: Transition::Mala,
        chain_steps: 2,
        chain_step: 0.05,
        keep: 3,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
    };
    [
        chain,
        posterior::Params { transition: Transition::Mala, refresh_block: 2, scale_steps: false, adapt: None, ..chain },
        posterior::Params { refresh_sweeps: 0, estimator: Estimator::Denoising, ..chain },
        posterior::Params { chain: Transition::Hmc { leapfrog_steps: 3 }, chain_step: 0.1, ..chain },
        posterior::Params { particles: 20, levels: 1, cycles: 0, estimator: Estimator::Mixed, ..chain },
    ]
}

fn denoise<E: Energy<Lanes<L>> + Energy<f32>, const L: usize, const N: usize>(target: &E, width: f32) {
    for params in params() {
        let mut y = [Lanes([0.0; L]); N];
        Streams::<L>::new(6, Purpose::Noise, indices(1)).fill_normal(&mut y);
        y = y.map(|y| y * Lanes([width; L]));
        let v: [f32; L] = core::array::from_fn(|i| 0.2 + 0.2 * i as f32);
        let mut rng = Apart(Streams::<L>::new(6, Purpose::Posterior, indices(1)));
        let (estimate, report) = by_value::denoise(&mut rng, target, &y, Lanes(v), &params);
        for i in 0..L {
            let mut rng = Apart(Stream::new(6, Purpose::Posterior, indices::<L>(1)[i]));
            let (want, alone) = by_value::denoise(&mut rng, target, &y.map(|y| y.0[i]), v[i], &params);
            same_vector("denoiser", i, &estimate.denoiser, &want.denoiser);
            same("λ", estimate.lambda.0[i], want.lambda);
            for (lanes, scalar) in [
                (report.effective_sample_size, alone.effective_sample_size),
                (report.annealing_acceptance, alone.annealing_acceptance),
                (report.chain_acceptance, alone.chain_acceptance),
                (report.refresh_acceptance, alone.refresh_acceptance),
                (report.divergences, alone.divergences),
                (report.energy, alone.energy),
            ] {
                same("report", lanes.0[i], scalar);
            }
            assert_eq!(report.evaluations, alone.evaluations);
        }
    }
}

#[test]
fn posterior_sampling() {
    denoise::<_, 4, 2>(&Apart(mog40()), 20.0);
    denoise::<_, 16, 2>(&Apart(mog40()), 20.0);
    denoise::<_, 8, 4>(&Apart(ManyWell::<4>), 2.0);
    denoise::<_, 16, 8>(&Apart(DoubleWell::<4, 2>), 2.0);
    denoise::<_, 16, 39>(&Apart(LennardJones::<13, 3>::new(Pairs::Twice).smooth()), 1.0);
}

fn generator<const L: usize>() {
    let thresholds = [-0.5_f32, 0.0, 0.5];
    let (mut weights, mut biases) = (vec![0.0_f32; 12 * 11 + 11 * 3], vec![0.0_f32; 14]);
    let mut rng = Stream::new(1, Purpose::Initialisation, 0);
    rng.fill_normal(&mut weights);
    rng.fill_normal(&mut biases);
    let layers = [
        Layer { weight: &weights[..132], bias: &biases[..11] },
        Layer { weight: &weights[132..], bias: &biases[11..] },
    ];
    let mlp = Mlp::new(12, &layers).expect("a valid network");
    let generator = Generator::new(mlp, 3, &thresholds, 1.3, 0.7).expect("a valid generator");
    let mut z = [Lanes([0.0; L]); 3];
    Streams::<L>::new(1, Purpose::Latent, indices(0)).fill_normal(&mut z);
    let mut x = [Lanes([0.0; L]); 3];
    generator.sample(&z, &mut vec![Lanes([0.0; L]); generator.scratch()], &mut x).expect("long enough buffers");
    for i in 0..L {
        let mut alone = [0.0; 3];
        let mut scratch = vec![0.0; generator.scratch()];
        generator.sample(&z.map(|z| z.0[i]), &mut scratch, &mut alone).expect("long enough buffers");
        same_vector("generator", i, &x, &alone);
    }
}

#[test]
fn generators() {
    generator::<4>();
    generator::<8>();
    generator::<16>();
}
