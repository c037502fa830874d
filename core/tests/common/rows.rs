//! A vector whose length is known at run time, and the scalar types that tests of such vectors walk.

use kiln_core::random::{Purpose, Randomness, Stream, Streams};
use kiln_core::{Lanes, Scalar, Vector};

/// A point on the heap, of a length known at run time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<S>(pub Box<[S]>);

impl<S: Scalar> Vector for Row<S> {
    type Scalar = S;
    fn as_slice(&self) -> &[S] {
        &self.0
    }
    fn as_mut_slice(&mut self) -> &mut [S] {
        &mut self.0
    }
}

impl<S: Scalar> Row<S> {
    pub fn of(values: &[S]) -> Self {
        Self(values.into())
    }
}

/// A scalar type with its random streams.
pub trait Number: Scalar {
    type Random: Randomness<Self>;
    /// Lane i draws from the stream with index `first` + i.
    fn random(seed: u64, first: u64) -> Self::Random;
    /// Each lane rounded once.
    fn pack(f: impl Fn(usize) -> f64) -> Self;
}

impl Number for f32 {
    type Random = Stream;
    fn random(seed: u64, first: u64) -> Stream {
        Stream::new(seed, Purpose::Test, first)
    }
    fn pack(f: impl Fn(usize) -> f64) -> Self {
        f(0) as Self
    }
}

impl Number for f64 {
    type Random = Stream;
    fn random(seed: u64, first: u64) -> Stream {
        Stream::new(seed, Purpose::Test, first)
    }
    fn pack(f: impl Fn(usize) -> f64) -> Self {
        f(0)
    }
}

impl Number for Lanes<16> {
    type Random = Streams<16>;
    fn random(seed: u64, first: u64) -> Streams<16> {
        Streams::new(seed, Purpose::Test, core::array::from_fn(|i| first + i as u64))
    }
    fn pack(f: impl Fn(usize) -> f64) -> Self {
        Self(core::array::from_fn(|i| f(i) as f32))
    }
}

/// The bits of every lane of every number, where all NaN are one: their payload is not arithmetic.
pub fn bits<S: Scalar>(values: &[S]) -> Vec<u64> {
    let lanes = values.iter().flat_map(|x| (0..S::LANES).map(|lane| x.lane_f64(lane)));
    lanes.map(|x| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }).collect()
}
