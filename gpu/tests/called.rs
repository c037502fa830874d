//! An energy that is called gets the rows of several packs at once, and gives the bits of the same energy computed in place.

use kiln_core::dynamics::step_size;
use kiln_core::posterior::{Params, Transition};
use kiln_core::random::Purpose;
use kiln_core::score::Estimator;
use kiln_core::{Energy, Lanes, Scalar};
use kiln_gpu::called::{Call, Called};
use kiln_gpu::posterior::{denoise_batch, energies, normal_batch};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const DIM: usize = 3;
const ROWS: usize = 128;
/// Rows of a call: four packs.
const TOGETHER: usize = 64;

/// A quartic bowl in f64.
fn bowl(x: &[f64], gradient: &mut [f64]) -> f64 {
    gradient.iter_mut().zip(x).for_each(|(g, x)| *g = x.powi(3) + 0.5 * x);
    x.iter().map(|x| 0.25 * x.powi(4) + 0.25 * x * x).sum()
}

/// The same in lanes, one lane after another.
struct InPlace;

impl Energy<Lanes<16>> for InPlace {
    fn dim(&self) -> usize {
        DIM
    }
    fn energy_and_gradient(&self, x: &[Lanes<16>], gradient: &mut [Lanes<16>]) -> Lanes<16> {
        Lanes::from_lanes(|lane| {
            let row: Vec<f64> = x.iter().map(|x| f64::from(x.0[lane])).collect();
            let mut slope = [0.0; DIM];
            let energy = bowl(&row, &mut slope);
            gradient.iter_mut().zip(slope).for_each(|(g, slope)| g.0[lane] = slope as f32);
            energy as f32
        })
    }
    fn energy(&self, x: &[Lanes<16>]) -> Lanes<16> {
        self.energy_and_gradient(x, &mut [Lanes::constant(0.0); DIM])
    }
}

#[derive(Default)]
struct Counting {
    calls: AtomicU64,
    rows: AtomicU64,
}

impl Call for &Counting {
    fn dim(&self) -> usize {
        DIM
    }
    fn call(&self, x: &[f64], energies: &mut [f64], gradients: &mut [f64]) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(energies.len() as u64, Ordering::Relaxed);
        assert_eq!((x.len(), gradients.len()), (DIM * energies.len(), x.len()));
        let rows = x.chunks_exact(DIM).zip(gradients.chunks_exact_mut(DIM));
        energies.iter_mut().zip(rows).for_each(|(energy, (x, gradient))| *energy = bowl(x, gradient));
    }
}

#[test]
fn one_call_has_the_rows_of_several_packs_and_the_bits_are_the_same() {
    let counting = Counting::default();
    // So patient that only the end of a batch makes a smaller call.
    let called = Called::new(&counting, TOGETHER).patient(Duration::from_secs(20));
    let y = normal_batch(1, Purpose::Test, 0, ROWS, DIM);
    let v = vec![0.7; ROWS];
    let params = Params {
        particles: 4,
        levels: 3,
        transition: Transition::Mala,
        transition_step: 1e-3,
        min_effective_sample_size: f64::INFINITY,
        cycles: 2,
        refresh_sweeps: 1,
        refresh_block: 1,
        chain: Transition::Hmc { leapfrog_steps: 3 },
        chain_steps: 2,
        chain_step: 0.01,
        keep: 2,
        scale_steps: true,
        adapt: Some(step_size::Params::default()),
        estimator: Estimator::MinimumVariance,
    };
    let denoised = |energy: &kiln_gpu::pack::PackEnergy| {
        let mut out = vec![0.0; y.len()];
        let reports = denoise_batch(energy, (3, 5), &y, &v, &params, &mut out, &AtomicBool::new(false));
        (out, reports)
    };
    assert_eq!(denoised(&called), denoised(&InPlace));
    let (calls, rows) = (counting.calls.load(Ordering::Relaxed), counting.rows.load(Ordering::Relaxed));
    assert_eq!(rows, calls * TOGETHER as u64, "every call is full: all packs ask equally often");

    let (mut ours, mut theirs) = (vec![0.0; y.len()], vec![0.0; y.len()]);
    assert_eq!(energies(&called, &y, &mut ours), energies(&InPlace, &y, &mut theirs));
    assert_eq!(ours, theirs);
    assert_eq!(counting.calls.load(Ordering::Relaxed), calls + (ROWS / TOGETHER) as u64);

    // Rows of one caller, of which the last call has fewer.
    let x: Vec<f64> = y[..DIM * (TOGETHER + 5)].iter().map(|y| f64::from(*y)).collect();
    let (mut energies, mut gradients) = (vec![0.0; TOGETHER + 5], vec![0.0; x.len()]);
    Energy::<f64>::energies_and_gradients(&called, &x, &mut energies, &mut gradients);
    assert_eq!(counting.calls.load(Ordering::Relaxed), calls + (ROWS / TOGETHER) as u64 + 2);
    for (at, row) in x.chunks_exact(DIM).enumerate() {
        let mut slope = [0.0; DIM];
        assert_eq!((energies[at], &gradients[DIM * at..][..DIM]), (bowl(row, &mut slope), &slope[..]));
    }
}

#[test]
fn what_is_left_at_the_end_does_not_wait_for_ever() {
    let counting = Counting::default();
    let called = Called::new(&counting, TOGETHER);
    // One pack alone, and a part of one.
    for rows in [16, 5] {
        let x = normal_batch(2, Purpose::Test, 0, rows, DIM);
        let (mut ours, mut theirs) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        assert_eq!(energies(&called, &x, &mut ours), energies(&InPlace, &x, &mut theirs));
        assert_eq!(ours, theirs);
    }
    assert_eq!(counting.calls.load(Ordering::Relaxed), 2);
    // A single point in f64.
    let (mut gradient, mut exact) = ([0.0; DIM], [0.0; DIM]);
    let x = [0.5, -1.0, 2.0];
    assert_eq!(Energy::<f64>::energy_and_gradient(&called, &x, &mut gradient), bowl(&x, &mut exact));
    assert_eq!(gradient, exact);
}
