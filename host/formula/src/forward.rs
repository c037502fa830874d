//! The values of a tape, run by run.

use kiln_core::Scalar;

use crate::functions::{Function, Pairing};
use crate::number::Number;
use crate::tape::{Op, Run, Tape};

/// Does one thing for each function, which is a constant there: the choice is made outside of loops.
macro_rules! each_function {
    ($function:expr, $name:ident => $body:expr) => {
        each_function!(@ $function, $name, $body, Exp Log Sqrt Abs Sin Cos Tan Tanh Sinh Cosh Atan Log1p Expm1 Sigmoid
            Softplus Erf Square Reciprocal)
    };
    (@ $function:expr, $name:ident, $body:expr, $($variant:ident)*) => {
        match $function {
            $(Function::$variant => { const $name: Function = Function::$variant; $body })*
        }
    };
}
pub(crate) use each_function;

/// The same for functions of two numbers.
macro_rules! each_pairing {
    ($pairing:expr, $name:ident => $body:expr) => {
        each_pairing!(@ $pairing, $name, $body, Min Max Less LessOrEqual Equal And Or)
    };
    (@ $pairing:expr, $name:ident, $body:expr, $($variant:ident)*) => {
        match $pairing {
            $(Pairing::$variant => { const $name: Pairing = Pairing::$variant; $body })*
        }
    };
}

/// Fills `values` for a point; the energy is the value in the root's slot.
pub(crate) fn forward<S: Number>(tape: &Tape, x: &[S], values: &mut [S]) -> S {
    let constants = S::constants(&tape.constants);
    values[..tape.dimension].copy_from_slice(x);
    for (value, constant) in values[tape.dimension..].iter_mut().zip(&constants[..tape.fixed]) {
        *value = S::splat(*constant);
    }
    for run in &tape.runs {
        let (done, rest) = values.split_at_mut(run.out);
        let out = &mut rest[..run.count * run.width];
        let args = &tape.args[run.args..run.args + run.count * run.operands];
        let constants = &constants[run.constants..run.constants + run.count * run.constant_count()];
        step(run, done, args, constants, out);
    }
    S::constant(tape.scale) * values[tape.root] + S::constant(tape.bias)
}

/// The first `n` of a slice, which begins after them from then on. Unlike chunks it needs no division, which takes as long
/// as a short run.
#[inline(always)]
pub(crate) fn take<'a, T>(items: &mut &'a [T], n: usize) -> &'a [T] {
    let (first, rest) = items.split_at(n);
    *items = rest;
    first
}

/// One run: `out` from what is `done`.
#[inline(always)]
fn step<S: Number>(run: &Run, done: &[S], args: &[u32], constants: &[S::Real], out: &mut [S]) {
    let at = |arg: u32| done[arg as usize];
    match run.op {
        Op::Function(function) => each_function!(function, F => unary(done, args, out, |x| F.value(x))),
        Op::Pairing(pairing) => each_pairing!(pairing, P => binary(done, args, out, |a, b| P.value(a, b))),
        Op::Product => binary(done, args, out, |a, b| a * b),
        Op::Select => {
            for (out, [condition, a, b]) in out.iter_mut().zip(args.as_chunks::<3>().0) {
                *out = S::select(at(*condition).holds(), at(*a), at(*b));
            }
        }
        Op::Affine => {
            for ((out, a), [c, bias]) in out.iter_mut().zip(args).zip(constants.as_chunks::<2>().0) {
                *out = S::splat(*c) * at(*a) + S::splat(*bias);
            }
        }
        Op::Blend => {
            let operands = args.as_chunks::<2>().0.iter().zip(constants.as_chunks::<3>().0);
            for (out, ([a, b], [c, d, bias])) in out.iter_mut().zip(operands) {
                *out = S::splat(*c) * at(*a) + S::splat(*d) * at(*b) + S::splat(*bias);
            }
        }
        Op::Linear => linear(run, done, args, constants, out),
        Op::Sum => {
            let mut args = args;
            for (out, [scale, bias]) in out.iter_mut().zip(constants.as_chunks::<2>().0) {
                let args = take(&mut args, run.operands);
                let total = if run.contiguous {
                    total(done[args[0] as usize..][..run.arity].iter().copied())
                } else {
                    total(args.iter().map(|arg| at(*arg)))
                };
                *out = S::splat(*scale) * total + S::splat(*bias);
            }
        }
        Op::Squares => {
            let (mut args, mut constants, n) = (args, constants, run.arity);
            for out in out {
                let (args, constants) = (take(&mut args, n), take(&mut constants, n + 2));
                let total =
                    total(args.iter().zip(constants).map(|(arg, shift)| (at(*arg) - S::splat(*shift)).square()));
                *out = S::splat(constants[n]) * total + S::splat(constants[n + 1]);
            }
        }
        Op::Distance => match run.arity {
            2 => distance::<S, 2>(2, done, args, constants, out),
            3 => distance::<S, 3>(3, done, args, constants, out),
            n => distance::<S, 0>(n, done, args, constants, out),
        },
        Op::Products => products(run.arity, done, args, constants, out),
        Op::LogSumExp if run.arity == 2 => {
            for (out, [a, b]) in out.as_chunks_mut::<3>().0.iter_mut().zip(args.as_chunks::<2>().0) {
                *out = log_sum_exp_of_two(at(*a), at(*b));
            }
        }
        Op::LogSumExp => log_sum_exp(run, done, args, out),
    }
}

