//! An equivariant graph network over all pairs of particles (Satorras, Hoogeboom & Welling 2021,
//! eq. 3–6), evaluated from borrowed weights.
//!
//! With h_i = embed(input_i), x_i the coordinates, r_ij their distances and f(r) the [`Radial`]
//! functions, a layer is
//!
//! - e_ij = W_source h_i + W_target h_j + W_radial \[f(r_ij), f(r_ij at the input)\] + b
//! - m_ij = act(W_message act(e_ij) + b), times sigmoid(a·m_ij + a_0) with a gate
//! - c_ij = range·tanh(w·u_ij), u = act(W_head m + b) with a head, m itself without
//! - x_i += Σ_{j≠i} (x_i − x_j)/(√(r_ij² + 1e-8) + 1) c_ij
//! - h_i += W_update act(W_node \[h_i, Σ_{j≠i} m_ij\] + b) + b, where the layer has these
//!
//! Without W_target, W_source stands for both: then m_ij = m_ji, and each pair is computed once.
//! The result is x after the last layer minus x at the input, without its mean over particles.

mod parts;

use crate::Scalar;

pub use parts::{Activation, Radial};
use parts::{ROOT_EPSILON, add, add_product, affine, dot, squared_distance};

use super::{InvalidNetwork, Layer};

/// The sizes of an [`Egnn`] and what its weights do not say.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EgnnShape<R> {
    /// How many particles, at least 2.
    pub particles: usize,
    /// Coordinates of each.
    pub dimensions: usize,
    /// Numbers that come with each particle beside its coordinates.
    pub node_inputs: usize,
    /// Between linear maps.
    pub activation: Activation,
    /// What edges see of distances.
    pub radial: Radial<R>,
    /// Bound of a pair's coordinate factor in one layer.
    pub range: R,
}

/// The weights of one layer, row-major, (inputs, outputs); H is the hidden width.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EgnnLayer<'a, R> {
    /// (H, H).
    pub source: &'a [R],
    /// (H, H); absent where `source` stands for both ends of a pair.
    pub target: Option<&'a [R]>,
    /// (2 × radial functions, H).
    pub radial: &'a [R],
    /// (H).
    pub edge_bias: &'a [R],
    /// (H, H).
    pub message: Layer<'a, R>,
    /// (H, 1), with attention.
    pub gate: Option<Layer<'a, R>>,
    /// (H, H), where a hidden layer stands between message and coordinate factor.
    pub head: Option<Layer<'a, R>>,
    /// (H).
    pub coordinate: &'a [R],
    /// (2 H, H) and (H, H): how nodes change; absent in the last layer.
    pub node: Option<[Layer<'a, R>; 2]>,
}

impl<R> EgnnLayer<'_, R> {
    fn fits(&self, hidden: usize, functions: usize) -> bool {
        let matrix = |weight: &[R], rows: usize, columns: usize| rows.checked_mul(columns) == Some(weight.len());
        let square = |weight: &[R]| matrix(weight, hidden, hidden);
        let affine =
            |l: &Layer<'_, R>, rows: usize, columns: usize| l.bias.len() == columns && matrix(l.weight, rows, columns);
        square(self.source)
            && self.target.is_none_or(square)
            && matrix(self.radial, 2 * functions, hidden)
            && self.edge_bias.len() == hidden
            && affine(&self.message, hidden, hidden)
            && self.gate.as_ref().is_none_or(|l| affine(l, hidden, 1))
            && self.head.as_ref().is_none_or(|l| affine(l, hidden, hidden))
            && self.coordinate.len() == hidden
            && self.node.as_ref().is_none_or(|[a, b]| affine(a, 2 * hidden, hidden) && affine(b, hidden, hidden))
    }
}

/// A checked network.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Egnn<'a, R> {
    shape: EgnnShape<R>,
    embedding: Layer<'a, R>,
    layers: &'a [EgnnLayer<'a, R>],
}

/// The next `n` of what is left, and the rest.
#[inline(always)]
fn take<'s, S>(rest: &mut &'s mut [S], n: usize) -> &'s mut [S] {
    let (part, left) = core::mem::take(rest).split_at_mut(n);
    *rest = left;
    part
}

/// Where one layer reads and writes.
struct Work<'s, S> {
    /// h, W_source h, W_target h and the sums of messages: (particles, H) each; the third may be empty.
    h: &'s mut [S],
    source: &'s mut [S],
    target: &'s mut [S],
    sums: &'s mut [S],
    /// x and what is added to it: (particles, dimensions).
    x: &'s mut [S],
    steps: &'s mut [S],
    /// Radial functions, current and at the input.
    features: &'s mut [S],
    /// Two rows of hidden numbers, and one twice as long.
    rows: [&'s mut [S]; 2],
    wide: &'s mut [S],
}

