//! What runs over the rows of edges between messages and coordinate factors: gates, heads, and the way back through both.

use super::super::activation::sigmoid;
use super::curve::{Curve, Kernel};
use super::rows::{Graph, vectors, vectors_mut};
use pulp::Simd;

/// `message = act(z + bias)`, times its gate sigmoid(weight · message + offset), which goes to `gates`.
pub(super) struct Message<'a> {
    pub(super) bias: &'a [f32],
    /// Weight and offset.
    pub(super) gate: Option<(&'a [f32], f32)>,
    pub(super) z: &'a [f32],
    pub(super) message: &'a mut [f32],
    pub(super) gates: &'a mut [f32],
}

impl Kernel for Message<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        let width = self.bias.len();
        let bias = vectors::<S>(self.bias);
        let rows = self.z.chunks_exact(width).zip(self.message.chunks_exact_mut(width));
        for ((z, message), gate) in rows.zip(self.gates) {
            let (z, message) = (vectors::<S>(z), vectors_mut::<S>(message));
            let Some((weight, offset)) = self.gate else {
                for ((m, z), b) in message.iter_mut().zip(z).zip(bias) {
                    *m = C::value(simd, simd.add_f32s(*z, *b));
                }
                continue;
            };
            let mut dot = simd.splat_f32s(0.0);
            for (((m, z), b), w) in message.iter_mut().zip(z).zip(bias).zip(vectors::<S>(weight)) {
                *m = C::value(simd, simd.add_f32s(*z, *b));
                dot = simd.mul_add_e_f32s(*m, *w, dot);
            }
            *gate = sigmoid(simd.reduce_sum_f32s(dot) + offset);
            let factor = simd.splat_f32s(*gate);
            for m in message {
                *m = simd.mul_f32s(*m, factor);
            }
        }
    }
}

/// What the gate's way back needs: its weight, its values, and where the gradients of weight and offset are added.
pub(super) struct GateBack<'a> {
    pub(super) weight: &'a [f32],
    pub(super) gates: &'a [f32],
    pub(super) weights: &'a mut [f32],
    pub(super) offset: &'a mut f32,
}

/// Where a message's gradient comes from beside the sums of messages.
pub(super) enum Above<'a> {
    /// From a hidden layer: it stands in `gradient`.
    Hidden,
    /// From the coordinate factor: its gradient for each edge, its weight, and where the weight's gradient is added.
    Factor(&'a [f32], &'a [f32], &'a mut [f32]),
}

/// The way back through [`Message`]: `gradient` becomes that of `z`. `sums` holds the gradients of the nodes' sums of
/// messages; with `both`, an edge counts for both its ends.
pub(super) struct MessageBack<'a> {
    pub(super) graph: Graph<'a>,
    pub(super) bias: &'a [f32],
    pub(super) z: &'a [f32],
    pub(super) gate: Option<GateBack<'a>>,
    pub(super) above: Above<'a>,
    pub(super) sums: Option<&'a [f32]>,
    pub(super) both: bool,
    pub(super) gradient: &'a mut [f32],
    pub(super) biases: &'a mut [f32],
    /// Two rows of work space.
    pub(super) work: &'a mut [f32],
}

