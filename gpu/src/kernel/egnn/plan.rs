//! Where everything lies: parameters in one flat buffer with rows padded to whole vectors, edges of a sample, the slots of
//! what the backward pass needs.
//!
//! Padded columns of weights and biases are zero, and both activations keep zero: padding stays zero through the network
//! and its gradients.

use super::super::activation::add;
use super::super::scratch::Buffer;
use crate::shape::egnn::{Edges, EgnnSpec, Form, Layout};
use rayon::prelude::*;
use std::ops::Range;

/// Rows are padded to a multiple of this: the longest vector of any machine.
const PADDING: usize = 16;
/// A block has about that many edges: its matrices stay in the second-level cache.
const BLOCK_EDGES: usize = 200;
/// At most this many groups, each with a set of parameter gradients of its own, which bounds the memory.
const GROUPS: usize = 8;
/// Default of [`Plan::kept_numbers`]: 208 MiB.
const KEPT_NUMBERS: usize = 52 << 20;

fn padded(n: usize) -> usize {
    n.next_multiple_of(PADDING)
}

/// Shapes and places.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) spec: EgnnSpec,
    pub(crate) layout: Layout,
    /// The hidden width, padded.
    pub(crate) width: usize,
    /// Where each matrix lies.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Numbers of all matrices.
    pub(crate) len: usize,
    /// The two particles of each edge of a sample: directed edges grouped by the first.
    pub(crate) ends: Vec<(usize, usize)>,
    /// Edge values are kept for the backward pass up to this many numbers, beyond it they are computed again: the same
    /// bits in another time.
    pub(super) kept_numbers: usize,
}

impl Plan {
    pub(crate) fn new(layout: &Layout) -> Self {
        let spec = &layout.spec;
        let width = padded(spec.hidden);
        let mut len = 0;
        let numbers = |form: Form| match form {
            Form::Square => width * width,
            Form::Double => 2 * width * width,
            Form::Table(inputs) => inputs * width,
            Form::Row | Form::Column => width,
            Form::Number => PADDING,
        };
        let ranges = layout.matrices.iter().map(|(_, form)| {
            len += numbers(*form);
            len - numbers(*form)..len
        });
        let ranges = ranges.collect();
        let directed = spec.edges == Edges::Directed;
        let pairs = (0..spec.particles).flat_map(|i| (0..spec.particles).map(move |j| (i, j)));
        let ends = pairs.filter(|(i, j)| if directed { i != j } else { i < j }).collect();
        Self { spec: spec.clone(), layout: layout.clone(), width, ranges, len, ends, kept_numbers: KEPT_NUMBERS }
    }

    /// Edges of a sample.
    pub(crate) fn edges(&self) -> usize {
        self.ends.len()
    }

    /// Samples a block: depends on the shape alone.
    pub(crate) fn block(&self) -> usize {
        (BLOCK_EDGES / self.edges()).max(1)
    }

    /// Samples a chunk. Part of the definition of the result, since sums over samples are cut here.
    pub(crate) fn chunk(&self, batch: usize) -> usize {
        let block = self.block();
        batch.div_ceil(GROUPS).clamp(block, 16.max(block)).next_multiple_of(block)
    }

    /// Chunks of a batch that one set of gradients adds up.
    pub(crate) fn chunks_a_group(&self, batch: usize) -> usize {
        batch.div_ceil(self.chunk(batch)).div_ceil(GROUPS).max(1)
    }

    /// Whether the values of edges are kept for the backward pass.
    pub(crate) fn keeps_edges(&self, batch: usize) -> bool {
        let kinds = 1 + usize::from(self.layout.layers.iter().any(|l| l.head.is_some()));
        let each = self.edges().saturating_mul(self.width).saturating_mul(kinds * self.spec.layers);
        batch.saturating_mul(each) <= self.kept_numbers
    }

    /// How many lines a matrix has, how long they are, and whether they come in squares that are padded below too.
    fn lines(&self, form: Form) -> (usize, usize, bool) {
        let hidden = self.spec.hidden;
        match form {
            Form::Square => (hidden, hidden, true),
            Form::Double => (2 * hidden, hidden, true),
            Form::Table(inputs) => (inputs, hidden, false),
            Form::Row | Form::Column => (1, hidden, false),
            Form::Number => (1, 1, false),
        }
    }

    /// Where a line of matrix `at` begins.
    fn line(&self, at: usize, line: usize) -> usize {
        let hidden = self.spec.hidden;
        let square = self.lines(self.layout.matrices[at].1).2;
        let row = if square { line / hidden * self.width + line % hidden } else { line };
        self.ranges[at].start + row * self.width
    }

    /// Puts the numbers of matrix `at` where they belong in a buffer of all, which is zero elsewhere.
    pub(crate) fn spread(&self, at: usize, values: &[f32], all: &mut [f32]) {
        let length = self.lines(self.layout.matrices[at].1).1;
        for (line, values) in values.chunks_exact(length).enumerate() {
            all[self.line(at, line)..][..length].copy_from_slice(values);
        }
    }
}

/// Gradients of the parameters, one buffer for each group of chunks.
pub(crate) struct Gradients(pub(super) Vec<Buffer>);

impl Gradients {
    /// Adds the gradient of matrix `at` to `target`.
    pub(crate) fn add_to(&self, plan: &Plan, at: usize, target: &mut [f32]) {
        let length = plan.lines(plan.layout.matrices[at].1).1;
        target.par_chunks_mut(length).enumerate().with_min_len(64).for_each(|(line, target)| {
            let start = plan.line(at, line);
            for group in &self.0 {
                add(&group[start..start + length], target);
            }
        });
    }
}

/// Where the values of one layer lie in the buffer of a chunk. Rows of nodes: `h`, `source` (with the edge bias),
/// `target`, `sums` of messages, `node` before its bias; `x`; one number an edge: `gate` and `tanh`; rows of edges before
/// their biases: `message` and `head`, empty where they are not kept.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) h: Range<usize>,
    pub(super) x: Range<usize>,
    pub(super) source: Range<usize>,
    pub(super) target: Range<usize>,
    pub(super) sums: Range<usize>,
    pub(super) node: Range<usize>,
    pub(super) gate: Range<usize>,
    pub(super) tanh: Range<usize>,
    pub(super) message: Range<usize>,
    pub(super) head: Range<usize>,
    /// Numbers of all.
    pub(super) len: usize,
}

impl Slots {
    pub(super) fn new(plan: &Plan, samples: usize, keep_edges: bool) -> Self {
        let nodes = samples * plan.spec.particles;
        let edges = samples * plan.edges();
        let mut len = 0;
        let mut next = |n: usize| {
            let start = len;
            len += padded(n);
            start..start + n
        };
        let rows = nodes * plan.width;
        let directed = plan.spec.edges == Edges::Directed;
        let deep = plan.layout.layers.iter().any(|l| l.head.is_some());
        let kept = |wanted: bool| if wanted && keep_edges { edges * plan.width } else { 0 };
        Self {
            h: next(rows),
            x: next(nodes * plan.spec.dimensions),
            source: next(rows),
            target: next(if directed { rows } else { 0 }),
            sums: next(rows),
            node: next(rows),
            gate: next(edges),
            tanh: next(edges),
            message: next(kept(true)),
            head: next(kept(deep)),
            len,
        }
    }
}