impl<'a, R: num_traits::Float> Egnn<'a, R> {
    /// Checks that the weights fit together; the hidden width is that of the embedding, (node inputs, H).
    ///
    /// # Errors
    /// [`InvalidNetwork::Empty`] where there is no layer or a size is too small, [`InvalidNetwork::Ends`] where the
    /// embedding or the radial functions do not fit, [`InvalidNetwork::Shape`] for the first layer that does not.
    pub fn new(
        shape: EgnnShape<R>,
        embedding: Layer<'a, R>,
        layers: &'a [EgnnLayer<'a, R>],
    ) -> Result<Self, InvalidNetwork> {
        let hidden = embedding.bias.len();
        let sizes = [shape.dimensions, shape.node_inputs, hidden, layers.len()];
        if sizes.contains(&0) || shape.particles < 2 {
            return Err(InvalidNetwork::Empty);
        }
        let basis = match shape.radial {
            Radial::Squared => true,
            Radial::Basis { count, range } | Radial::Steps { count, range } => {
                (2..1 << 16).contains(&count) && range > R::zero() && range.is_finite()
            }
        };
        let embedded = shape.node_inputs.checked_mul(hidden) == Some(embedding.weight.len());
        let network = Self { shape, embedding, layers };
        if !basis || !embedded || !shape.range.is_finite() || network.checked_scratch().is_none() {
            return Err(InvalidNetwork::Ends);
        }
        match layers.iter().position(|l| !l.fits(hidden, shape.radial.count())) {
            Some(layer) => Err(InvalidNetwork::Shape { layer }),
            None => Ok(network),
        }
    }

    /// Its sizes.
    pub fn shape(&self) -> &EgnnShape<R> {
        &self.shape
    }

    /// The hidden width.
    pub fn hidden(&self) -> usize {
        self.embedding.bias.len()
    }

    /// How many numbers go in beside the coordinates: particles × node inputs.
    pub fn inputs(&self) -> usize {
        self.shape.particles * self.shape.node_inputs
    }

    /// How many coordinates there are: particles × dimensions.
    pub fn dim(&self) -> usize {
        self.shape.particles * self.shape.dimensions
    }

    /// None where a length does not fit a `usize`.
    fn checked_scratch(&self) -> Option<usize> {
        let EgnnShape { particles, dimensions, node_inputs, .. } = self.shape;
        let hidden = self.hidden();
        let rows = 3 + usize::from(self.directed());
        particles.checked_mul(node_inputs)?;
        let nodes = particles.checked_mul(hidden)?.checked_mul(rows)?;
        let coordinates = particles.checked_mul(dimensions)?.checked_mul(2)?;
        nodes.checked_add(coordinates)?.checked_add(hidden.checked_mul(4)?)?.checked_add(2 * self.shape.radial.count())
    }

    fn directed(&self) -> bool {
        self.layers.iter().any(|l| l.target.is_some())
    }

    /// The length of the scratch buffer that [`Egnn::displacement`] needs.
    pub fn scratch(&self) -> usize {
        self.checked_scratch().unwrap_or(0)
    }

    /// The displacement of one configuration per lane: `h` holds (particles, node inputs), `x` and `out` (particles,
    /// dimensions), `scratch` [`Egnn::scratch`] numbers.
    ///
    /// # Errors
    /// [`InvalidNetwork::Buffer`] where a buffer is too short.
    pub fn displacement<S: Scalar<Real = R>>(
        &self,
        h: &[S],
        x: &[S],
        scratch: &mut [S],
        out: &mut [S],
    ) -> Result<(), InvalidNetwork> {
        let (n, dim, hidden) = (self.shape.particles, self.dim(), self.hidden());
        if h.len() < self.inputs() || x.len() < dim || out.len() < dim || scratch.len() < self.scratch() {
            return Err(InvalidNetwork::Buffer);
        }
        let x0 = &x[..dim];
        let mut rest = scratch;
        let mut work = Work {
            h: take(&mut rest, n * hidden),
            source: take(&mut rest, n * hidden),
            target: take(&mut rest, if self.directed() { n * hidden } else { 0 }),
            sums: take(&mut rest, n * hidden),
            x: take(&mut rest, dim),
            steps: take(&mut rest, dim),
            features: take(&mut rest, 2 * self.shape.radial.count()),
            rows: [take(&mut rest, hidden), take(&mut rest, hidden)],
            wide: take(&mut rest, 2 * hidden),
        };
        for (row, input) in work.h.chunks_exact_mut(hidden).zip(h.chunks_exact(self.shape.node_inputs)) {
            affine(input, &self.embedding, row);
        }
        work.x.copy_from_slice(x0);
        for layer in self.layers {
            self.layer(layer, x0, &mut work);
        }
        for ((out, x), x0) in out.iter_mut().zip(work.x.iter()).zip(x0) {
            *out = *x - *x0;
        }
        let d = self.shape.dimensions;
        for k in 0..d {
            let mut sum = S::zero();
            out[..dim].iter().skip(k).step_by(d).for_each(|y| sum += *y);
            let mean = sum / S::constant(n as f64);
            out[..dim].iter_mut().skip(k).step_by(d).for_each(|y| *y -= mean);
        }
        Ok(())
    }

    fn layer<S: Scalar<Real = R>>(&self, layer: &EgnnLayer<'_, R>, x0: &[S], work: &mut Work<'_, S>) {
        let (n, hidden) = (self.shape.particles, self.hidden());
        for (h, row) in work.h.chunks_exact(hidden).zip(work.source.chunks_exact_mut(hidden)) {
            row.fill(S::zero());
            add_product(h, layer.source, row);
        }
        if let Some(weight) = layer.target {
            for (h, row) in work.h.chunks_exact(hidden).zip(work.target.chunks_exact_mut(hidden)) {
                row.fill(S::zero());
                add_product(h, weight, row);
            }
        }
        work.sums.fill(S::zero());
        work.steps.fill(S::zero());
        for i in 0..n {
            let first = if layer.target.is_some() { 0 } else { i + 1 };
            for j in (first..n).filter(|j| *j != i) {
                self.edge(layer, x0, (i, j), work);
            }
        }
        for (x, step) in work.x.iter_mut().zip(work.steps.iter()) {
            *x += *step;
        }
        let Some([node, update]) = &layer.node else { return };
        for (h, sums) in work.h.chunks_exact_mut(hidden).zip(work.sums.chunks_exact(hidden)) {
            let (left, right) = work.wide.split_at_mut(hidden);
            left.copy_from_slice(h);
            right.copy_from_slice(sums);
            let [value, change] = &mut work.rows;
            affine(work.wide, node, value);
            self.shape.activation.apply(value);
            affine(value, update, change);
            add(change, h);
        }
    }

    /// One message: adds to the sums of its first particle, without W_target to those of both.
    fn edge<S: Scalar<Real = R>>(
        &self,
        layer: &EgnnLayer<'_, R>,
        x0: &[S],
        (i, j): (usize, usize),
        work: &mut Work<'_, S>,
    ) {
        let (d, hidden, count) = (self.shape.dimensions, self.hidden(), self.shape.radial.count());
        let act = self.shape.activation;
        let square = squared_distance(&work.x[i * d..][..d], &work.x[j * d..][..d]);
        self.shape.radial.current().write(square, &mut work.features[..count]);
        let start = squared_distance(&x0[i * d..][..d], &x0[j * d..][..d]);
        self.shape.radial.write(start, &mut work.features[count..]);

        let [first, message] = &mut work.rows;
        let target: &[S] = if layer.target.is_some() { work.target } else { work.source };
        let ends = work.source[i * hidden..][..hidden].iter().zip(&target[j * hidden..][..hidden]);
        for ((e, (a, b)), bias) in first.iter_mut().zip(ends).zip(layer.edge_bias) {
            *e = S::splat(*bias) + *a + *b;
        }
        add_product(work.features, layer.radial, first);
        act.apply(first);
        affine(first, &layer.message, message);
        act.apply(message);
        if let Some(gate) = &layer.gate {
            let gate = (dot(message, gate.weight) + S::splat(gate.bias[0])).sigmoid();
            message.iter_mut().for_each(|m| *m *= gate);
        }
        let q = match &layer.head {
            None => dot(message, layer.coordinate),
            Some(head) => {
                affine(message, head, first);
                act.apply(first);
                dot(first, layer.coordinate)
            }
        };
        let root = (square + S::constant(ROOT_EPSILON)).sqrt() + S::one();
        let factor = S::splat(self.shape.range) * q.tanh() / root;
        for k in 0..d {
            let step = (work.x[i * d + k] - work.x[j * d + k]) * factor;
            work.steps[i * d + k] += step;
            if layer.target.is_none() {
                work.steps[j * d + k] -= step;
            }
        }
        if layer.node.is_some() {
            add(message, &mut work.sums[i * hidden..][..hidden]);
            if layer.target.is_none() {
                add(message, &mut work.sums[j * hidden..][..hidden]);
            }
        }
    }
}
