//! Work that takes long, on a thread of its own: the interpreter's thread waits for it without the lock, looks for Ctrl-C, and
//! tells how far it is.

use crate::error::exception;
use crate::function::Failure;
use kiln::error::Error;
use kiln::progress::{Part, Progress, Tick};
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What has been told, for the next look.
#[derive(Debug, Default)]
struct Told {
    /// Which part is shown.
    part: u64,
    name: String,
    total: u64,
    done: u64,
    quality: String,
    notes: Vec<String>,
    changed: bool,
}

/// Where threads tell how far they are.
#[derive(Debug, Default)]
pub struct Teller {
    told: Mutex<Told>,
    parts: AtomicU64,
}

impl Teller {
    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands what is new to `callback(name, done, total, quality)` and `callback.note(text)`.
    fn tell(&self, callback: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (notes, step) = {
            let mut told = self.lock();
            let step = told.changed.then(|| (told.name.clone(), told.done, told.total, told.quality.clone()));
            told.changed = false;
            (std::mem::take(&mut told.notes), step)
        };
        let Some(callback) = callback else { return Ok(()) };
        for note in notes {
            callback.call_method1("note", (note,))?;
        }
        if let Some(step) = step {
            callback.call_method1("step", step)?;
        }
        Ok(())
    }
}

impl Progress for Teller {
    fn part<'a>(&'a self, part: Part<'a>) -> Box<dyn Tick + 'a> {
        let number = self.parts.fetch_add(1, Ordering::Relaxed) + 1;
        let name = if part.doing.is_empty() { part.name.into() } else { format!("{} {}", part.name, part.doing) };
        let mut told = self.lock();
        let notes = std::mem::take(&mut told.notes);
        *told = Told { part: number, name, total: part.total, notes, changed: true, ..Told::default() };
        Box::new(OfPart { teller: self, number })
    }

    fn note(&self, text: &str) {
        self.lock().notes.push(text.into());
    }
}

/// One part.
struct OfPart<'a> {
    teller: &'a Teller,
    number: u64,
}

impl Tick for OfPart<'_> {
    fn step(&self, done: u64) {
        let mut told = self.teller.lock();
        if told.part == self.number {
            (told.done, told.changed) = (done, true);
        }
    }

    fn quality(&self, text: &str) {
        let mut told = self.teller.lock();
        if told.part == self.number {
            (told.quality, told.changed) = (text.into(), true);
        }
    }
}

/// What is done where something ends the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is asked to stop, and keeps what there is.
    Kept,
    /// There is nothing to keep: the energy is not called again, so that the rest takes a moment.
    AtOnce,
}

/// Does the work, on another thread. An exception of the energy, of the callback, and Ctrl-C end it, and are what is raised.
pub fn watched<R: Send>(
    py: Python<'_>,
    failure: Option<&Failure>,
    callback: Option<&Bound<'_, PyAny>>,
    ending: Ending,
    work: impl FnOnce(&dyn Progress, &AtomicBool) -> Result<R, Error> + Send,
) -> PyResult<R> {
    let (teller, stop) = (Teller::default(), AtomicBool::new(false));
    let mut raised: Option<PyErr> = None;
    let callback = callback.map(|callback| callback.clone().unbind());
    let done = py.detach(|| {
        std::thread::scope(|scope| {
            let (running, ended) = mpsc::channel::<()>();
            let (teller, stop) = (&teller, &stop);
            let worker = scope.spawn(move || {
                let _running = running;
                work(teller, stop)
            });
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PAUSE) {
                let looked = Python::attach(|py| {
                    py.check_signals()?;
                    teller.tell(callback.as_ref().map(|callback| callback.bind(py)))
                });
                if let (Err(exception), None) = (looked, &raised) {
                    if let (Some(failure), Ending::AtOnce) = (failure, ending) {
                        failure.keep(Python::attach(|py| exception.clone_ref(py)));
                    }
                    raised = Some(exception);
                }
                if raised.is_some() || failure.is_some_and(Failure::is_set) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            worker.join()
        })
    });
    if raised.is_none() {
        teller.tell(callback.as_ref().map(|callback| callback.bind(py)))?;
    }
    if let Some(exception) = failure.and_then(Failure::take) {
        return Err(exception);
    }
    let done = match done {
        Ok(done) => done,
        Err(_) => {
            return Err(crate::error::raised(
                py,
                "Defect",
                "a thread of Kiln panicked",
                "this is a defect of Kiln: report it",
            ));
        }
    };
    match (done, raised) {
        (Ok(done), None) => Ok(done),
        (Err(error), None) => Err(exception(py, &error)),
        (_, Some(raised)) => Err(raised),
    }
}
