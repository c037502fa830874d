//! An energy in the coordinates u of a [`Frame`], in which it has about mean 0 and covariance 1: what a generator with a frame
//! is trained on. exp(-E(u)) is the density of u where x = φ(m + L u) has that of the energy, but for a constant:
//! E(u) = E(x) - Σ log |φ'(y)|, y = m + L u.

use crate::error::Error;
use crate::frame::Frame;
use crate::target::Target;
use kiln_core::frame::{InvalidFrame, Mapped};
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Scalar as _};
use kiln_gpu::pack::{Pack, PackEnergy};
use kiln_gpu::posterior;
use std::cell::RefCell;

/// A target in the coordinates that its generator is trained in: those of a frame where there is one, its own otherwise.
pub struct FramedTarget<'a> {
    /// The target.
    pub target: &'a Target,
    /// The frame of its generator.
    pub frame: Option<&'a Frame>,
    framed: Option<Framed<'a>>,
}

impl<'a> FramedTarget<'a> {
    /// Of a target and the frame of its generator.
    ///
    /// # Errors
    /// None: frames are checked when they are made.
    pub fn new(target: &'a Target, frame: Option<&'a Frame>) -> Result<Self, Error> {
        let framed = frame.map(|frame| Framed::new(target.training(), frame)).transpose();
        let framed = framed.map_err(|error| Error::input(error.to_string(), "explore anew"))?;
        Ok(Self { target, frame, framed })
    }

    /// What training asks.
    pub fn energy(&self) -> &PackEnergy<'_> {
        match &self.framed {
            Some(framed) => framed,
            None => self.target.training(),
        }
    }

    /// Energies of samples u (n, dim) and their gradients by u (n, dim), one evaluation each.
    pub fn energies_and_gradients(&self, u: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let mut gradients = vec![0.0; u.len()];
        let energies = posterior::energies(self.energy(), u, &mut gradients);
        let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect();
        (wide(energies), wide(gradients))
    }

    /// Samples (n, dim) of the target from those of the network.
    pub fn placed(&self, mut u: Vec<f32>) -> Vec<f32> {
        if let Some(framed) = &self.framed {
            u.chunks_exact_mut(framed.frame.dim()).for_each(|row| framed.frame.apply(row));
        }
        u
    }
}

/// An energy over u.
pub struct Framed<'a> {
    energy: &'a PackEnergy<'a>,
    frame: kiln_core::frame::Frame<'a>,
}

/// What an evaluation writes to, one number a coordinate.
#[derive(Default)]
struct Scratch {
    x: Vec<Pack>,
    by_x: Vec<Pack>,
    slopes: Vec<[Pack; 2]>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl<'a> Framed<'a> {
    /// Of an energy over as many coordinates as the frame has.
    ///
    /// # Errors
    /// None: frames are checked when they are made.
    pub fn new(energy: &'a PackEnergy<'a>, frame: &'a Frame) -> Result<Self, InvalidFrame> {
        Ok(Self { energy, frame: frame.as_core()? })
    }

    /// Puts x and what changes with it into the scratch; the log volume.
    fn place(&self, u: &[Pack], scratch: &mut Scratch) -> Pack {
        let (bounds, mut volume) = (self.frame.bounds(), Pack::constant(0.0));
        scratch.x.clear();
        scratch.slopes.clear();
        for row in 0..self.frame.dim() {
            let Mapped { x, slope, log_slope, log_slope_slope } = bounds.get(row).map(self.frame.located(row, u));
            scratch.x.push(x);
            scratch.slopes.push([slope, log_slope_slope]);
            volume += log_slope;
        }
        volume
    }

    fn evaluate(&self, u: &[Pack], gradient: &mut [Pack], scratch: &mut Scratch) -> Pack {
        let volume = self.place(u, scratch);
        let Scratch { x, by_x, slopes } = scratch;
        by_x.resize(x.len(), Pack::constant(0.0));
        let energy = self.energy.energy_and_gradient(x, by_x);
        if !self.frame.bounds().is_none() {
            by_x.iter_mut().zip(&*slopes).for_each(|(g, [slope, bend])| *g = *g * *slope - *bend);
        }
        self.frame.pull_back(by_x, gradient);
        energy - volume
    }
}

impl Energy<Pack> for Framed<'_> {
    fn dim(&self) -> usize {
        self.frame.dim()
    }

    fn energy_and_gradient(&self, u: &[Pack], gradient: &mut [Pack]) -> Pack {
        SCRATCH.with_borrow_mut(|scratch| self.evaluate(u, gradient, scratch))
    }

