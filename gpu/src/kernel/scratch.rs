//! Buffers that are used again: a fresh allocation of a few hundred kilobytes costs a page fault every 4 KiB,
//! which is as dear as the arithmetic on it. Whoever calls a kernel owns them, and frees them by going away.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Each [`Scratch`] keeps free buffers up to this many numbers (256 MiB); what comes back to it beyond that is freed.
const KEPT_NUMBERS: usize = 64 << 20;

/// Numbers of a cache line. Buffers begin with one: vectors of padded rows straddle none.
const LINE: usize = 16;

#[derive(Default)]
struct Pool {
    free: Vec<Vec<f32>>,
    numbers: usize,
}

/// Free buffers for the kernels of a network, or of several that are used in turns. A clone is another handle on the same
/// buffers; their memory is freed with the last handle.
#[derive(Clone, Default)]
pub struct Scratch(Arc<Mutex<Pool>>);

impl Scratch {
    fn with_pool<R>(&self, f: impl FnOnce(&mut Pool) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many numbers the free buffers have room for.
    pub fn free_numbers(&self) -> usize {
        self.with_pool(|pool| pool.numbers)
    }

    /// A buffer of `len` numbers, **which may hold anything**: write before you read.
    pub(crate) fn take(&self, len: usize) -> Buffer {
        let found = self.with_pool(|pool| {
            let fits = |v: &Vec<f32>| v.len() >= len + LINE && v.len() <= 2 * len + LINE;
            let best = (0..pool.free.len()).filter(|&i| fits(&pool.free[i])).min_by_key(|&i| pool.free[i].len());
            best.map(|i| {
                let values = pool.free.swap_remove(i);
                pool.numbers -= values.len();
                values
            })
        });
        let values = found.unwrap_or_else(|| vec![0.0; len + LINE]);
        let start = values.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        Buffer { values, start, len, home: self.clone() }
    }

    /// Tells, also after this handle has gone, whether the buffers are still there.
    #[cfg(test)]
    pub(crate) fn alive(&self) -> impl Fn() -> bool + use<> {
        let pool = Arc::downgrade(&self.0);
        move || pool.strong_count() > 0
    }

    /// A buffer of zeros.
    pub(crate) fn zeros(&self, len: usize) -> Buffer {
        let mut buffer = self.take(len);
        buffer.fill(0.0);
        buffer
    }

    /// A buffer with the numbers of a slice.
    pub(crate) fn copy(&self, numbers: &[f32]) -> Buffer {
        let mut buffer = self.take(numbers.len());
        buffer.copy_from_slice(numbers);
        buffer
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("free_numbers", &self.free_numbers()).finish()
    }
}

/// A borrowed buffer; it goes back where it was taken from when dropped.
pub(crate) struct Buffer {
    values: Vec<f32>,
    start: usize,
    len: usize,
    home: Scratch,
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        self.home.with_pool(|pool| {
            if !values.is_empty() && pool.numbers + values.len() <= KEPT_NUMBERS {
                pool.numbers += values.len();
                pool.free.push(values);
            }
        });
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_the_length_asked_for_and_never_overlap() {
        let scratch = Scratch::default();
        let mut held: Vec<Buffer> = Vec::new();
        for round in 0..3 {
            for len in [0, 1, 1000, 1500, 1999] {
                let mut b = scratch.take(len);
                assert_eq!(b.len(), len);
                b.fill(len as f32 + round as f32);
                held.push(b);
            }
            for b in &held {
                assert!(b.iter().all(|&x| x == b.len() as f32 + round as f32));
            }
            held.clear();
        }
    }

    #[test]
    fn a_buffer_goes_back_where_it_was_taken_from() {
        let (one, other) = (Scratch::default(), Scratch::default());
        let buffer = one.take(1000);
        assert_eq!(one.free_numbers(), 0);
        drop(buffer);
        assert_eq!((one.free_numbers(), other.free_numbers()), (1000 + LINE, 0));
        let address = one.take(1000).as_ptr();
        let again = one.clone().take(999);
        assert!(again.as_ptr() == address && one.free_numbers() == 0, "used again");
        assert!(other.take(999).as_ptr() != address);
    }

    #[test]
    fn memory_is_freed_with_the_last_handle() {
        let scratch = Scratch::default();
        let alive = scratch.alive();
        let (lent, returned) = (scratch.take(1000), scratch.take(2000));
        drop(returned);
        drop(scratch);
        assert!(alive(), "a buffer is lent");
        drop(lent);
        assert!(!alive());
    }
}
