//! The states of a record in the user's coordinates, thinned to what is kept, and what is watched of them.

use crate::ensemble::Record;
use crate::evidence::{Columns, cells};
use crate::whitened::{Scratch, Whitened};
use kiln_metrics::gaussians::Fit;

/// States (ladders, length, dim) and more.
pub struct Pool {
    /// The user's coordinates.
    pub rows: Vec<f64>,
    /// E of every state.
    pub energies: Vec<f64>,
    /// Its cell.
    pub cells: Vec<usize>,
    /// What is watched.
    pub columns: Columns,
}

impl Pool {
    /// Of a record, at most so many states a ladder; the fit says which cells there are.
    pub fn of(record: &Record, whitened: &Whitened<'_>, fit: Option<&Fit>, names: &[String], most: usize) -> Self {
        let (free, frames) = (whitened.frame.free(), record.frames());
        let stride = frames.div_ceil(most).max(1);
        let length = frames / stride;
        let mut scratch = Scratch::new(whitened.frame.dim());
        let (mut states, mut rows, mut energies) = (Vec::new(), Vec::new(), Vec::new());
        for trace in &record.traces {
            for frame in 0..length {
                // Counted from the end: the last is always kept.
                let at = frames - 1 - (length - 1 - frame) * stride;
                let u = &trace.cold[at * free..(at + 1) * free];
                states.extend_from_slice(u);
                whitened.position(u, &mut scratch);
                rows.extend_from_slice(&scratch.x);
                let slopes = whitened.bounds.iter().zip(&scratch.y).filter(|(bound, _)| !bound.is_none());
                let volume: f64 = slopes.map(|(bound, y)| bound.map(*y).log_slope).sum();
                energies.push(trace.energies[at] + whitened.frame.log_volume() + volume);
            }
        }
        let cells = cells(fit, &states, free);
        let columns = Columns::of(whitened.energy.symmetry(), names, &rows, &energies, &cells, length);
        Self { rows, energies, cells, columns }
    }
}
