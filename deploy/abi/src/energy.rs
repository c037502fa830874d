//! Energies with their gradients.

use core::ffi::c_char;
use core::mem::MaybeUninit;
use core::ptr;

use kiln_core::Energy;

use crate::buffer;
use crate::status::Status;
use crate::target::{self, Visitor};

/// The name of a target, counted from 0; null after the last. Static, ended by a zero byte.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub extern "C" fn kiln_target_name(index: usize) -> *const c_char {
    target::NAMES.get(index).map_or(ptr::null(), |name| name.as_ptr())
}

struct Dimension;

impl Visitor for Dimension {
    type Output = usize;
    fn visit<E: Energy<f32>, const N: usize>(self, _: &E) -> usize {
        N
    }
}

/// How many coordinates a target has.
///
/// # Safety
/// `target` is a text ended by a zero byte, `dimension` has room for one number; either may be null.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kiln_target_dimension(target: *const c_char, dimension: *mut usize) -> Status {
    let run = || {
        // SAFETY: both are promised by the caller.
        let (name, dimension) = unsafe { (buffer::text(target)?, buffer::slot(dimension)?) };
        dimension.write(target::visit(name, Dimension)?);
        Ok(())
    };
    run().into()
}

struct Evaluation<'a> {
    x: &'a [f32],
    gradient: &'a mut [MaybeUninit<f32>],
    energy: &'a mut MaybeUninit<f32>,
}

impl Visitor for Evaluation<'_> {
    type Output = Result<(), Status>;
    fn visit<E: Energy<f32>, const N: usize>(self, energy: &E) -> Self::Output {
        let Some(x) = self.x.first_chunk::<N>() else { return Err(Status::Short) };
        let gradient = buffer::filled(self.gradient, N, 0.0).and_then(<[f32]>::first_chunk_mut::<N>);
        let Some(gradient) = gradient else { return Err(Status::Short) };
        self.energy.write(energy.energy_and_gradient(x, gradient));
        Ok(())
    }
}

/// E(x) and its gradient. Where E is infinite or not a number, x lies outside the target's domain.
///
/// # Safety
/// `target` is a text ended by a zero byte, `x` holds `x_length` numbers, `gradient` has room for `gradient_length`, and
/// `energy` for one; none overlaps another. Any pointer may be null or misaligned, any length too small.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kiln_energy(
    target: *const c_char,
    x: *const f32,
    x_length: usize,
    energy: *mut f32,
    gradient: *mut f32,
    gradient_length: usize,
) -> Status {
    let run = || {
        // SAFETY: all are promised by the caller.
        let (name, x) = unsafe { (buffer::text(target)?, buffer::read(x, x_length)?) };
        // SAFETY: as above.
        let (energy, gradient) = unsafe { (buffer::slot(energy)?, buffer::room(gradient, gradient_length)?) };
        target::visit(name, Evaluation { x, gradient, energy })?
    };
    run().into()
}
