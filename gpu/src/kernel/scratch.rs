//! Buffers that are used again: a fresh allocation of a few hundred kilobytes costs a page fault every 4 KiB,
//! which is as dear as the arithmetic on it.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Free buffers are kept up to this many numbers in all (256 MiB); what comes back beyond it is freed.
const KEPT_NUMBERS: usize = 64 << 20;

/// Numbers of a cache line. Buffers begin with one: vectors of padded rows straddle none.
const LINE: usize = 16;

#[derive(Default)]
struct Pool {
    free: Vec<Vec<f32>>,
    numbers: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { free: Vec::new(), numbers: 0 });

fn with_pool<R>(f: impl FnOnce(&mut Pool) -> R) -> R {
    f(&mut POOL.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A borrowed buffer; it goes back to the pool when dropped.
pub(crate) struct Buffer {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

/// A buffer of `len` numbers, **which may hold anything**: write before you read.
pub(crate) fn take(len: usize) -> Buffer {
    let found = with_pool(|pool| {
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
    Buffer { values, start, len }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        with_pool(|pool| {
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
        let mut held: Vec<Buffer> = Vec::new();
        for round in 0..3 {
            for len in [0, 1, 1000, 1500, 1999] {
                let mut b = take(len);
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
}
