//! Samples from a denoiser, by its probability-flow ODE (Song et al. 2021, eq. 13) in the form of Karras et al. 2022, eq. 1 with
//! sigma = v: dy/dv = (y - D(y, v)) / v. It takes a sample of the density that is noised by the largest v to one of the target.

use crate::backend::Backend;
use crate::network::score_network::ScoreNetwork;
use crate::noise::NoiseBatch;

/// rho of [`levels`].
const RHO: f64 = 7.0;

/// The noise levels of so many steps from `v_max` to `v_min` (Karras et al. 2022, eq. 5); the one after the last is 0.
pub fn levels(v_min: f64, v_max: f64, steps: usize) -> Vec<f32> {
    let [from, to] = [v_max, v_min].map(|v| v.powf(1.0 / RHO));
    let part = |step: usize| step as f64 / steps.saturating_sub(1).max(1) as f64;
    (0..steps).map(|step| (from + part(step) * (to - from)).powf(RHO) as f32).collect()
}

/// Takes rows y (rows, dim), noised by the first level, down all of them to no noise, in place: Heun's method (Karras et al.
/// 2022, algorithm 1), two evaluations of the network a step and row, one the last.
///
/// The last step goes half of the way to the denoiser, where theirs goes all of it: the slope falls to 0 with v, so that this
/// is Heun's step too. The mean of what a sample could have been has less variance than samples have, by a part of
/// v_min² over their squared width. One level alone is no way down: half of its noise stays.
///
/// # Panics
/// If y is no whole number of rows, or the network needs levels from a table.
pub fn bring_back<D: Backend>(net: &ScoreNetwork<D>, y: &mut [f32], levels: &[f32]) {
    let rows = y.len() / net.spec().dim();
    let at = |v: f32| NoiseBatch::from_ratios(vec![v; rows]);
    for (step, &v) in levels.iter().enumerate() {
        let denoised = net.denoise(y, &at(v));
        let Some(&next) = levels.get(step + 1) else {
            y.iter_mut().zip(&denoised).for_each(|(y, d)| *y = 0.5 * (*y + d));
            return;
        };
        let slope: Vec<f32> = y.iter().zip(&denoised).map(|(y, d)| (y - d) / v).collect();
        let ahead: Vec<f32> = y.iter().zip(&slope).map(|(y, slope)| y + (next - v) * slope).collect();
        let denoised = net.denoise(&ahead, &at(next));
        let slopes = slope.iter().zip(ahead.iter().zip(&denoised));
        y.iter_mut().zip(slopes).for_each(|(y, (slope, (ahead, d)))| {
            *y += (next - v) * 0.5 * (slope + (ahead - d) / next);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixture::{Cell, Mixture, MixtureBlock};
    use crate::{Body, Cpu, ScoreSpec};
    use kiln_core::random::{Purpose, Randomness, Stream};
    use std::sync::Arc;

    /// The exact denoiser of a mixture: F of a guided network begins as 0.
    fn exact(mixture: Mixture) -> ScoreNetwork<Cpu> {
        let spec = ScoreSpec::Guided { body: Body::Mlp { hidden: 4, depth: 1 }, mixture: Arc::new(mixture) };
        ScoreNetwork::new(&Cpu::default(), spec, &mut || 0.5).unwrap()
    }

    #[test]
    fn levels_fall_from_the_largest_to_the_smallest() {
        let found = levels(0.01, 3.0, 20);
        assert_eq!(found.len(), 20);
        assert!((found[0] - 3.0).abs() < 1e-6 && (found[19] - 0.01).abs() < 1e-8, "{found:?}");
        assert!(found.windows(2).all(|pair| pair[0] > pair[1]));
        assert_eq!(levels(0.01, 3.0, 1), [3.0]);
    }

    #[test]
    fn a_gaussian_is_shrunk_as_the_solution_says() {
        // No block: N(0, 1). Its solution is y(0) = y / sqrt(1 + v^2).
        let net = exact(Mixture::new(2, vec![]).unwrap());
        let start = [3.0, -1.0, 0.5, 2.0];
        let error = |steps: usize| {
            let mut y = start;
            bring_back(&net, &mut y, &levels(1e-3, 4.0, steps));
            let truth = start.iter().map(|y| y / 17.0_f32.sqrt());
            y.iter().zip(truth).map(|(y, t)| (y - t).abs()).fold(0.0, f32::max)
        };
        let [ten, twenty, forty] = [10, 20, 40].map(error);
        // Second order: a quarter for twice the steps.
        assert!(twenty < 0.35 * ten && forty < 0.35 * twenty && forty < 2e-3, "{ten} {twenty} {forty}");
    }

    #[test]
    fn the_last_step_keeps_the_variance() {
        // From v = 0.3, 4 % of the variance would be lost in the mean; what is left out is of fourth order.
        let net = exact(Mixture::new(1, vec![]).unwrap());
        let mut y = [1.0];
        bring_back(&net, &mut y, &[0.3]);
        let truth = 1.0 / 1.09_f32.sqrt();
        assert!((y[0] / truth - 1.0).abs() < 2e-3, "{y:?} {truth}");
    }

    #[test]
    fn draws_of_the_noised_mixture_become_draws_of_the_mixture() {
        let cell = |weight: f32, mean: f32, sd: f32| Cell {
            weight,
            mean: vec![mean],
            factor: vec![sd],
            axes: vec![1.0],
            variances: vec![sd * sd],
        };
        let cells = vec![cell(0.3, -2.0, 0.1), cell(0.7, 1.0, 0.3)];
        let block = MixtureBlock { coordinates: vec![0], cells, thresholds: vec![-0.524_400_5] };
        let mixture = Mixture::new(1, vec![block]).unwrap();
        let (n, v_max) = (20_000, 8.0);
        let mut stream = Stream::new(3, Purpose::Test, 0);
        let mut normal = |count: usize| {
            let mut z = vec![0.0_f32; count];
            stream.fill_normal(&mut z);
            z
        };
        let (z, noise) = (normal(2 * n), normal(n));
        let mut y: Vec<f32> = z.chunks_exact(2).map(|z| z[0]).collect();
        mixture.place(&z, &mut y);
        y.iter_mut().zip(&noise).for_each(|(y, e)| *y += v_max * e);
        let net = exact(mixture);
        bring_back(&net, &mut y, &levels(0.01, v_max.into(), 40));
        // Five standard errors of n draws, and 0.01 for 40 steps.
        let left: Vec<f64> = y.iter().filter(|y| **y < -1.0).map(|y| f64::from(*y)).collect();
        let (count, share) = (left.len() as f64, left.len() as f64 / n as f64);
        assert!((share - 0.3).abs() < 5.0 * (0.21 / n as f64).sqrt() + 0.01, "{share}");
        let mean = left.iter().sum::<f64>() / count;
        let sd = (left.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / count).sqrt();
        assert!((mean + 2.0).abs() < 0.02 && (sd / 0.1 - 1.0).abs() < 0.1, "{mean} {sd}");
    }
}