/// log Σ e^a, and after it the exponentials, shifted by the largest of a.
#[inline(never)]
fn log_sum_exp<S: Scalar>(run: &Run, done: &[S], args: &[u32], out: &mut [S]) {
    let (mut args, mut out) = (args, out);
    for _ in 0..run.count {
        let args = take(&mut args, run.arity);
        let (own, rest) = out.split_at_mut(run.width);
        out = rest;
        let (value, terms) = own.split_at_mut(1);
        let largest = args[1..].iter().fold(done[args[0] as usize], |largest, arg| largest.max(done[*arg as usize]));
        let shift = S::select(largest.is_finite(), largest, S::zero());
        for (term, arg) in terms.iter_mut().zip(args) {
            *term = done[*arg as usize] - shift;
        }
        exponentials(terms);
        value[0] = shift + total(terms.iter().copied()).ln();
    }
}

/// The same of two, which need no loop.
#[inline(never)]
fn log_sum_exp_of_two<S: Scalar>(a: S, b: S) -> [S; 3] {
    let largest = a.max(b);
    let shift = S::select(largest.is_finite(), largest, S::zero());
    let (a, b) = ((a - shift).exp(), (b - shift).exp());
    [shift + (a + b).ln(), a, b]
}

/// e^x of each, apart: beside other code the compiler halves its vectors.
#[inline(never)]
fn exponentials<S: Scalar>(terms: &mut [S]) {
    for term in terms {
        *term = term.exp();
    }
}

#[inline(never)]
fn unary<S: Scalar>(done: &[S], args: &[u32], out: &mut [S], f: impl Fn(S) -> S) {
    for (out, arg) in out.iter_mut().zip(args) {
        *out = f(done[*arg as usize]);
    }
}

#[inline(never)]
fn binary<S: Scalar>(done: &[S], args: &[u32], out: &mut [S], f: impl Fn(S, S) -> S) {
    for (out, [a, b]) in out.iter_mut().zip(args.as_chunks::<2>().0) {
        *out = f(done[*a as usize], done[*b as usize]);
    }
}

/// scale Σ (a − b)² + bias; `N` is the number of terms where it is known to the compiler, and 0 where it is not.
#[inline(never)]
fn distance<S: Scalar, const N: usize>(n: usize, done: &[S], args: &[u32], constants: &[S::Real], out: &mut [S]) {
    let n = if N > 0 { N } else { n };
    let mut args = args.as_chunks::<2>().0;
    for (out, [scale, bias]) in out.iter_mut().zip(constants.as_chunks::<2>().0) {
        let pairs = take(&mut args, n);
        let mut sum = S::zero();
        for k in 0..n {
            let [a, b] = pairs[k];
            sum += (done[a as usize] - done[b as usize]).square();
        }
        *out = S::splat(*scale) * sum + S::splat(*bias);
    }
}

/// scale Σ a b + bias.
#[inline(never)]
fn products<S: Scalar>(n: usize, done: &[S], args: &[u32], constants: &[S::Real], out: &mut [S]) {
    let mut args = args.as_chunks::<2>().0;
    for (out, [scale, bias]) in out.iter_mut().zip(constants.as_chunks::<2>().0) {
        let pairs = take(&mut args, n);
        let sum = total(pairs.iter().map(|[a, b]| done[*a as usize] * done[*b as usize]));
        *out = S::splat(*scale) * sum + S::splat(*bias);
    }
}

/// Σ c a + bias, of operands side by side or not.
#[inline(never)]
fn linear<S: Scalar>(run: &Run, done: &[S], args: &[u32], constants: &[S::Real], out: &mut [S]) {
    let (mut args, mut constants, n) = (args, constants, run.arity);
    for out in out {
        let (args, constants) = (take(&mut args, run.operands), take(&mut constants, n + 1));
        let sum = if run.contiguous {
            let operands = &done[args[0] as usize..][..n];
            total(operands.iter().zip(constants).map(|(a, c)| S::splat(*c) * *a))
        } else {
            total(args.iter().zip(constants).map(|(arg, c)| S::splat(*c) * done[*arg as usize]))
        };
        *out = sum + S::splat(constants[n]);
    }
}

/// A sum in two halves, odd and even, which do not wait for each other.
#[inline(always)]
fn total<S: Scalar>(mut terms: impl Iterator<Item = S>) -> S {
    let (mut even, mut odd) = (S::zero(), S::zero());
    while let Some(term) = terms.next() {
        even += term;
        match terms.next() {
            Some(term) => odd += term,
            None => break,
        }
    }
    even + odd
}
