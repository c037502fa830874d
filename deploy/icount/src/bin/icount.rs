//! Runs the kernels one after the other, each some times between two marks, and prints name and times of each.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::hint::black_box;

use cortex_m_rt::entry;
use firmware_arm::{exit, print};
use firmware_icount::kiln_mark;
use kiln_core::artifact::{Aligned, Artifact};
use kiln_core::dynamics::{State, Workspace, langevin};
use kiln_core::energy::{DoubleWell, LennardJones, ManyWell, Pairs, mog40};
use kiln_core::fixed::{self, Portable, Products, functions};
use kiln_core::random::{Purpose, Randomness, Stream};
use kiln_core::symmetry::MeanFree;
use kiln_core::{Energy, math};
use kiln_smlad::Smlad;

macro_rules! model {
    ($name:literal) => {{
        const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".kiln"));
        static MODEL: Aligned<[u8; BYTES.len()]> =
            Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".kiln")));
        &MODEL.0
    }};
}

/// Runs something `times` times between two marks.
#[inline(never)]
fn count(name: &str, times: u32, mut run: impl FnMut(u32)) {
    kiln_mark();
    for k in 0..times {
        run(k);
    }
    kiln_mark();
    print(format_args!("{name} {times}"));
}

fn stream() -> Stream {
    Stream::new(1, Purpose::Test, 0)
}

fn energy<E: Energy<f32>, const N: usize>(name: &str, chain: &str, energy: &E, h: f32) {
    let mut x = [0.0; N];
    let rng = &mut MeanFree { rng: stream(), symmetry: energy.symmetry() };
    rng.fill_normal(&mut x);
    let mut gradient = [0.0; N];
    count(name, 10, |_| {
        black_box(energy.energy_and_gradient(black_box(&x), &mut gradient));
    });
    let mut state = State::new(energy, x);
    let mut workspace = Workspace::new(&x);
    count(chain, 10, |_| {
        black_box(langevin::step(rng, &mut state, &langevin::Params { step_size: h }, energy, &mut workspace));
    });
}

fn integers<P: Products>(name: &str, bytes: &[u8], products: &P) {
    let Ok(model) = Artifact::check(bytes) else { exit(2) };
    let (mut scratch, mut x) = ([0_u64; 256], [0; 2]);
    if model.scratch() > scratch.len() {
        exit(3);
    }
    count(name, 4, |index| {
        let done = model.sample_fixed(products, 1, u64::from(index), &mut scratch, &mut x);
        if black_box(done).is_err() {
            exit(4);
        }
    });
}

#[entry]
fn main() -> ! {
    count("nothing", 1, |_| ());
    let x = 0.3_f32;
    count("exp/f32", 100, |_| {
        black_box(math::exp(black_box(x)));
    });
    count("ln/f32", 100, |_| {
        black_box(math::ln(black_box(x)));
    });
    let mut rng = stream();
    count("normal-pair/f32", 100, |_| {
        black_box::<(f32, f32)>(rng.normal_pair());
    });
    let mut pair = [0; 2];
    count("normal-pair/fixed", 100, |_| fixed::fill_normal(&mut rng, black_box(&mut pair)));
    count("silu/fixed", 100, |k| {
        black_box(functions::silu(black_box(k as i32 * 5000 - 250_000)));
    });
    energy::<_, 2>("energy/mog40", "mala/mog40", &mog40(), 0.2);
    energy::<_, 32>("energy/mw32", "mala/mw32", &ManyWell::<32>, 0.02);
    energy::<_, 8>("energy/dw4", "mala/dw4", &DoubleWell::<4, 2>, 0.01);
    energy::<_, 39>("energy/lj13", "mala/lj13", &LennardJones::<13, 3>::new(Pairs::Twice), 1e-4);
    let (bytes, halves) = (model!("i8w16a"), model!("i16w16a"));
    integers("sample/published/i8w16a/smlad", bytes, &Smlad);
    integers("sample/published/i8w16a", bytes, &Portable);
    integers("sample/published/i16w16a/smlad", halves, &Smlad);
    integers("sample/published/i16w16a", halves, &Portable);
    let Ok(model) = Artifact::check(model!("f32")) else { exit(2) };
    let (mut scratch, mut x) = ([0_u64; 512], [0.0; 2]);
    count("sample/published/f32", 4, |index| {
        if model.sample(1, u64::from(index), &mut scratch, &mut x).is_err() {
            exit(4);
        }
    });
    exit(0)
}
