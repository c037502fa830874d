//! What runs over the rows of nodes or edges between two matrix products. Rows are whole vectors; kernels differ in
//! what they fuse, so that a row is read once.

use super::curve::{Curve, Kernel};
use pulp::Simd;

/// The two particles of each edge of a sample, and how many particles and numbers a row there are.
#[derive(Clone, Copy)]
pub(super) struct Graph<'a> {
    pub(super) ends: &'a [(usize, usize)],
    pub(super) particles: usize,
    pub(super) width: usize,
}

impl<'a> Graph<'a> {
    /// First numbers of the rows of the two nodes, edge by edge, sample by sample, without end.
    #[inline(always)]
    pub(super) fn nodes(self) -> impl Iterator<Item = (usize, usize)> + 'a {
        let Self { ends, particles, width } = self;
        (0..).flat_map(move |s| {
            ends.iter().map(move |(i, j)| ((s * particles + i) * width, (s * particles + j) * width))
        })
    }
}

#[inline(always)]
pub(super) fn vectors<S: Simd>(row: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(row).0
}

#[inline(always)]
pub(super) fn vectors_mut<S: Simd>(row: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(row).0
}

/// `target += source`.
#[inline(always)]
fn accumulate<S: Simd>(simd: S, source: &[f32], target: &mut [f32]) {
    for (t, s) in vectors_mut::<S>(target).iter_mut().zip(vectors::<S>(source)) {
        *t = simd.add_f32s(*t, *s);
    }
}

/// `z <- act(z + bias)`.
pub(super) struct Activate<'a> {
    pub(super) bias: &'a [f32],
    pub(super) z: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        for row in self.z.chunks_exact_mut(self.bias.len()) {
            for (z, b) in vectors_mut::<S>(row).iter_mut().zip(vectors::<S>(self.bias)) {
                *z = C::value(simd, simd.add_f32s(*z, *b));
            }
        }
    }
}

/// `value = act(z + bias)`, `gradient *= act'(z + bias)`, `sums += ` its rows.
pub(super) struct ActivateBack<'a> {
    pub(super) bias: &'a [f32],
    pub(super) z: &'a [f32],
    pub(super) value: &'a mut [f32],
    pub(super) gradient: &'a mut [f32],
    pub(super) sums: &'a mut [f32],
}

impl Kernel for ActivateBack<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        let width = self.bias.len();
        let (bias, sums) = (vectors::<S>(self.bias), vectors_mut::<S>(self.sums));
        let rows = self.z.chunks_exact(width).zip(self.value.chunks_exact_mut(width));
        for ((z, value), g) in rows.zip(self.gradient.chunks_exact_mut(width)) {
            let (z, value, g) = (vectors::<S>(z), vectors_mut::<S>(value), vectors_mut::<S>(g));
            for ((((z, b), v), g), sum) in z.iter().zip(bias).zip(value).zip(g).zip(&mut *sums) {
                let (value, slope) = C::both(simd, simd.add_f32s(*z, *b));
                *v = value;
                *g = simd.mul_f32s(*g, slope);
                *sum = simd.add_f32s(*sum, *g);
            }
        }
    }
}

/// Two features of each edge and their weights, two rows: where there are no more, their products are not worth calls
/// of their own.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) features: &'a [f32],
    pub(super) weights: &'a [f32],
}

impl Pair<'_> {
    /// The features of an edge in every lane, and the weights.
    #[inline(always)]
    fn of<S: Simd>(&self, simd: S, edge: usize) -> ([S::f32s; 2], [&[S::f32s]; 2]) {
        let (first, second) = self.weights.split_at(self.weights.len() / 2);
        let feature = |k: usize| simd.splat_f32s(self.features[2 * edge + k]);
        ([feature(0), feature(1)], [vectors::<S>(first), vectors::<S>(second)])
    }
}

/// `z <- act(z + source_i + target_j)`, edge by edge; with a pair, its products stand for what `z` held.
pub(super) struct First<'a> {
    pub(super) graph: Graph<'a>,
    pub(super) source: &'a [f32],
    pub(super) target: &'a [f32],
    pub(super) pair: Option<Pair<'a>>,
    pub(super) z: &'a mut [f32],
}

