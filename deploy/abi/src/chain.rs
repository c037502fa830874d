//! Markov chains.

use core::ffi::c_char;
use core::mem::MaybeUninit;

use kiln_core::dynamics::{State, Workspace, langevin};
use kiln_core::random::{Purpose, Stream};
use kiln_core::symmetry::MeanFree;
use kiln_core::{Energy, Scalar};

use crate::buffer;
use crate::status::Status;
use crate::target::{self, Visitor};

struct Chain<'a> {
    stream: Stream,
    step_size: f32,
    steps: u32,
    x: &'a mut [f32],
    acceptance: &'a mut MaybeUninit<f32>,
}

impl Visitor for Chain<'_> {
    type Output = Result<(), Status>;
    fn visit<E: Energy<f32>, const N: usize>(self, energy: &E) -> Self::Output {
        let Some(x) = self.x.first_chunk_mut::<N>() else { return Err(Status::Short) };
        let mut state = State::new(energy, *x);
        if !Scalar::is_finite(state.energy) {
            return Err(Status::Domain);
        }
        let rng = &mut MeanFree { rng: self.stream, symmetry: energy.symmetry() };
        let params = langevin::Params { step_size: self.step_size };
        let mut workspace = Workspace::new(x);
        let mut sum = 0.0;
        for _ in 0..self.steps {
            sum += langevin::step(rng, &mut state, &params, energy, &mut workspace).acceptance;
        }
        *x = state.position;
        self.acceptance.write(sum / self.steps as f32);
        Ok(())
    }
}

/// Moves x by `steps` steps of MALA with step size h (the proposal's noise has variance 2h) and tells the mean
/// acceptance. Random numbers are those of (seed, index): to go on, call again with another index. Particles keep their
/// mean.
///
/// # Safety
/// `target` is a text ended by a zero byte, `x` holds `x_length` numbers that can be written, `acceptance` has room for
/// one; none overlaps another. Any pointer may be null or misaligned, any length too small.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kiln_mala(
    target: *const c_char,
    seed: u64,
    index: u64,
    step_size: f32,
    steps: u32,
    x: *mut f32,
    x_length: usize,
    acceptance: *mut f32,
) -> Status {
    let run = || {
        // SAFETY: all are promised by the caller.
        let (name, x, acceptance) =
            unsafe { (buffer::text(target)?, buffer::change(x, x_length)?, buffer::slot(acceptance)?) };
        if !(step_size > 0.0 && step_size.is_finite() && steps > 0) {
            return Err(Status::Parameter);
        }
        let stream = Stream::new(seed, Purpose::Polish, index);
        target::visit(name, Chain { stream, step_size, steps, x, acceptance })?
    };
    run().into()
}
