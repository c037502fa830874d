//! How many threads may be inside at once.

use std::sync::{Condvar, Mutex, PoisonError};

/// A door for so many threads; for all where there is no number.
pub struct Gate {
    free: Option<Mutex<u32>>,
    changed: Condvar,
}

/// The right to be inside.
pub struct Turn<'a>(&'a Gate);

impl Gate {
    /// For so many at once; 0 for any number.
    pub fn new(threads: u32) -> Self {
        Self { free: (threads > 0).then(|| Mutex::new(threads)), changed: Condvar::new() }
    }

    /// Waits for a turn, which ends when it is dropped.
    pub fn enter(&self) -> Turn<'_> {
        if let Some(free) = &self.free {
            let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
            while *free == 0 {
                free = self.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
            }
            *free -= 1;
        }
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(free) = &self.0.free {
            *free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.0.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn most_inside(threads: u32) -> u32 {
        let (gate, inside, most) = (Gate::new(threads), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _turn = gate.enter();
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_micros(20));
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        most.into_inner()
    }

    #[test]
    fn no_more_than_may_are_inside() {
        assert_eq!(most_inside(1), 1);
        assert!(most_inside(3) <= 3);
        assert!(most_inside(0) > 3, "nobody waits where all may enter");
    }
}
