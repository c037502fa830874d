//! An energy that is infinite outside the bounds of its coordinates, whoever asks: no sampler leaves a wall behind, and samples
//! that lie outside count as lost.

use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Mask, Scalar};
use kiln_explore::Bound;
use std::sync::Arc;

/// An energy within bounds. Their ends belong to the inside: whether an end is allowed the energy says.
pub struct Bounded<E: ?Sized> {
    energy: Arc<E>,
    /// Coordinate, lower and upper end, of those that have one.
    ends: Vec<(usize, f64, f64)>,
}

impl<E: ?Sized> Bounded<E> {
    /// Of an energy and where each of its coordinates may be.
    pub fn new(energy: Arc<E>, bounds: &[Bound]) -> Self {
        let bounded = bounds.iter().enumerate().filter(|(_, bound)| !bound.is_none());
        Self { energy, ends: bounded.map(|(at, bound)| (at, bound.low, bound.high)).collect() }
    }

    /// What E and its gradient at x become where x may lie outside.
    fn bound<S: Scalar>(&self, x: &[S], energy: S, gradient: &mut [S]) -> S {
        let bounded = self.choose(x, energy, S::constant(f64::INFINITY));
        if !bounded.is_finite().all() {
            gradient.iter_mut().for_each(|g| *g = self.choose(x, *g, S::zero()));
        }
        bounded
    }

    /// `inside` where x lies within, `outside` where not.
    fn choose<S: Scalar>(&self, x: &[S], inside: S, outside: S) -> S {
        let within = |value: S, (at, low, high): &(usize, f64, f64)| {
            let value = S::select(x[*at].lt(S::constant(*low)), outside, value);
            S::select(S::constant(*high).lt(x[*at]), outside, value)
        };
        self.ends.iter().fold(inside, within)
    }
}

impl<S: Scalar, E: Energy<S> + ?Sized> Energy<S> for Bounded<E> {
    fn dim(&self) -> usize {
        self.energy.dim()
    }

    fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
        let energy = self.energy.energy_and_gradient(x, gradient);
        self.bound(x, energy, gradient)
    }

    fn energies_and_gradients(&self, x: &[S], energies: &mut [S], gradients: &mut [S]) {
        self.energy.energies_and_gradients(x, energies, gradients);
        let dim = self.energy.dim().max(1);
        let rows = x.chunks_exact(dim).zip(gradients.chunks_exact_mut(dim));
        energies.iter_mut().zip(rows).for_each(|(energy, (x, gradient))| *energy = self.bound(x, *energy, gradient));
    }

    fn energy(&self, x: &[S]) -> S {
        self.choose(x, self.energy.energy(x), S::constant(f64::INFINITY))
    }

    fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }

    fn together(&self) -> usize {
        self.energy.together()
    }

    fn stopped(&self) -> bool {
        self.energy.stopped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_gpu::pack::Pack;

    /// Half of the sum of squares.
    struct Bowl;

    impl<S: Scalar> Energy<S> for Bowl {
        fn dim(&self) -> usize {
            3
        }
        fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
            gradient.copy_from_slice(x);
            self.energy(x)
        }
        fn energy(&self, x: &[S]) -> S {
            S::constant(0.5) * (x[0] * x[0] + x[1] * x[1] + x[2] * x[2])
        }
    }

    #[test]
    fn outside_the_energy_is_infinite_and_has_no_slope() {
        let bounds = [Bound::NONE, Bound { low: 0.0, high: f64::INFINITY }, Bound { low: -1.0, high: 2.0 }];
        let energy = Bounded::new(Arc::new(Bowl), &bounds);
        let points = [[9.0, 0.0, 2.0], [9.0, -1e-3, 0.0], [0.0, 1.0, 2.5], [0.0, 1.0, -1.5]];
        for (at, x) in points.iter().enumerate() {
            let (mut bounded, mut free) = ([1.0; 3], [1.0; 3]);
            let value = energy.energy_and_gradient(x, &mut bounded);
            let inside = Bowl.energy_and_gradient(x, &mut free);
            assert_eq!(value, energy.energy(x));
            let expected = if at == 0 { (inside, free) } else { (f64::INFINITY, [0.0; 3]) };
            assert_eq!((value, bounded), expected, "{x:?}");
            let (mut values, mut all) = ([0.0; 4], [0.0; 12]);
            energy.energies_and_gradients(points.as_flattened(), &mut values, &mut all);
            assert_eq!((values[at], &all[3 * at..][..3]), (value, &bounded[..]));
        }
        // Lane by lane.
        let x: Vec<Pack> = (0..3).map(|k| Pack::from_lanes(|lane| points[lane % 4][k] as f32)).collect();
        let mut gradient = vec![Pack::constant(1.0); 3];
        let value = energy.energy_and_gradient(&x, &mut gradient);
        for lane in 0..16 {
            assert_eq!(value.lane(lane).is_finite(), lane % 4 == 0);
            assert_eq!(gradient[0].lane(lane) == 0.0, lane % 4 != 0);
        }
    }
}