    fn energy(&self, u: &[Pack]) -> Pack {
        SCRATCH.with_borrow_mut(|scratch| {
            let volume = self.place(u, scratch);
            self.energy.energy(&scratch.x) - volume
        })
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
    use kiln_core::frame::Bound;
    use kiln_core::random::{Purpose, Randomness, Stream};

    /// ½ (x - 1)² of every coordinate, and half of the products of neighbours.
    struct Bowl;

    impl Energy<Pack> for Bowl {
        fn dim(&self) -> usize {
            4
        }
        fn energy_and_gradient(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
            let (one, half) = (Pack::constant(1.0), Pack::constant(0.5));
            for i in 0..4_usize {
                let neighbours = [i.checked_sub(1), Some(i + 1).filter(|i| *i < 4)].into_iter().flatten();
                gradient[i] = neighbours.fold(x[i] - one, |sum, at| sum + half * x[at]);
            }
            self.energy(x)
        }
        fn energy(&self, x: &[Pack]) -> Pack {
            let (one, half) = (Pack::constant(1.0), Pack::constant(0.5));
            let squares = x.iter().fold(Pack::constant(0.0), |sum, x| sum + half * (*x - one) * (*x - one));
            x.windows(2).fold(squares, |sum, pair| sum + half * pair[0] * pair[1])
        }
    }

    const BOUNDS: [Bound<f32>; 4] =
        [Bound::None, Bound::Low(-1.5), Bound::High(2.5), Bound::Both { low: -1.0, high: 3.0 }];

    fn frames() -> [Frame; 3] {
        let centre = vec![0.5, -0.25, 0.5, 0.5];
        let rows = vec![1.5, 0.25, 0.5, -0.5, 0.75, 1.0, 0.0, 0.125, -0.5, 0.75];
        [
            Frame::of_triangle(centre.clone(), rows.clone(), &BOUNDS).unwrap(),
            Frame::of_triangle(centre.clone(), rows, &[]).unwrap(),
            Frame::of_widths(centre, vec![1.5, 0.5, 1.0, 0.75], &BOUNDS).unwrap(),
        ]
    }

    fn points() -> Vec<Pack> {
        let mut stream = Stream::new(3, Purpose::Test, 0);
        let mut u = vec![0.0_f32; 4 * 16];
        stream.fill_normal(&mut u);
        (0..4).map(|k| Pack::from_lanes(|lane| u[4 * lane + k])).collect()
    }

    #[test]
    fn gradients_are_those_of_the_energy() {
        let u = points();
        for frame in frames() {
            let framed = Framed::new(&Bowl, &frame).unwrap();
            let mut gradient = vec![Pack::constant(0.0); 4];
            let energy = framed.energy_and_gradient(&u, &mut gradient);
            assert_eq!(energy, framed.energy(&u));
            for k in 0..4 {
                let at = |h: f32| {
                    let mut u = u.clone();
                    u[k] += Pack::splat(h);
                    framed.energy(&u)
                };
                let (up, down) = (at(0.01), at(-0.01));
                for lane in 0..16 {
                    let numeric = (up.lane(lane) - down.lane(lane)) / 0.02;
                    let found = gradient[k].lane(lane);
                    assert!((numeric - found).abs() < 2e-3 * (1.0 + found.abs()), "{k} {lane}: {numeric} {found}");
                }
            }
        }
    }

    #[test]
    fn it_stands_where_the_generator_puts_its_samples() {
        let u = points();
        for frame in frames() {
            let framed = Framed::new(&Bowl, &frame).unwrap();
            let mut x = u.clone();
            frame.as_core().unwrap().apply(&mut x);
            let bounds = frame.as_core().unwrap().bounds();
            let volume = (0..4).map(|k| bounds.get(k).map(framed.frame.located(k, &u)).log_slope);
            let volume = volume.fold(Pack::constant(0.0), |sum, log_slope| sum + log_slope);
            assert_eq!(framed.energy(&u), Bowl.energy(&x) - volume, "to the bit");
        }
    }

    /// The density of u integrates to the same as that of x: the Jacobian is right, and not only its derivative.
    #[test]
    fn the_constant_is_that_of_the_energy_over_the_factor() {
        /// A standard Gaussian, cut off at its bounds.
        struct One;
        impl Energy<Pack> for One {
            fn dim(&self) -> usize {
                1
            }
            fn energy_and_gradient(&self, x: &[Pack], gradient: &mut [Pack]) -> Pack {
                gradient.copy_from_slice(x);
                self.energy(x)
            }
            fn energy(&self, x: &[Pack]) -> Pack {
                Pack::constant(0.5) * x[0] * x[0]
            }
        }
        // √(2π) Φ over the allowed part.
        let truths = [2.506_628, 2.339_166, 2.491_063, 2.105_555];
        for (bound, truth) in BOUNDS.into_iter().zip(truths) {
            let frame = Frame::of_widths(vec![0.25], vec![2.0], &[bound]).unwrap();
            let framed = Framed::new(&One, &frame).unwrap();
            let step = 20.0 / 16.0 / 400.0;
            let sum: f64 = (0..400)
                .map(|i| {
                    let u = Pack::from_lanes(|lane| -10.0 + step * (16 * i + lane) as f32);
                    let energy = framed.energy(&[u]);
                    (0..16).map(|lane| (-energy.lane_f64(lane)).exp()).sum::<f64>()
                })
                .sum();
            let mass = 2.0 * f64::from(step) * sum;
            assert!((mass - truth).abs() < 2e-3 * truth, "{bound:?}: {mass} for {truth}");
        }
    }
}
