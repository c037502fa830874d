//! The slopes of the energy with respect to every value of a tape, run by run from the last to the first.

use kiln_core::Scalar;

use crate::forward::each_function;
use crate::functions::{Function, Pairing};
use crate::number::Number;
use crate::tape::{Op, Run, Tape};

/// Fills `slopes` from the values that a point has; the first ones are the gradient.
pub(crate) fn reverse<S: Number>(tape: &Tape, values: &[S], slopes: &mut [S]) {
    slopes.fill(S::zero());
    slopes[tape.root] = S::one();
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
            for ((arg, slope), y) in args.iter().zip(own).zip(results) {
                into[*arg as usize] += times::<S, GUARDED>(*slope, F.slope(at(*arg), *y));
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
            for ((args, slope), [scale, _]) in
                args.chunks_exact(run.operands).zip(own).zip(constants.as_chunks::<2>().0)
            {
                let slope = S::splat(*scale) * *slope;
                if run.contiguous() {
                    into[args[0] as usize..][..run.arity].iter_mut().for_each(|into| *into += slope);
                } else {
                    args.iter().for_each(|arg| into[*arg as usize] += slope);
                }
            }
        }
        Op::Squares => {
            let n = run.arity;
            for ((args, slope), constants) in args.chunks_exact(n).zip(own).zip(constants.chunks_exact(n + 2)) {
                let slope = S::splat(constants[n]) * (*slope + *slope);
                for (arg, shift) in args.iter().zip(constants) {
                    into[*arg as usize] += times::<S, GUARDED>(slope, at(*arg) - S::splat(*shift));
                }
            }
        }
        Op::Distance => pairwise(run, args, constants, own, |scale, slope, [a, b]| {
            let pull = times::<S, GUARDED>(scale * (slope + slope), at(*a) - at(*b));
            into[*a as usize] += pull;
            into[*b as usize] -= pull;
        }),
        Op::Products => pairwise(run, args, constants, own, |scale, slope, [a, b]| {
            let slope = scale * slope;
            into[*a as usize] += times::<S, GUARDED>(slope, at(*b));
            into[*b as usize] += times::<S, GUARDED>(slope, at(*a));
        }),
        Op::LogSumExp => {
            let steps = args.chunks_exact(run.arity).zip(own.chunks_exact(run.width));
            for ((args, own), results) in steps.zip(results.chunks_exact(run.width)) {
                let sum = results[1..].iter().fold(S::zero(), |sum, term| sum + *term);
                let share = times::<S, GUARDED>(own[0], S::one() / sum);
                for (arg, term) in args.iter().zip(&results[1..]) {
                    into[*arg as usize] += times::<S, GUARDED>(share, *term);
                }
            }
        }
    }
}

/// Every pair of every step, with the step's scale and slope.
#[inline(always)]
fn pairwise<S: Scalar>(
    run: &Run,
    args: &[u32],
    constants: &[S::Real],
    own: &[S],
    mut pull: impl FnMut(S, S, &[u32; 2]),
) {
    let (pairs, constants) = (args.as_chunks::<2>().0, constants.as_chunks::<2>().0);
    match run.arity {
        3 => {
            for ((triple, slope), [scale, _]) in pairs.as_chunks::<3>().0.iter().zip(own).zip(constants) {
                triple.iter().for_each(|pair| pull(S::splat(*scale), *slope, pair));
            }
        }
        n => {
            for ((pairs, slope), [scale, _]) in pairs.chunks_exact(n).zip(own).zip(constants) {
                pairs.iter().for_each(|pair| pull(S::splat(*scale), *slope, pair));
            }
        }
    }
}

/// Σ c a + bias.
#[inline(always)]
fn linear<S: Scalar>(run: &Run, args: &[u32], constants: &[S::Real], own: &[S], into: &mut [S]) {
    let n = run.arity;
    let steps = args.chunks_exact(run.operands).zip(own).zip(constants.chunks_exact(n + 1));
    for ((args, slope), constants) in steps {
        if run.contiguous() {
            for (into, c) in into[args[0] as usize..][..n].iter_mut().zip(constants) {
                *into += S::splat(*c) * *slope;
            }
        } else {
            for (arg, c) in args.iter().zip(constants) {
                into[*arg as usize] += S::splat(*c) * *slope;
            }
        }
    }
}
