//! Deployed models: what `kiln export` writes.

use kiln_core::artifact::{Artifact, Format, Model};

use crate::buffer;
use crate::status::Status;

/// What a model needs and gives.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelInfo {
    /// Coordinates of a sample.
    pub dimension: usize,
    /// Gaussian numbers that make one sample.
    pub latent: usize,
    /// Words of eight bytes that `kiln_model_sample` needs to work in.
    pub scratch: usize,
    /// Bits of a weight: 8 or 16 where the model computes in integers, 32 where it does in floats.
    pub weight_bits: u32,
}

fn check(bytes: &[u8]) -> Result<Model<'_>, Status> {
    if !bytes.as_ptr().cast::<u64>().is_aligned() {
        return Err(Status::Misaligned);
    }
    Artifact::check(bytes).map_err(|_| Status::Model)
}

/// Checks the bytes of a model, which stand at a multiple of 8, and tells what it needs.
///
/// # Safety
/// `model` holds `length` bytes, `info` has room for one; they do not overlap. Either may be null or misaligned, the
/// bytes may be any.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kiln_model_check(model: *const u8, length: usize, info: *mut ModelInfo) -> Status {
    let run = || {
        // SAFETY: both are promised by the caller.
        let (bytes, info) = unsafe { (buffer::read(model, length)?, buffer::slot(info)?) };
        let model = check(bytes)?;
        info.write(ModelInfo {
            dimension: model.dim(),
            latent: model.latent(),
            scratch: model.scratch(),
            weight_bits: match model.format() {
                Format::I8W16A => 8,
                Format::I16W16A => 16,
                Format::F32 => 32,
            },
        });
        Ok(())
    };
    run().into()
}

/// Draws the samples `first` to `first + count` of a seed, one after the other into `x`. Each is the same on every
/// machine and whatever else is drawn. Every call checks the model again, which reads all of it: draw many at a time.
///
/// # Safety
/// `model` holds `length` bytes, `scratch` has room for `scratch_length` words and `x` for `x_length` numbers; none
/// overlaps another. Any pointer may be null or misaligned, any length too small, the bytes may be any.
// SAFETY: the symbol is prefixed with the project's name, nothing else defines it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kiln_model_sample(
    model: *const u8,
    length: usize,
    seed: u64,
    first: u64,
    count: usize,
    scratch: *mut u64,
    scratch_length: usize,
    x: *mut f32,
    x_length: usize,
) -> Status {
    let run = || {
        // SAFETY: promised by the caller.
        let bytes = unsafe { buffer::read(model, length)? };
        // SAFETY: as above.
        let (scratch, x) = unsafe { (buffer::room(scratch, scratch_length)?, buffer::room(x, x_length)?) };
        let model = check(bytes)?;
        let needed = count.checked_mul(model.dim()).ok_or(Status::Parameter)?;
        if x.len() < needed {
            return Err(Status::Short);
        }
        let scratch = buffer::filled(scratch, model.scratch(), 0).ok_or(Status::Short)?;
        let x = buffer::filled(x, needed, 0.0).ok_or(Status::Short)?;
        for (index, sample) in x.chunks_exact_mut(model.dim()).enumerate() {
            let index = first.wrapping_add(index as u64);
            model.sample(seed, index, scratch, sample).map_err(|_| Status::Short)?;
        }
        Ok(())
    };
    run().into()
}