impl Kernel for MessageBack<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(mut self, simd: S) {
        let width = self.bias.len();
        let zero = simd.splat_f32s(0.0);
        let (values, slopes) = self.work.split_at_mut(width);
        let (values, slopes) = (vectors_mut::<S>(values), vectors_mut::<S>(slopes));
        let (bias, biases) = (vectors::<S>(self.bias), vectors_mut::<S>(self.biases));
        let rows = self.z.chunks_exact(width).zip(self.gradient.chunks_exact_mut(width));
        for (edge, ((z, gradient), (i, j))) in rows.zip(self.graph.nodes()).enumerate() {
            if let Some(sums) = self.sums {
                let rows = [&sums[i..i + width], &sums[j..j + width]];
                let (a, b) = (vectors::<S>(rows[0]), vectors::<S>(rows[1]));
                for ((g, a), b) in vectors_mut::<S>(gradient).iter_mut().zip(a).zip(b) {
                    let sum = if self.both { simd.add_f32s(*a, *b) } else { *a };
                    *g = if matches!(self.above, Above::Hidden) { simd.add_f32s(*g, sum) } else { sum };
                }
            } else if !matches!(self.above, Above::Hidden) {
                gradient.fill(0.0);
            }
            let g = vectors_mut::<S>(gradient);
            for (((z, b), v), s) in vectors::<S>(z).iter().zip(bias).zip(&mut *values).zip(&mut *slopes) {
                (*v, *s) = C::both(simd, simd.add_f32s(*z, *b));
            }
            let s = self.gate.as_ref().map_or(1.0, |gate| gate.gates[edge]);
            if let Above::Factor(factors, weight, weights) = &mut self.above {
                let (factor, gated) = (simd.splat_f32s(factors[edge]), simd.splat_f32s(factors[edge] * s));
                let weights = vectors_mut::<S>(weights);
                for (((g, v), w), sum) in g.iter_mut().zip(&*values).zip(vectors::<S>(weight)).zip(weights) {
                    *g = simd.mul_add_e_f32s(factor, *w, *g);
                    *sum = simd.mul_add_e_f32s(gated, *v, *sum);
                }
            }
            let Some(gate) = &mut self.gate else {
                for ((g, slope), sum) in g.iter_mut().zip(&*slopes).zip(&mut *biases) {
                    *g = simd.mul_f32s(*g, *slope);
                    *sum = simd.add_f32s(*sum, *g);
                }
                continue;
            };
            let mut dot = zero;
            for (g, v) in g.iter().zip(&*values) {
                dot = simd.mul_add_e_f32s(*g, *v, dot);
            }
            let slope = s * (1.0 - s) * simd.reduce_sum_f32s(dot);
            *gate.offset += slope;
            let (s, k) = (simd.splat_f32s(s), simd.splat_f32s(slope));
            let gates = vectors::<S>(gate.weight).iter().zip(vectors_mut::<S>(gate.weights));
            for ((((g, v), slope), (a, sum_a)), sum) in
                g.iter_mut().zip(&*values).zip(&*slopes).zip(gates).zip(&mut *biases)
            {
                *sum_a = simd.mul_add_e_f32s(k, *v, *sum_a);
                let below = simd.mul_add_e_f32s(*g, s, simd.mul_f32s(k, *a));
                *g = simd.mul_f32s(below, *slope);
                *sum = simd.add_f32s(*sum, *g);
            }
        }
    }
}

/// `factors = weight · act(z + bias)`, edge by edge.
pub(super) struct HeadFactor<'a> {
    pub(super) bias: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) z: &'a [f32],
    pub(super) factors: &'a mut [f32],
}

impl Kernel for HeadFactor<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        let width = self.bias.len();
        for (z, factor) in self.z.chunks_exact(width).zip(self.factors) {
            let mut dot = simd.splat_f32s(0.0);
            let row = vectors::<S>(z).iter().zip(vectors::<S>(self.bias)).zip(vectors::<S>(self.weight));
            for ((z, b), w) in row {
                dot = simd.mul_add_e_f32s(C::value(simd, simd.add_f32s(*z, *b)), *w, dot);
            }
            *factor = simd.reduce_sum_f32s(dot);
        }
    }
}

/// The way back through [`HeadFactor`]: `gradient` is that of `z`.
pub(super) struct HeadBack<'a> {
    pub(super) bias: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) z: &'a [f32],
    pub(super) factors: &'a [f32],
    pub(super) gradient: &'a mut [f32],
    pub(super) weights: &'a mut [f32],
    pub(super) biases: &'a mut [f32],
}

impl Kernel for HeadBack<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        let width = self.bias.len();
        let (bias, weight) = (vectors::<S>(self.bias), vectors::<S>(self.weight));
        let (weights, biases) = (vectors_mut::<S>(self.weights), vectors_mut::<S>(self.biases));
        let rows = self.z.chunks_exact(width).zip(self.gradient.chunks_exact_mut(width));
        for ((z, g), factor) in rows.zip(self.factors) {
            let factor = simd.splat_f32s(*factor);
            let row = vectors::<S>(z).iter().zip(bias).zip(weight).zip(vectors_mut::<S>(g));
            for ((((z, b), w), g), (sum_w, sum_b)) in row.zip(weights.iter_mut().zip(&mut *biases)) {
                let (value, slope) = C::both(simd, simd.add_f32s(*z, *b));
                *g = simd.mul_f32s(simd.mul_f32s(factor, *w), slope);
                *sum_w = simd.mul_add_e_f32s(factor, value, *sum_w);
                *sum_b = simd.add_f32s(*sum_b, *g);
            }
        }
    }
}

/// `factors = weight · message`, edge by edge.
pub(super) struct DirectFactor<'a> {
    pub(super) weight: &'a [f32],
    pub(super) message: &'a [f32],
    pub(super) factors: &'a mut [f32],
}

impl Kernel for DirectFactor<'_> {
    #[inline(always)]
    fn run<S: Simd, C: Curve>(self, simd: S) {
        for (m, factor) in self.message.chunks_exact(self.weight.len()).zip(self.factors) {
            let mut dot = simd.splat_f32s(0.0);
            for (m, w) in vectors::<S>(m).iter().zip(vectors::<S>(self.weight)) {
                dot = simd.mul_add_e_f32s(*m, *w, dot);
            }
            *factor = simd.reduce_sum_f32s(dot);
        }
    }
}
