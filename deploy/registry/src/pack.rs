//! Scalars and packs side by side: what a kernel does on one chain after the other in scalars, it does on several at a
//! time in lanes, with the same hash.

use kiln_core::random::{Purpose, Randomness, Stream, Streams};
use kiln_core::{Lanes, Mask, Scalar};

use crate::hash::{Bits, Hash};

/// As many lanes as training uses on x86-64, one 128-bit register of them elsewhere. Since a lane has the bits of the
/// scalar code, no hash depends on it.
pub const LANES: usize = if cfg!(target_arch = "x86_64") { 16 } else { 4 };

/// The seed of every stream of the registry.
pub const SEED: u64 = 0x006b_696c_6e00_0001;

/// A scalar or pack with the streams that feed it.
pub trait Pack: Scalar<Real: Bits> {
    /// One stream a lane.
    type Random: Randomness<Self>;
    /// The streams of the indices from `first` on.
    fn streams(first: u64) -> Self::Random;
}

impl Pack for f32 {
    type Random = Stream;
    fn streams(first: u64) -> Stream {
        Stream::new(SEED, Purpose::Test, first)
    }
}

impl Pack for f64 {
    type Random = Stream;
    fn streams(first: u64) -> Stream {
        Stream::new(SEED, Purpose::Test, first)
    }
}

impl Pack for Lanes<LANES> {
    type Random = Streams<LANES>;
    fn streams(first: u64) -> Streams<LANES> {
        Streams::new(SEED, Purpose::Test, core::array::from_fn(|lane| first + lane as u64))
    }
}

/// What a chain leaves to be hashed.
pub struct Trace<P: Pack, const N: usize> {
    /// Numbers of each lane.
    pub numbers: [P; N],
    /// A truth value of each lane.
    pub mask: P::Mask,
    /// The same for all lanes.
    pub evaluations: u32,
}

/// Runs `chains` chains, as many at a time as there are lanes, and hashes what each leaves, in the order of chains.
/// `chains` must be a multiple of the lanes.
pub fn chains<P: Pack, const N: usize>(
    hash: &mut Hash,
    chains: u32,
    mut run: impl FnMut(&mut P::Random) -> Trace<P, N>,
) {
    for first in (0..chains).step_by(P::LANES) {
        let trace = run(&mut P::streams(u64::from(first)));
        for lane in 0..P::LANES {
            trace.numbers.iter().for_each(|number| hash.add(number.lane(lane)));
            hash.add(trace.mask.lane(lane));
            hash.add(trace.evaluations);
        }
    }
}

/// A trace of numbers alone.
pub fn numbers<P: Pack, const N: usize>(numbers: [P; N]) -> Trace<P, N> {
    Trace { numbers, mask: P::Mask::splat(true), evaluations: 0 }
}

/// Puts arrays and numbers into one array of length `M`, which must be that of them all.
pub fn join<P: Pack, const M: usize>(parts: &[&[P]]) -> [P; M] {
    let mut out = [P::zero(); M];
    let mut slots = out.iter_mut();
    for number in parts.iter().copied().flatten() {
        if let Some(slot) = slots.next() {
            *slot = *number;
        }
    }
    debug_assert!(slots.next().is_none(), "a trace with room to spare");
    out
}
