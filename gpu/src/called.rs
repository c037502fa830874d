//! Energies that are called rather than computed here: a function of another language, a library, a service. A call costs much
//! before it does anything, so one call gets the rows of several packs.
//!
//! Packs of chains are moved side by side, one a thread; whoever asks for an energy leaves its rows and waits, and the last to
//! come makes the call for all. Rows do not know each other, so that results do not depend on who was called with whom.

use crate::pack::{LANES, Pack, load, store};
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Scalar};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long rows wait for others: at the end of a batch nobody else comes.
const PATIENCE: Duration = Duration::from_millis(2);

/// A function of many points at once.
pub trait Call: Send + Sync {
    /// Coordinates of a point.
    fn dim(&self) -> usize;

    /// E of `x` (rows, dim) into `energies` (rows), ∇E into `gradients` (rows, dim).
    fn call(&self, x: &[f64], energies: &mut [f64], gradients: &mut [f64]);

    /// What leaves the energy unchanged.
    fn symmetry(&self) -> Symmetry {
        Symmetry::None
    }
}

/// A called energy, as samplers take it.
pub struct Called<C> {
    function: C,
    rows: usize,
    patience: Duration,
    open: Mutex<Open>,
    news: Condvar,
}

/// What waits for the next call.
#[derive(Default)]
struct Open {
    rows: Vec<f64>,
    answer: Arc<OnceLock<Answer>>,
}

/// Energies and gradients of all rows of a call.
struct Answer {
    energies: Vec<f64>,
    gradients: Vec<f64>,
}

impl<C: Call> Called<C> {
    /// With up to so many rows a call, rounded up to whole packs.
    pub fn new(function: C, rows: usize) -> Self {
        Self {
            function,
            rows: rows.max(1).next_multiple_of(LANES),
            patience: PATIENCE,
            open: Mutex::default(),
            news: Condvar::new(),
        }
    }

    /// The same, with rows that wait so long for others.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the call for all that wait.
    fn answer(&self, waiting: Open) {
        let n = waiting.rows.len() / self.function.dim().max(1);
        let mut answer = Answer { energies: vec![0.0; n], gradients: vec![0.0; waiting.rows.len()] };
        self.function.call(&waiting.rows, &mut answer.energies, &mut answer.gradients);
        let _ = waiting.answer.set(answer);
        // Under the lock: who is about to wait does not miss it.
        let _open = self.lock();
        self.news.notify_all();
    }

    /// E and ∇E of one pack, by the next call.
    fn ask(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
        let dim = x.len();
        let mut rows = vec![0.0_f32; LANES * dim];
        store(x, &mut rows);
        let mut open = self.lock();
        let first = open.rows.len() / dim.max(1);
        open.rows.extend(rows.iter().map(|x| f64::from(*x)));
        let mine = Arc::clone(&open.answer);
        let mut due = open.rows.len() >= self.rows * dim;
        while mine.get().is_none() {
            if due && Arc::ptr_eq(&open.answer, &mine) {
                let waiting = std::mem::take(&mut *open);
                drop(open);
                self.answer(waiting);
                open = self.lock();
            } else {
                let waited = self.news.wait_timeout(open, self.patience).unwrap_or_else(PoisonError::into_inner);
                due = waited.1.timed_out();
                open = waited.0;
            }
        }
        drop(open);
        let Some(answer) = mine.get() else { return Pack::constant(f64::NAN) };
        let narrow: Vec<f32> = answer.gradients[first * dim..(first + LANES) * dim].iter().map(|g| *g as f32).collect();
        load(&narrow, gradient);
        Pack::from_lanes(|lane| answer.energies[first + lane] as f32)
    }
}

impl<C: Call> Energy<Pack> for Called<C> {
    fn dim(&self) -> usize {
        self.function.dim()
    }

    fn energy_and_gradient(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
        self.ask(x, gradient)
    }

    fn energy(&self, x: &[Pack]) -> Pack {
        self.ask(x, &mut vec![Pack::constant(0.0); x.len()])
    }

    fn symmetry(&self) -> Symmetry {
        self.function.symmetry()
    }

    fn together(&self) -> usize {
        self.rows
    }
}

/// Points that are asked for one by one, and all rows of a caller in calls of as many as it takes.
impl<C: Call> Energy<f64> for Called<C> {
    fn dim(&self) -> usize {
        self.function.dim()
    }

    fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut energy = [0.0];
        self.function.call(x, &mut energy, gradient);
        energy[0]
    }

    fn energy(&self, x: &[f64]) -> f64 {
        self.energy_and_gradient(x, &mut vec![0.0; x.len()])
    }

    fn energies_and_gradients(&self, x: &[f64], energies: &mut [f64], gradients: &mut [f64]) {
        let numbers = self.rows * self.function.dim().max(1);
        let calls = x.chunks(numbers).zip(gradients.chunks_mut(numbers)).zip(energies.chunks_mut(self.rows));
        calls.for_each(|((x, gradients), energies)| self.function.call(x, energies, gradients));
    }

    fn symmetry(&self) -> Symmetry {
        self.function.symmetry()
    }

    fn together(&self) -> usize {
        self.rows
    }
}
