//! The slopes of the energy with respect to every value of a tape, run by run from the last to the first.

use kiln_core::Scalar;

use crate::forward::{each_function, take};
use crate::functions::{Function, Pairing};
use crate::number::Number;
use crate::tape::{Op, Run, Tape};

/// Fills `slopes` from the values that a point has; the first ones are the gradient.
pub(crate) fn reverse<S: Number>(tape: &Tape, values: &[S], slopes: &mut [S]) {
    slopes.fill(S::zero());
    slopes[tape.root] = S::constant(tape.scale);
    for run in tape.runs.iter().rev().filter(|run| run.live) {
        if run.guarded {
            step::<S, true>(tape, run, values, slopes);
        } else {
            step::<S, false>(tape, run, values, slopes);
        }
    }
}

/// slope × factor; where guarded, 0 × anything is 0.
#[inline(always)]
fn times<S: Number, const GUARDED: bool>(slope: S, factor: S) -> S {
    if !GUARDED {
        return slope * factor;
    }
    let asked = slope.lt(S::zero()) | S::zero().lt(slope) | !slope.is_number();
    S::select(asked, slope * factor, S::zero())
}

/// One run: hands its slopes on to its operands.
#[inline(always)]
fn step<S: Number, const GUARDED: bool>(tape: &Tape, run: &Run, values: &[S], slopes: &mut [S]) {
    let args = &tape.args[run.args..run.args + run.count * run.operands];
    let constants = &S::constants(&tape.constants)[run.constants..run.constants + run.count * run.constant_count()];
    let (into, rest) = slopes.split_at_mut(run.out);
    let own = &rest[..run.count * run.width];
    let results = &values[run.out..run.out + run.count * run.width];
    let values = &values[..run.out];
    let at = |arg: u32| values[arg as usize];
    match run.op {
        Op::Function(function) => each_function!(function, F => {
            // One source for what takes long anyway: it is compiled once.
            if GUARDED || F.takes_long() {
                unary::<S, true>(args, values, results, own, into, |x, y| F.slope(x, y));
            } else {
                unary::<S, false>(args, values, results, own, into, |x, y| F.slope(x, y));
            }
        }),
        Op::Pairing(pairing) => {
            for ([a, b], slope) in args.as_chunks::<2>().0.iter().zip(own) {
                let second = match pairing {
                    Pairing::Min => Pairing::Min.picks_second(at(*a), at(*b)),
                    _ => Pairing::Max.picks_second(at(*a), at(*b)),
                };
                into[*a as usize] += S::select(second, S::zero(), *slope);
                into[*b as usize] += S::select(second, *slope, S::zero());
            }
        }
        Op::Product => {
            for ([a, b], slope) in args.as_chunks::<2>().0.iter().zip(own) {
                into[*a as usize] += times::<S, GUARDED>(*slope, at(*b));
                into[*b as usize] += times::<S, GUARDED>(*slope, at(*a));
            }
        }
        Op::Select => {
            for ([condition, a, b], slope) in args.as_chunks::<3>().0.iter().zip(own) {
                let first = at(*condition).holds();
                into[*a as usize] += S::select(first, *slope, S::zero());
                into[*b as usize] += S::select(first, S::zero(), *slope);
            }
        }
        Op::Affine => {
            for ((arg, slope), [c, _]) in args.iter().zip(own).zip(constants.as_chunks::<2>().0) {
                into[*arg as usize] += S::splat(*c) * *slope;
            }
        }
        Op::Blend => {
            let operands = args.as_chunks::<2>().0.iter().zip(constants.as_chunks::<3>().0);
            for (([a, b], [c, d, _]), slope) in operands.zip(own) {
                into[*a as usize] += S::splat(*c) * *slope;
                into[*b as usize] += S::splat(*d) * *slope;
            }
        }
        Op::Linear => linear(run, args, constants, own, into),
        Op::Sum => {
            let mut args = args;
            for (slope, [scale, _]) in own.iter().zip(constants.as_chunks::<2>().0) {
                let args = take(&mut args, run.operands);
                let slope = S::splat(*scale) * *slope;
                args.iter().for_each(|arg| into[*arg as usize] += slope);
            }
        }
        Op::Squares => {
            let (mut args, mut constants, n) = (args, constants, run.arity);
            for slope in own {
                let (args, constants) = (take(&mut args, n), take(&mut constants, n + 2));
                let slope = S::splat(constants[n]) * (*slope + *slope);
                for (arg, shift) in args.iter().zip(constants) {
                    into[*arg as usize] += times::<S, GUARDED>(slope, at(*arg) - S::splat(*shift));
                }
            }
        }
        Op::Distance => match run.arity {
            2 => distance::<S, GUARDED, 2>(2, args, constants, values, own, into),
            3 => distance::<S, GUARDED, 3>(3, args, constants, values, own, into),
            n => distance::<S, GUARDED, 0>(n, args, constants, values, own, into),
        },
        Op::Products => products::<S, GUARDED>(run.arity, args, constants, values, own, into),
        Op::LogSumExp => {
            let (mut args, mut own, mut results) = (args, own, results);
            for _ in 0..run.count {
                let args = take(&mut args, run.arity);
                let (own, results) = (take(&mut own, run.width), take(&mut results, run.width));
                let sum = results[1..].iter().fold(S::zero(), |sum, term| sum + *term);
                let share = times::<S, GUARDED>(own[0], S::one() / sum);
                for (arg, term) in args.iter().zip(&results[1..]) {
                    into[*arg as usize] += times::<S, GUARDED>(share, *term);
                }
            }
        }
    }
}

