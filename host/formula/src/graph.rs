//! A formula without names, indices or vectors: every value once, made of earlier ones. Constants are folded, equal values
//! are one, and what is cheap or stable replaces what was written:
//!
//! - sums and constant factors become one linear form, quotients a product with a reciprocal, x / 3 a factor;
//! - x^4 is (x²)², x^-6 a power of 1/x, √s^2 is s, x^1.5 is x √x;
//! - the logarithm of a sum of exponentials is taken without overflow, and log(1 + e^x) is softplus.
//!
//! A term with the factor 0 vanishes, whatever stands beside the 0.

use std::collections::HashMap;
use std::rc::Rc;

use crate::functions::{Function, Pairing};

/// The place of a value among all.
pub(crate) type Id = u32;

/// A number by its bits, so that equal ones are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bits(u64);

impl Bits {
    pub(crate) fn new(value: f64) -> Self {
        // One zero, not two.
        Self(if value == 0.0 { 0 } else { value.to_bits() })
    }

    pub(crate) fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// How a value is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Constant(Bits),
    /// A coordinate.
    Input(u32),
    /// Σ c a + bias.
    Linear(Rc<[(Id, Bits)]>, Bits),
    Function(Function, Id),
    Product(Id, Id),
    Pairing(Pairing, Id, Id),
    /// The second where the first is a condition that holds, otherwise the third.
    Select(Id, Id, Id),
    LogSumExp(Rc<[Id]>),
}

/// Linear forms up to this length are written out in those that use them.
const SHORT: usize = 3;

/// The largest exponent that becomes multiplications.
const LARGEST_POWER: f64 = 64.0;

/// All values so far.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    known: HashMap<Node, Id>,
    /// Values and operands of values so far.
    pub(crate) size: usize,
}

