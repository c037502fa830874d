//! Random streams: independent sequences keyed by (seed, purpose, index), never by thread, so that
//! one seed gives one result however the work is spread.
//!
//! The generator is xoshiro256++ (Blackman, Vigna 2021). A stream's 256 bits of state are four
//! words, each a chain of SplitMix64 finalisers over seed, purpose and index: for a given seed and
//! purpose, different indices never share a state. Normal variates are our own Box–Muller (1958)
//! transform, since the draws of distribution crates change between versions.
//!
//! [`Streams`] runs `L` streams side by side and gives in lane i exactly the draws of the i-th
//! scalar [`Stream`].

use rand_core::{Infallible, SeedableRng, TryRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::{Lanes, Scalar};

/// What a stream is used for: one seed feeds many purposes, which must not share draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights of a network; index = network.
    Initialisation = 1,
    /// Latents of the generator in training; index = outer step and row.
    Latent = 2,
    /// Noise added to the generator's samples; index = outer step and row.
    Noise = 3,
    /// Noise levels; index = outer step.
    NoiseLevel = 4,
    /// Posterior sampling; index = outer step and row.
    Posterior = 5,
    /// Latents of delivered samples; index = sample.
    Sample = 6,
    /// Exact or reference samples of a target; index = sample.
    Reference = 7,
    /// Evaluation (subsets, resampling); index = repeat.
    Evaluation = 8,
    /// Whatever a test or benchmark needs.
    Test = 9,
    /// Polishing of delivered samples; index = sample.
    Polish = 10,
    /// Latents on which a student learns from its teacher; index = step and row.
    Distillation = 11,
    /// Exploration of an energy; index = ladder, or stage.
    Exploration = 12,
    /// Noise that a denoiser brings samples back from; index = sample.
    Denoising = 13,
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit words.
#[inline(always)]
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The four state words of the stream (seed, purpose, index).
const fn state(seed: u64, purpose: Purpose, index: u64) -> [u64; 4] {
    // SplitMix64's increment, the golden ratio in 64 bits.
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut words = [0; 4];
    let mut j = 0;
    while j < 4 {
        let key = mix(seed.wrapping_add(GAMMA.wrapping_mul(j as u64 + 1)));
        words[j] = mix(mix(key ^ (purpose as u64).wrapping_mul(GAMMA)).wrapping_add(index));
        j += 1;
    }
    words
}

/// Uniform and normal draws for a [`Scalar`] type.
pub trait Randomness<S: Scalar> {
    /// A uniform number, strictly between 0 and 1.
    fn uniform(&mut self) -> S;
    /// Two independent standard normal numbers.
    fn normal_pair(&mut self) -> (S, S);
    /// One standard normal number; the second of its pair is dropped.
    #[inline(always)]
    fn normal(&mut self) -> S {
        self.normal_pair().0
    }
    /// Fills a slice with independent standard normal numbers, two at a time.
    #[inline(always)]
    fn fill_normal(&mut self, out: &mut [S]) {
        for pair in out.chunks_mut(2) {
            let (a, b) = self.normal_pair();
            pair[0] = a;
            if let Some(second) = pair.get_mut(1) {
                *second = b;
            }
        }
    }
}

impl<S: Scalar, R: Randomness<S> + ?Sized> Randomness<S> for &mut R {
    #[inline(always)]
    fn uniform(&mut self) -> S {
        (**self).uniform()
    }
    #[inline(always)]
    fn normal_pair(&mut self) -> (S, S) {
        (**self).normal_pair()
    }
    #[inline(always)]
    fn fill_normal(&mut self, out: &mut [S]) {
        (**self).fill_normal(out);
    }
}

/// A uniform `f32` from the top 23 bits, centred in its cell: never 0, never 1.
#[inline(always)]
fn uniform_f32(bits: u64) -> f32 {
    ((bits >> 41) as i32 as f32 + 0.5) * (1.0 / 8_388_608.0)
}

/// Radius √(−2 ln u) from the top 31 bits and the angle in turns from the low 24 bits. Tails reach
/// 6.66 standard deviations (probability 3e-11).
#[inline(always)]
fn box_muller_inputs(bits: u64) -> (f32, f32) {
    let radius = ((bits >> 33) as i32 as f32 + 0.5) * (1.0 / 2_147_483_648.0);
    let angle = (bits & 0x00ff_ffff) as i32 as f32 * (1.0 / 16_777_216.0);
    (radius, angle)
}

/// Box–Muller on already drawn inputs.
#[inline(always)]
fn box_muller<S: Scalar>(u: S, turns: S) -> (S, S) {
    let r = (S::constant(-2.0) * u.ln()).sqrt();
    let (sin, cos) = turns.sin_cos_turns();
    (r * cos, r * sin)
}

/// One random stream. Implements the traits of `rand_core`, so any crate built on it can draw too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream(Xoshiro256PlusPlus);

impl Stream {
    /// The stream of this seed, purpose and index.
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(state(seed, purpose, index)) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Self(Xoshiro256PlusPlus::from_seed(bytes))
    }

    /// The next 64 random bits.
    #[inline(always)]
    pub fn next_bits(&mut self) -> u64 {
        let Ok(bits) = self.0.try_next_u64();
        bits
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Stream {
    fn format(&self, f: defmt::Formatter) {
        defmt::write!(f, "Stream");
    }
}

impl TryRng for Stream {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(bytes)
    }
}

impl Randomness<f32> for Stream {
    #[inline(always)]
    fn uniform(&mut self) -> f32 {
        uniform_f32(self.next_bits())
    }
    #[inline(always)]
    fn normal_pair(&mut self) -> (f32, f32) {
        let (u, turns) = box_muller_inputs(self.next_bits());
        box_muller(u, turns)
    }
}

impl Randomness<f64> for Stream {
    #[inline]
    fn uniform(&mut self) -> f64 {
        ((self.next_bits() >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
    }
    #[inline]
    fn normal_pair(&mut self) -> (f64, f64) {
        let u: f64 = self.uniform();
        let turns: f64 = self.uniform();
        box_muller(u, turns)
    }
}

/// `L` random streams side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Streams<const L: usize> {
    s: [[u64; L]; 4],
}

impl<const L: usize> Streams<L> {
    /// The streams of `indices`, one a lane.
    pub fn new(seed: u64, purpose: Purpose, indices: [u64; L]) -> Self {
        let mut s = [[0; L]; 4];
        for (lane, index) in indices.into_iter().enumerate() {
            for (word, value) in s.iter_mut().zip(state(seed, purpose, index)) {
                word[lane] = value;
            }
        }
        Self { s }
    }

    /// The next 64 random bits of every stream (xoshiro256++'s step, lane by lane).
    #[inline(always)]
    pub fn next_bits(&mut self) -> [u64; L] {
        let mut out = [0; L];
        let [s0, s1, s2, s3] = &mut self.s;
        for i in 0..L {
            out[i] = s0[i].wrapping_add(s3[i]).rotate_left(23).wrapping_add(s0[i]);
            let t = s1[i] << 17;
            s2[i] ^= s0[i];
            s3[i] ^= s1[i];
            s1[i] ^= s2[i];
            s0[i] ^= s3[i];
            s2[i] ^= t;
            s3[i] = s3[i].rotate_left(45);
        }
        out
    }
}

impl<const L: usize> Randomness<Lanes<L>> for Streams<L> {
    #[inline(always)]
    fn uniform(&mut self) -> Lanes<L> {
        let bits = self.next_bits();
        let mut out = [0.0; L];
        for (out, bits) in out.iter_mut().zip(bits) {
            *out = uniform_f32(bits);
        }
        Lanes(out)
    }
    #[inline(always)]
    fn normal_pair(&mut self) -> (Lanes<L>, Lanes<L>) {
        let bits = self.next_bits();
        let (mut u, mut turns) = ([0.0; L], [0.0; L]);
        for ((u, turns), bits) in u.iter_mut().zip(&mut turns).zip(bits) {
            (*u, *turns) = box_muller_inputs(bits);
        }
        box_muller(Lanes(u), Lanes(turns))
    }
}
