//! From what C hands over to slices: the only place where pointers are followed.

use core::ffi::{CStr, c_char};
use core::slice;

use crate::status::Status;

/// A pointer that may be followed for `length` values of `T`, as far as can be told.
fn usable<T>(pointer: *const T, length: usize) -> Result<(), Status> {
    if pointer.is_null() {
        return Err(Status::Null);
    }
    if !pointer.is_aligned() {
        return Err(Status::Misaligned);
    }
    // A slice must not be longer than half the address space.
    match length.checked_mul(size_of::<T>()) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
        _ => Err(Status::Parameter),
    }
}

/// A buffer to read.
///
/// # Safety
/// `length` values can be read at `pointer`, unless it is null or misaligned, and nobody writes them during `'a`.
pub unsafe fn read<'a, T: Copy>(pointer: *const T, length: usize) -> Result<&'a [T], Status> {
    usable(pointer, length)?;
    // SAFETY: not null, aligned, not too long; that the values are there is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// A buffer to write.
///
/// # Safety
/// `length` values can be read and written at `pointer`, unless it is null or misaligned, and nobody else touches them
/// during `'a`.
pub unsafe fn write<'a, T: Copy>(pointer: *mut T, length: usize) -> Result<&'a mut [T], Status> {
    usable(pointer, length)?;
    // SAFETY: not null, aligned, not too long; that the values are there and nobody else's is the caller's promise.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, length) })
}

/// One value to write.
///
/// # Safety
/// As [`write()`] with length 1.
pub unsafe fn slot<'a, T: Copy>(pointer: *mut T) -> Result<&'a mut T, Status> {
    usable(pointer, 1)?;
    // SAFETY: not null, aligned; that the value is there and nobody else's is the caller's promise.
    Ok(unsafe { &mut *pointer })
}

/// A text ended by a zero byte.
///
/// # Safety
/// Unless `pointer` is null, bytes can be read there up to and with a zero byte, and nobody writes them during `'a`.
pub unsafe fn text<'a>(pointer: *const c_char) -> Result<&'a [u8], Status> {
    usable(pointer, 1)?;
    // SAFETY: not null; that a zero byte ends it is the caller's promise.
    Ok(unsafe { CStr::from_ptr(pointer) }.to_bytes())
}
