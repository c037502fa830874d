//! Elementary functions: on their usual ranges, and on random bit patterns, which are everything else too (subnormal
//! numbers, infinities, NaN, both signs).

use kiln_core::Lanes;

use crate::Kernel;
use crate::hash::Hash;
use crate::pack::{LANES, Pack, numbers};

/// Where arguments come from.
#[derive(Clone, Copy)]
enum Inputs {
    /// Uniform between two numbers.
    Between(f64, f64),
    /// Random bits.
    Bits,
}

/// A pack that can be made of random bits.
trait FromBits: Pack {
    fn from_bits(rng: &mut Self::Random) -> Self;
}

impl FromBits for f32 {
    fn from_bits(rng: &mut Self::Random) -> Self {
        Self::from_bits((rng.next_bits() >> 32) as u32)
    }
}

impl FromBits for f64 {
    fn from_bits(rng: &mut Self::Random) -> Self {
        Self::from_bits(rng.next_bits())
    }
}

impl FromBits for Lanes<LANES> {
    fn from_bits(rng: &mut Self::Random) -> Self {
        let bits = rng.next_bits();
        Self(core::array::from_fn(|lane| f32::from_bits((bits[lane] >> 32) as u32)))
    }
}

/// Arguments that one chain takes from its stream.
const EACH: u32 = 25;

fn over<P: FromBits>(hash: &mut Hash, count: u32, inputs: Inputs, function: impl Fn(P) -> [P; 2]) {
    use kiln_core::random::Randomness;
    crate::pack::chains::<P, { 2 * EACH as usize }>(hash, count / EACH, |rng| {
        let mut out = [P::zero(); 2 * EACH as usize];
        for pair in out.chunks_exact_mut(2) {
            let x = match inputs {
                Inputs::Between(low, high) => P::constant(low) + P::constant(high - low) * rng.uniform(),
                Inputs::Bits => FromBits::from_bits(rng),
            };
            pair.copy_from_slice(&function(x));
        }
        numbers(out)
    });
}

fn exponential<P: FromBits>(hash: &mut Hash, count: u32) {
    over::<P>(hash, count / 2, Inputs::Between(-90.0, 90.0), |x| [x.exp(), x.abs()]);
    over::<P>(hash, count / 2, Inputs::Bits, |x| [x.exp(), x.abs()]);
}

fn logarithm<P: FromBits>(hash: &mut Hash, count: u32) {
    over::<P>(hash, count / 2, Inputs::Between(0.0, 10.0), |x| [x.ln(), x]);
    over::<P>(hash, count / 2, Inputs::Bits, |x| [x.ln(), x]);
}

fn root<P: FromBits>(hash: &mut Hash, count: u32) {
    over::<P>(hash, count / 2, Inputs::Between(0.0, 1e4), |x| [x.sqrt(), x]);
    over::<P>(hash, count / 2, Inputs::Bits, |x| [x.sqrt(), x]);
}

fn circle<P: FromBits>(hash: &mut Hash, count: u32) {
    over::<P>(hash, count, Inputs::Between(0.0, 1.0), |x| x.sin_cos_turns().into());
}

fn hyperbolic<P: FromBits>(hash: &mut Hash, count: u32) {
    let both = |x: P| [x.tanh(), x.sigmoid()];
    over::<P>(hash, count / 2, Inputs::Between(-12.0, 12.0), both);
    over::<P>(hash, count / 2, Inputs::Bits, both);
}

fn silu<P: FromBits>(hash: &mut Hash, count: u32) {
    over::<P>(hash, count / 2, Inputs::Between(-20.0, 20.0), |x| [x.silu(), x.square()]);
    over::<P>(hash, count / 2, Inputs::Bits, |x| [x.silu(), x.square()]);
}

/// Comparisons and choices, which NaN must fall through in one way.
fn choices<P: FromBits>(hash: &mut Hash, count: u32) {
    let pick = |x: P| {
        let y = P::one() / x;
        let kept = P::select(x.is_finite(), x, -P::one());
        [x.min(y), y.max(kept)]
    };
    over::<P>(hash, count, Inputs::Bits, pick);
}

pub const KERNELS: &[Kernel] = &[
    Kernel { name: "exp/f32", count: 20_000, run: exponential::<f32> },
    Kernel { name: "exp/lanes", count: 20_000, run: exponential::<Lanes<LANES>> },
    Kernel { name: "exp/f64", count: 20_000, run: exponential::<f64> },
    Kernel { name: "ln/f32", count: 20_000, run: logarithm::<f32> },
    Kernel { name: "ln/lanes", count: 20_000, run: logarithm::<Lanes<LANES>> },
    Kernel { name: "ln/f64", count: 20_000, run: logarithm::<f64> },
    Kernel { name: "sqrt/f32", count: 20_000, run: root::<f32> },
    Kernel { name: "sqrt/lanes", count: 20_000, run: root::<Lanes<LANES>> },
    Kernel { name: "sqrt/f64", count: 20_000, run: root::<f64> },
    Kernel { name: "sin-cos/f32", count: 20_000, run: circle::<f32> },
    Kernel { name: "sin-cos/lanes", count: 20_000, run: circle::<Lanes<LANES>> },
    Kernel { name: "sin-cos/f64", count: 20_000, run: circle::<f64> },
    Kernel { name: "tanh-sigmoid/f32", count: 20_000, run: hyperbolic::<f32> },
    Kernel { name: "tanh-sigmoid/lanes", count: 20_000, run: hyperbolic::<Lanes<LANES>> },
    Kernel { name: "tanh-sigmoid/f64", count: 20_000, run: hyperbolic::<f64> },
    Kernel { name: "silu/f32", count: 20_000, run: silu::<f32> },
    Kernel { name: "silu/lanes", count: 20_000, run: silu::<Lanes<LANES>> },
    Kernel { name: "silu/f64", count: 20_000, run: silu::<f64> },
    Kernel { name: "min-max-select/f32", count: 20_000, run: choices::<f32> },
    Kernel { name: "min-max-select/lanes", count: 20_000, run: choices::<Lanes<LANES>> },
    Kernel { name: "min-max-select/f64", count: 20_000, run: choices::<f64> },
];