impl Kernel for First<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        let width = self.graph.width;
        for (edge, (row, (i, j))) in self.z.chunks_exact_mut(width).zip(self.graph.nodes()).enumerate() {
            let (a, b) = (vectors::<S>(&self.source[i..i + width]), vectors::<S>(&self.target[j..j + width]));
            let row = vectors_mut::<S>(row).iter_mut().zip(a).zip(b);
            if let Some(pair) = self.pair {
                let ([f0, f1], [w0, w1]) = pair.of(simd, edge);
                for (((z, a), b), (w0, w1)) in row.zip(w0.iter().zip(w1)) {
                    let sum = simd.mul_add_e_f32s(f1, *w1, simd.mul_f32s(f0, *w0));
                    *z = C::value(simd, simd.add_f32s(simd.add_f32s(sum, *a), *b));
                }
            } else {
                for ((z, a), b) in row {
                    *z = C::value(simd, simd.add_f32s(simd.add_f32s(*z, *a), *b));
                }
            }
        }
    }
}

/// Where the gradients of a pair go: those of its weights are added, those of its features set.
pub(super) struct PairBack<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) weights: &'a mut [f32],
    pub(super) features: &'a mut [f32],
}

/// The way back through [`First`]: `z` becomes the value, `gradient` that of the pre-activation, which is added to the
/// rows of both ends; without `targets` both lie in `sources`.
pub(super) struct FirstBack<'a> {
    pub(super) graph: Graph<'a>,
    pub(super) source: &'a [f32],
    pub(super) target: &'a [f32],
    pub(super) pair: Option<PairBack<'a>>,
    pub(super) z: &'a mut [f32],
    pub(super) gradient: &'a mut [f32],
    pub(super) sources: &'a mut [f32],
    pub(super) targets: Option<&'a mut [f32]>,
}

impl Kernel for FirstBack<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(mut self, simd: S) {
        let width = self.graph.width;
        let rows = self.z.chunks_exact_mut(width).zip(self.gradient.chunks_exact_mut(width));
        for (edge, ((z, gradient), (i, j))) in rows.zip(self.graph.nodes()).enumerate() {
            let (a, b) = (vectors::<S>(&self.source[i..i + width]), vectors::<S>(&self.target[j..j + width]));
            let sums = vectors_mut::<S>(&mut self.sources[i..i + width]);
            let row = vectors_mut::<S>(z).iter_mut().zip(a).zip(b).zip(vectors_mut::<S>(gradient)).zip(sums);
            if let Some(back) = &mut self.pair {
                let ([f0, f1], [w0, w1]) = back.pair.of(simd, edge);
                let (g0, g1) = back.weights.split_at_mut(width);
                let weights = w0.iter().zip(w1).zip(vectors_mut::<S>(g0).iter_mut().zip(vectors_mut::<S>(g1)));
                let mut dots = [simd.splat_f32s(0.0); 2];
                for (((((z, a), b), g), sum), ((w0, w1), (g0, g1))) in row.zip(weights) {
                    let pre = simd.mul_add_e_f32s(f1, *w1, simd.mul_f32s(f0, *w0));
                    let (value, slope) = C::both(simd, simd.add_f32s(simd.add_f32s(pre, *a), *b));
                    let below = simd.mul_f32s(*g, slope);
                    (*z, *g) = (value, below);
                    *sum = simd.add_f32s(*sum, below);
                    *g0 = simd.mul_add_e_f32s(f0, below, *g0);
                    *g1 = simd.mul_add_e_f32s(f1, below, *g1);
                    dots[0] = simd.mul_add_e_f32s(*w0, below, dots[0]);
                    dots[1] = simd.mul_add_e_f32s(*w1, below, dots[1]);
                }
                let features = &mut back.features[2 * edge..2 * edge + 2];
                features.copy_from_slice(&dots.map(|dot| simd.reduce_sum_f32s(dot)));
            } else {
                for ((((z, a), b), g), sum) in row {
                    let (value, slope) = C::both(simd, simd.add_f32s(simd.add_f32s(*z, *a), *b));
                    let below = simd.mul_f32s(*g, slope);
                    (*z, *g) = (value, below);
                    *sum = simd.add_f32s(*sum, below);
                }
            }
            let others = self.targets.as_deref_mut().unwrap_or(&mut *self.sources);
            accumulate(simd, gradient, &mut others[j..j + width]);
        }
    }
}

/// Adds each message to the sums of its first particle, with `both` to that of the second too.
pub(super) struct Gather<'a> {
    pub(super) graph: Graph<'a>,
    pub(super) message: &'a [f32],
    pub(super) both: bool,
    pub(super) sums: &'a mut [f32],
}

impl Kernel for Gather<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        let width = self.graph.width;
        for (message, (i, j)) in self.message.chunks_exact(width).zip(self.graph.nodes()) {
            accumulate(simd, message, &mut self.sums[i..i + width]);
            if self.both {
                accumulate(simd, message, &mut self.sums[j..j + width]);
            }
        }
    }
}