/// The slope of a function of one number, from its argument and value.
#[inline(never)]
fn unary<S: Number, const GUARDED: bool>(
    args: &[u32],
    values: &[S],
    results: &[S],
    own: &[S],
    into: &mut [S],
    slope_of: impl Fn(S, S) -> S,
) {
    for ((arg, slope), y) in args.iter().zip(own).zip(results) {
        let factor = slope_of(values[*arg as usize], *y);
        into[*arg as usize] += times::<S, GUARDED>(*slope, factor);
    }
}

/// scale Σ (a − b)² + bias; `N` is the number of terms where it is known to the compiler, and 0 where it is not.
#[inline(never)]
fn distance<S: Number, const GUARDED: bool, const N: usize>(
    n: usize,
    args: &[u32],
    constants: &[S::Real],
    values: &[S],
    own: &[S],
    into: &mut [S],
) {
    let n = if N > 0 { N } else { n };
    let mut args = args.as_chunks::<2>().0;
    for (slope, [scale, _]) in own.iter().zip(constants.as_chunks::<2>().0) {
        let pairs = take(&mut args, n);
        let slope = S::splat(*scale) * (*slope + *slope);
        for k in 0..n {
            let [a, b] = pairs[k];
            let pull = times::<S, GUARDED>(slope, values[a as usize] - values[b as usize]);
            into[a as usize] += pull;
            into[b as usize] -= pull;
        }
    }
}

/// scale Σ a b + bias.
#[inline(never)]
fn products<S: Number, const GUARDED: bool>(
    n: usize,
    args: &[u32],
    constants: &[S::Real],
    values: &[S],
    own: &[S],
    into: &mut [S],
) {
    let mut args = args.as_chunks::<2>().0;
    for (slope, [scale, _]) in own.iter().zip(constants.as_chunks::<2>().0) {
        let pairs = take(&mut args, n);
        let slope = S::splat(*scale) * *slope;
        for [a, b] in pairs {
            into[*a as usize] += times::<S, GUARDED>(slope, values[*b as usize]);
            into[*b as usize] += times::<S, GUARDED>(slope, values[*a as usize]);
        }
    }
}

/// Σ c a + bias.
#[inline(never)]
fn linear<S: Scalar>(run: &Run, args: &[u32], constants: &[S::Real], own: &[S], into: &mut [S]) {
    let (mut args, mut constants, n) = (args, constants, run.arity);
    for slope in own {
        let (args, constants) = (take(&mut args, run.operands), take(&mut constants, n + 1));
        // One by one even where they stand side by side: the compiler would turn lanes into columns, which takes three
        // times as long.
        for (arg, c) in args.iter().zip(constants) {
            into[*arg as usize] += S::splat(*c) * *slope;
        }
    }
}
