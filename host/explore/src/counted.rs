//! An energy whose evaluations are counted: one is one point, with or without gradient.
//!
//! Chains await their energies. Of an energy that is computed they have them at once, each chain on a thread. Of one that is called
//! ([`Energy::together`]) all chains stop at their next points, and one call evaluates these.

use kiln_core::Energy;
use kiln_core::symmetry::Symmetry;
use rayon::prelude::*;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// An energy over run-time points that several threads may evaluate.
pub type PointEnergy<'a> = dyn Energy<f64> + Sync + 'a;

/// The only door to the energy that is explored.
pub struct Counted<'a> {
    energy: &'a PointEnergy<'a>,
    evaluations: AtomicU64,
    next: Mutex<Next>,
}

/// The next call, and what the last one gave.
#[derive(Default)]
struct Next {
    rows: Vec<f64>,
    energies: Vec<f64>,
    gradients: Vec<f64>,
}

impl<'a> Counted<'a> {
    /// Begins at zero.
    pub fn new(energy: &'a PointEnergy<'a>) -> Self {
        Self { energy, evaluations: AtomicU64::new(0), next: Mutex::default() }
    }

    /// Coordinates of a point.
    pub fn dim(&self) -> usize {
        self.energy.dim()
    }

    /// What leaves the energy unchanged.
    pub fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }

    /// Evaluations so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// E(x) and ∇E(x), now.
    pub fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.energy.energy_and_gradient(x, gradient)
    }

    /// E(x), now.
    pub fn energy(&self, x: &[f64]) -> f64 {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        self.energy.energy(x)
    }

    /// E(x) and ∇E(x) within [`Counted::each`], with the points of others where the energy is called.
    pub async fn evaluate(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        if self.energy.together() <= 1 {
            return self.energy_and_gradient(x, gradient);
        }
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        let (dim, mut place) = (x.len().max(1), None);
        std::future::poll_fn(|_| {
            let mut next = self.lock();
            match place {
                None => {
                    place = Some(next.rows.len() / dim);
                    next.rows.extend_from_slice(x);
                    Poll::Pending
                }
                Some(place) => {
                    gradient.copy_from_slice(&next.gradients[place * dim..][..dim]);
                    Poll::Ready(next.energies[place])
                }
            }
        })
        .await
    }

    /// What becomes of each item, whose energies are those of [`Counted::evaluate`]; the same on however many threads, and
    /// however many points a call takes.
    pub fn each<T: Send, R: Send>(&self, items: Vec<T>, what: impl AsyncFn(usize, T) -> R + Sync) -> Vec<R> {
        if self.energy.together() <= 1 {
            return items.into_par_iter().enumerate().map(|(at, item)| now(what(at, item))).collect();
        }
        let mut done: Vec<Option<R>> = items.iter().map(|_| None).collect();
        let mut waiting = items.into_iter().enumerate();
        let mut under_way: Vec<(usize, Pin<Box<_>>)> = Vec::new();
        loop {
            let free = self.energy.together() - under_way.len();
            under_way.extend(waiting.by_ref().take(free).map(|(at, item)| (at, Box::pin(what(at, item)))));
            if under_way.is_empty() {
                return done.into_iter().flatten().collect();
            }
            under_way.retain_mut(|(at, item)| match item.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => {
                    done[*at] = Some(result);
                    false
                }
                Poll::Pending => true,
            });
            self.call();
        }
    }

    /// Evaluates the points that wait.
    fn call(&self) {
        let Next { rows, energies, gradients } = &mut *self.lock();
        energies.resize(rows.len() / self.dim().max(1), 0.0);
        gradients.resize(rows.len(), 0.0);
        if !rows.is_empty() {
            self.energy.energies_and_gradients(rows, energies, gradients);
        }
        rows.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of what waits for nothing.
fn now<R>(what: impl Future<Output = R>) -> R {
    let mut what = pin!(what);
    loop {
        if let Poll::Ready(result) = what.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
    }
}