impl Graph {
    fn intern(&mut self, node: Node) -> Id {
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        self.size += match &node {
            Node::Linear(terms, _) => 1 + terms.len(),
            Node::LogSumExp(terms) => 1 + terms.len(),
            _ => 1,
        };
        let id = self.nodes.len() as Id;
        self.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn constant(&mut self, value: f64) -> Id {
        self.intern(Node::Constant(Bits::new(value)))
    }

    pub(crate) fn input(&mut self, coordinate: usize) -> Id {
        self.intern(Node::Input(coordinate as u32))
    }

    /// The number, where a value is the same everywhere.
    pub(crate) fn fixed(&self, id: Id) -> Option<f64> {
        match self.node(id) {
            Node::Constant(value) => Some(value.get()),
            _ => None,
        }
    }

    /// Σ c a + bias.
    pub(crate) fn linear(&mut self, terms: impl IntoIterator<Item = (Id, f64)>, bias: f64) -> Id {
        let mut bias = bias;
        let given: Vec<(Id, f64)> = terms.into_iter().filter(|(_, c)| *c != 0.0).collect();
        let alone = given.len() == 1;
        let mut flat: Vec<(Id, f64)> = Vec::with_capacity(given.len());
        for (id, c) in given {
            match self.node(id) {
                Node::Constant(value) => bias += c * value.get(),
                Node::Linear(inner, more) if alone || inner.len() <= SHORT => {
                    bias += c * more.get();
                    flat.extend(inner.iter().map(|(id, factor)| (*id, c * factor.get())));
                }
                _ => flat.push((id, c)),
            }
        }
        if !flat.is_sorted_by(|a, b| a.0 < b.0) {
            flat.sort_by_key(|(id, _)| *id);
            flat.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
        }
        flat.retain(|(_, c)| *c != 0.0);
        match flat.as_slice() {
            [] => self.constant(bias),
            [(id, 1.0)] if bias == 0.0 => *id,
            _ => {
                let terms = flat.into_iter().map(|(id, c)| (id, Bits::new(c))).collect();
                self.intern(Node::Linear(terms, Bits::new(bias)))
            }
        }
    }

    pub(crate) fn add(&mut self, a: Id, b: Id) -> Id {
        self.linear([(a, 1.0), (b, 1.0)], 0.0)
    }

    pub(crate) fn subtract(&mut self, a: Id, b: Id) -> Id {
        self.linear([(a, 1.0), (b, -1.0)], 0.0)
    }

    pub(crate) fn scale(&mut self, a: Id, factor: f64) -> Id {
        self.linear([(a, factor)], 0.0)
    }

    /// A value as a constant factor times another.
    fn factored(&self, id: Id) -> (Id, f64) {
        match self.node(id) {
            Node::Linear(terms, bias) if terms.len() == 1 && bias.get() == 0.0 => (terms[0].0, terms[0].1.get()),
            _ => (id, 1.0),
        }
    }

    pub(crate) fn multiply(&mut self, a: Id, b: Id) -> Id {
        match (self.fixed(a), self.fixed(b)) {
            (Some(a), Some(b)) => return self.constant(a * b),
            (Some(factor), None) => return self.scale(b, factor),
            (None, Some(factor)) => return self.scale(a, factor),
            (None, None) => {}
        }
        let ((a, by_a), (b, by_b)) = (self.factored(a), self.factored(b));
        let product = if a == b { self.square(a) } else { self.intern(Node::Product(a.min(b), a.max(b))) };
        self.scale(product, by_a * by_b)
    }

    /// a², of a value that is not a constant times another.
    fn square(&mut self, a: Id) -> Id {
        let a = match self.node(a) {
            Node::Function(Function::Sqrt, inner) => return *inner,
            Node::Function(Function::Abs, inner) => *inner,
            // (b − a)² is (a − b)².
            Node::Linear(terms, bias) if terms[0].1.get() < 0.0 => {
                let turned: Vec<_> = terms.iter().map(|(id, c)| (*id, -c.get())).collect();
                let bias = -bias.get();
                self.linear(turned, bias)
            }
            _ => a,
        };
        self.intern(Node::Function(Function::Square, a))
    }

    pub(crate) fn divide(&mut self, a: Id, b: Id) -> Id {
        match (self.fixed(a), self.fixed(b)) {
            (Some(a), Some(b)) => self.constant(a / b),
            (None, Some(b)) => self.scale(a, 1.0 / b),
            _ => {
                let reciprocal = self.function(Function::Reciprocal, b);
                self.multiply(a, reciprocal)
            }
        }
    }

    /// a^n by squaring.
    fn whole_power(&mut self, a: Id, n: u32) -> Id {
        match n {
            0 => self.constant(1.0),
            1 => a,
            _ if n.is_multiple_of(2) => {
                // √s^2 is s at once, before halves of the exponent are taken.
                let squared = self.multiply(a, a);
                if matches!(self.node(a), Node::Function(Function::Sqrt, _)) {
                    return self.whole_power(squared, n / 2);
                }
                let half = self.whole_power(a, n / 2);
                self.multiply(half, half)
            }
            _ => {
                let rest = self.whole_power(a, n - 1);
                self.multiply(a, rest)
            }
        }
    }

    pub(crate) fn power(&mut self, a: Id, b: Id) -> Id {
        let Some(exponent) = self.fixed(b) else {
            let log = self.function(Function::Log, a);
            let product = self.multiply(b, log);
            return self.function(Function::Exp, product);
        };
        if let Some(a) = self.fixed(a) {
            return self.constant(libm::pow(a, exponent));
        }
        let size = exponent.abs();
        if size <= LARGEST_POWER && (2.0 * size).fract() == 0.0 {
            let base = if exponent < 0.0 { self.function(Function::Reciprocal, a) } else { a };
            let whole = self.whole_power(base, size as u32);
            if size.fract() == 0.0 {
                return whole;
            }
            let root = self.function(Function::Sqrt, base);
            return self.multiply(whole, root);
        }
        let log = self.function(Function::Log, a);
        let product = self.scale(log, exponent);
        self.function(Function::Exp, product)
    }

    pub(crate) fn function(&mut self, function: Function, a: Id) -> Id {
        if let Some(value) = self.fixed(a) {
            return self.constant(function.value(value));
        }
        match (function, self.node(a).clone()) {
            (Function::Log, Node::Function(Function::Exp, inner)) => inner,
            (Function::Log, Node::Linear(terms, bias)) => match self.log_of_exponentials(&terms, bias.get()) {
                Some(id) => id,
                None => self.intern(Node::Function(function, a)),
            },
            (Function::Log1p, Node::Function(Function::Exp, inner)) => self.function(Function::Softplus, inner),
            (Function::Sqrt, Node::Function(Function::Square, inner)) => self.function(Function::Abs, inner),
            (Function::Abs, Node::Function(Function::Square | Function::Exp | Function::Sqrt | Function::Abs, _)) => a,
            (Function::Square, _) => self.multiply(a, a),
            (Function::Reciprocal, Node::Function(Function::Reciprocal, inner)) => inner,
            (Function::Reciprocal, Node::Function(Function::Exp, inner)) => {
                let negative = self.scale(inner, -1.0);
                self.function(Function::Exp, negative)
            }
            (Function::Reciprocal, Node::Linear(terms, bias)) if terms.len() == 1 && bias.get() == 0.0 => {
                let (inner, factor) = (terms[0].0, terms[0].1.get());
                let reciprocal = self.function(Function::Reciprocal, inner);
                self.scale(reciprocal, 1.0 / factor)
            }
            _ => self.intern(Node::Function(function, a)),
        }
    }

    /// log(Σ c e^a + bias) where all factors are positive.
    fn log_of_exponentials(&mut self, terms: &[(Id, Bits)], bias: f64) -> Option<Id> {
        let mut exponents = Vec::with_capacity(terms.len() + 1);
        for (id, c) in terms {
            match self.node(*id) {
                Node::Function(Function::Exp, inner) if c.get() > 0.0 => exponents.push((*inner, c.get().ln())),
                _ => return None,
            }
        }
        if bias < 0.0 || bias.is_nan() {
            return None;
        }
        if let ([(inner, shift)], true) = (exponents.as_slice(), bias > 0.0) {
            let inner = self.linear([(*inner, 1.0)], shift - bias.ln());
            let soft = self.function(Function::Softplus, inner);
            return Some(self.linear([(soft, 1.0)], bias.ln()));
        }
        let mut shifted: Vec<Id> = exponents.into_iter().map(|(id, shift)| self.linear([(id, 1.0)], shift)).collect();
        if bias > 0.0 {
            shifted.push(self.constant(bias.ln()));
        }
        Some(self.log_sum_exp(&shifted))
    }

    /// log Σ e^a, of at least one.
    pub(crate) fn log_sum_exp(&mut self, terms: &[Id]) -> Id {
        if let [alone] = terms {
            return *alone;
        }
        let fixed: Option<Vec<f64>> = terms.iter().map(|id| self.fixed(*id)).collect();
        if let Some(values) = fixed {
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shift = if largest.is_finite() { largest } else { 0.0 };
            let sum: f64 = values.iter().map(|value| (value - shift).exp()).sum();
            return self.constant(shift + sum.ln());
        }
        self.intern(Node::LogSumExp(terms.into()))
    }

    pub(crate) fn pairing(&mut self, pairing: Pairing, a: Id, b: Id) -> Id {
        if let (Some(a), Some(b)) = (self.fixed(a), self.fixed(b)) {
            return self.constant(pairing.value(a, b));
        }
        if a == b && matches!(pairing, Pairing::Min | Pairing::Max | Pairing::And | Pairing::Or) {
            return a;
        }
        self.intern(Node::Pairing(pairing, a, b))
    }

    /// 1 − condition.
    pub(crate) fn negation(&mut self, condition: Id) -> Id {
        self.linear([(condition, -1.0)], 1.0)
    }

    pub(crate) fn select(&mut self, condition: Id, a: Id, b: Id) -> Id {
        match self.fixed(condition) {
            Some(truth) => {
                if truth > 0.5 {
                    a
                } else {
                    b
                }
            }
            None if a == b => a,
            None => self.intern(Node::Select(condition, a, b)),
        }
    }
}
