//! From what C hands over to slices: the only place where pointers are followed.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
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

/// A buffer to read and to write.
///
/// # Safety
/// `length` values can be read and written at `pointer`, unless it is null or misaligned, and nobody else touches them
/// during `'a`.
pub unsafe fn change<'a, T: Copy>(pointer: *mut T, length: usize) -> Result<&'a mut [T], Status> {
    usable(pointer, length)?;
    // SAFETY: not null, aligned, not too long; that the values are there and nobody else's is the caller's promise.
    Ok(unsafe { slice::from_raw_parts_mut(pointer, length) })
}

/// A buffer to write, whatever it holds: C's buffers are seldom initialised.
///
/// # Safety
/// `length` values can be written at `pointer`, unless it is null or misaligned, and nobody else touches them during
/// `'a`.
pub unsafe fn room<'a, T: Copy>(pointer: *mut T, length: usize) -> Result<&'a mut [MaybeUninit<T>], Status> {
    usable(pointer, length)?;
    // SAFETY: not null, aligned, not too long; that there is room and nobody else's is the caller's promise. What is not
    // initialised is a `MaybeUninit`.
    Ok(unsafe { slice::from_raw_parts_mut(pointer.cast(), length) })
}

/// Room for one value.
///
/// # Safety
/// As [`room()`] with length 1.
pub unsafe fn slot<'a, T: Copy>(pointer: *mut T) -> Result<&'a mut MaybeUninit<T>, Status> {
    usable(pointer, 1)?;
    // SAFETY: not null, aligned; that there is room and nobody else's is the caller's promise.
    Ok(unsafe { &mut *pointer.cast() })
}

/// The first `length` values of some room, all of them `value` from now on; nothing where it is too short.
pub fn filled<T: Copy>(room: &mut [MaybeUninit<T>], length: usize, value: T) -> Option<&mut [T]> {
    let room = room.get_mut(..length)?;
    room.fill(MaybeUninit::new(value));
    // SAFETY: every value was written just now.
    Some(unsafe { room.assume_init_mut() })
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
