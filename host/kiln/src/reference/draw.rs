//! Frames from an exploration: which of its states they are.

use super::manifest::Explored;
use super::{Drawn, Method, OVER, Order};
use crate::error::Error;
use crate::exploration;
use crate::progress::Progress;
use crate::target::Target;
use kiln_core::random::{Purpose, Stream};
use kiln_explore::symmetry::{apply_random, shuffle};
use kiln_explore::{Bound, Enough, Exploration, Settings};
use rayon::prelude::*;
use std::sync::atomic::AtomicBool;

/// R-hat at which there is enough: a little below the limit, since fewer states are judged.
const AGREED: f64 = 1.007;
/// States a ladder that are judged at least, so that diagnostics mean something; of those too many for the file some are left
/// out at random.
const LEAST_FRAMES: usize = 100;
/// Added to the seed of an exploration: no person can give such a one, so that a pool of the same seed is another set.
const APART: u64 = 1 << 63;
/// Streams of frames' symmetries and of their order.
const SYMMETRY_STREAMS: u64 = 2 << 40;
const ORDER_STREAM: u64 = 3 << 40;

/// What is asked of the exploration behind a reference.
pub fn settings(target: &Target, order: &Order) -> Settings {
    let asked = exploration::settings(target, order.evaluations(), order.seed | APART);
    let effective = OVER * order.effort * order.n as f64;
    Settings { enough: Some(Enough { effective, r_hat: AGREED, states: order.n }), ..asked }
}

/// Frames of an exploration.
///
/// # Errors
/// If it is refused or interrupted, or leaves too few states.
pub fn explored(target: &Target, order: &Order, progress: &dyn Progress, stop: &AtomicBool) -> Result<Drawn, Error> {
    let settings = settings(target, order);
    let found = exploration::find(target, &settings, progress, stop)?;
    let Exploration { dim, ladders, frames, .. } = found;
    if ladders * frames < order.n {
        let (title, all, n) = (target.title(), ladders * frames, order.n);
        let message = format!("the exploration of {title} left {all} states, and a reference of {n} frames is wanted");
        let more = 4.0 * order.evaluations() as f64;
        return Err(Error::verdict(message, format!("nothing was written; try -n {all}, or --evaluations {more:.0e}")));
    }
    // As far apart as there are enough of them, the last of every ladder among them.
    let wanted = order.n.div_ceil(ladders).max(LEAST_FRAMES).min(frames);
    let apart = frames / wanted;
    let length = frames / apart;
    let of_ladder = |ladder: usize| (1..=length).rev().map(move |back| (ladder + 1) * frames - 1 - (back - 1) * apart);
    let chosen: Vec<usize> = (0..ladders).flat_map(of_ladder).collect();
    let rows: Vec<f64> = chosen.iter().flat_map(|at| &found.rows[at * dim..][..dim]).copied().collect();
    let cells = chosen.iter().filter_map(|at| found.cells.get(*at).copied()).collect();

    let mut narrow: Vec<f32> = rows.iter().zip(settings.bounds.iter().cycle()).map(|(x, b)| within(*b, *x)).collect();
    narrow.par_chunks_exact_mut(dim).enumerate().for_each(|(frame, x)| {
        let mut stream = Stream::new(order.seed, Purpose::Reference, SYMMETRY_STREAMS + frame as u64);
        apply_random(target.symmetry(), x, &mut stream);
    });
    let mut at_random: Vec<usize> = (0..chosen.len()).collect();
    shuffle(&mut at_random, &mut Stream::new(order.seed, Purpose::Reference, ORDER_STREAM));
    let data = at_random.iter().take(order.n).flat_map(|row| &narrow[row * dim..][..dim]).copied().collect();
    let evaluations = found.evaluations;
    let method = Method::Exploration(Box::new(Explored {
        evaluations: settings.evaluations,
        kind: found.kind,
        ladders,
        states_per_ladder: frames,
        states_between_frames: apart,
        frames_per_ladder: length,
        effective_sample_size: found.effective(),
        r_hat: found.r_hat(),
        barrier: found.barrier,
        round_trips: found.trips,
        log_z: found.log_z.map(|(value, error)| [value, error]),
        betas: found.betas,
        left_out: found.left_out,
        reasons: found.reasons,
    }));
    Ok(Drawn { data, rows, cells, length, method, evaluations })
}

/// A coordinate in f32 that rounding does not put on an end of where it may be.
fn within(bound: Bound, x: f64) -> f32 {
    let rounded = x as f32;
    match f64::from(rounded) {
        at if at <= bound.low && x > bound.low => rounded.next_up(),
        at if at >= bound.high && x < bound.high => rounded.next_down(),
        _ => rounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_puts_no_frame_on_a_bound() {
        let bound = Bound { low: 0.0, high: 1.0 };
        for x in [1e-60, 1e-3, 0.5, 1.0 - 1e-12] {
            let narrow = within(bound, x);
            assert!(bound.holds(f64::from(narrow)) && (f64::from(narrow) - x).abs() < 1e-7, "{x}: {narrow}");
        }
        assert_eq!(within(Bound::NONE, 0.1), 0.1_f32);
    }
}
