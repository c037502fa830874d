//! Targets: the ones that Kiln brings, and [`Problem`], which makes one of any energy.

use crate::dynamics::Dynamics;
use crate::target_api::{Structure, Target};
use kiln_core::energy::{DoubleWell, LennardJones, MOG40_STANDARD_DEVIATION, ManyWell, Pairs, mog40};
use kiln_core::random::{Purpose, Stream};
use kiln_core::symmetry::Symmetry;
use kiln_core::{Energy, Lanes};
use kiln_gpu::posterior::{self, EnergyTarget, LANES};

/// An energy that can be trained on and evaluated: one implementation of [`Energy`], generic over its scalar, is all
/// it takes.
pub trait TrainableEnergy<const N: usize>: Energy<f64, N> + Energy<Lanes<LANES>, N> + Send + Sync {}

impl<E: Energy<f64, N> + Energy<Lanes<LANES>, N> + Send + Sync, const N: usize> TrainableEnergy<N> for E {}

/// Draws one exact sample of an energy.
pub type ExactSampler<E, const N: usize> = fn(&E, &mut Stream) -> [f64; N];

/// An energy with a name and what is known of its distribution.
pub struct Problem<E, const N: usize> {
    name: String,
    title: String,
    summary: String,
    convention: String,
    energy: EnergyTarget<E, N>,
    /// What training sees, where it is not the energy itself.
    surrogate: Option<EnergyTarget<E, N>>,
    structure: Structure,
    mean_energy: Option<f64>,
    window: Option<[f64; 4]>,
    exact: Option<ExactSampler<E, N>>,
}

impl<E: TrainableEnergy<N>, const N: usize> Problem<E, N> {
    /// An energy of which nothing else is known. `name` is a word for files and commands.
    pub fn new(name: &str, energy: E) -> Self {
        Self {
            name: name.into(),
            title: name.into(),
            summary: format!("{N} dimensions"),
            convention: "E as implemented".into(),
            structure: structure(Energy::<f64, N>::symmetry(&energy)),
            energy: EnergyTarget(energy),
            surrogate: None,
            mean_energy: None,
            window: None,
            exact: None,
        }
    }

    /// The title, one line on the distribution, and the energy's formula with all constants.
    #[must_use]
    pub fn described(mut self, title: &str, summary: &str, convention: &str) -> Self {
        (self.title, self.summary, self.convention) = (title.into(), summary.into(), convention.into());
        self
    }

    /// What is known of its modes and its mean energy.
    #[must_use]
    pub fn known(mut self, structure: Structure, mean_energy: f64) -> Self {
        (self.structure, self.mean_energy) = (structure, Some(mean_energy));
        self
    }

    /// Trains on another energy, such as one with a softer core. Evaluation always uses the true one.
    #[must_use]
    pub fn trained_on(mut self, surrogate: E) -> Self {
        self.surrogate = Some(EnergyTarget(surrogate));
        self
    }

    /// An exact sampler, for floors and pictures.
    #[must_use]
    pub fn sampled(mut self, exact: ExactSampler<E, N>) -> Self {
        self.exact = Some(exact);
        self
    }

    /// For two dimensions: the region to draw, [x_min, x_max, y_min, y_max].
    #[must_use]
    pub fn drawn(mut self, window: [f64; 4]) -> Self {
        self.window = Some(window);
        self
    }
}

impl<E: TrainableEnergy<N>, const N: usize> Target for Problem<E, N> {
    fn name(&self) -> &str {
        &self.name
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn summary(&self) -> String {
        self.summary.clone()
    }

    fn convention(&self) -> String {
        self.convention.clone()
    }

    fn dim(&self) -> usize {
        N
    }

    fn energy(&self, x: &[f64]) -> f64 {
        x.try_into().map_or(f64::NAN, |x: &[f64; N]| self.energy.0.energy(x))
    }

    fn exact_samples(&self, seed: u64, n: usize) -> Option<Vec<f32>> {
        let exact = self.exact?;
        let draw = |row| exact(&self.energy.0, &mut Stream::new(seed, Purpose::Reference, row as u64));
        Some((0..n).flat_map(|row| draw(row).map(|x| x as f32)).collect())
    }

    fn structure(&self) -> Structure {
        self.structure.clone()
    }

    fn symmetry(&self) -> Symmetry {
        Energy::<f64, N>::symmetry(&self.energy.0)
    }

    fn mean_energy(&self) -> Option<f64> {
        self.mean_energy
    }

    fn window(&self) -> Option<[f64; 4]> {
        self.window
    }

    fn training(&self) -> Option<&dyn posterior::Target> {
        Some(self.surrogate.as_ref().unwrap_or(&self.energy))
    }

    fn dynamics(&self) -> Option<&dyn Dynamics> {
        Some(&self.energy)
    }
}

/// What a symmetry says of the modes.
fn structure(symmetry: Symmetry) -> Structure {
    match symmetry {
        Symmetry::None => Structure::Unknown,
        Symmetry::Particles { count, dimensions } => Structure::Particles { count, dimensions },
    }
}

/// The targets that Kiln brings, the default one first.
pub fn builtin() -> Vec<Box<dyn Target>> {
    vec![
        Box::new(mog_40()),
        Box::new(many_well_32()),
        Box::new(double_well_4()),
        Box::new(lennard_jones_13("lj13", "LJ-13", Pairs::Twice)),
        Box::new(lennard_jones_13("lj13-pairs-once", "LJ-13, pairs once", Pairs::Once)),
        Box::new(lennard_jones::<55, 165>("lj55", "LJ-55", Pairs::Twice)),
    ]
}

fn mog_40() -> Problem<kiln_core::energy::GaussianMixture<40, 2>, 2> {
    let mixture = mog40();
    let means = mixture.means().iter().flatten().copied().collect();
    Problem::new("mog40", mixture)
        .described(
            "MoG-40",
            "40 equal Gaussians in the plane",
            "E = -log p, normalised; standard deviation 1.3132616875182228 = softplus(1), weights 1/40",
        )
        .known(Structure::Mixture { means, sd: MOG40_STANDARD_DEVIATION }, MOG40_MEAN_ENERGY)
        .sampled(|mixture, stream| mixture.sample(stream))
        .drawn([-52.0, 52.0, -52.0, 52.0])
}

/// -E[log p] of MoG-40: the mean over 10⁷ exact samples is 6.860 with a standard error below 0.001.
const MOG40_MEAN_ENERGY: f64 = 6.860;

/// Mean energy of Many-Well-32, by quadrature.
const MANY_WELL_32_MEAN_ENERGY: f64 = -137.1985;

fn many_well_32() -> Problem<ManyWell<32>, 32> {
    let right = ManyWell::<32>::RIGHT_WELL;
    Problem::new("mw32", ManyWell)
        .described(
            "Many-Well-32",
            "16 independent double wells, 65,536 modes of unequal weight",
            "E = sum over 16 pairs (d, v) of d^4 - 6 d^2 - d/2 + v^2/2, unnormalised",
        )
        .known(Structure::Wells { right }, MANY_WELL_32_MEAN_ENERGY)
        .sampled(|wells, stream| wells.sample(stream))
}

/// Mean energies of particles, from 2,000 states of each of 1,024 HMC chains (20 leapfrog steps apart) after 8,000
/// evaluations from noise: standard errors 0.005, 0.016 and 0.013 over the chains' means, and E[x·∇E] within 0.06 ± 0.06 of
/// the number of free coordinates.
const DOUBLE_WELL_4_MEAN_ENERGY: f64 = -22.542;
const LENNARD_JONES_13_MEAN_ENERGY: f64 = -42.97;
const LENNARD_JONES_13_PAIRS_ONCE_MEAN_ENERGY: f64 = 0.53;

fn double_well_4() -> Problem<DoubleWell<4, 2>, 8> {
    Problem::new("dw4", DoubleWell)
        .described(
            "DW-4",
            "4 particles in the plane, every pair in a double well of its distance",
            "E = sum over 6 unordered pairs of 0.9 (r-4)^4 - 4 (r-4)^2; mean-free, 6 free coordinates",
        )
        .known(Structure::Particles { count: 4, dimensions: 2 }, DOUBLE_WELL_4_MEAN_ENERGY)
}

fn lennard_jones_13(name: &str, title: &str, pairs: Pairs) -> Problem<LennardJones<13, 3>, 39> {
    let mean_energy = match pairs {
        Pairs::Once => LENNARD_JONES_13_PAIRS_ONCE_MEAN_ENERGY,
        Pairs::Twice => LENNARD_JONES_13_MEAN_ENERGY,
    };
    lennard_jones(name, title, pairs).known(Structure::Particles { count: 13, dimensions: 3 }, mean_energy)
}

/// N particles in space, M = 3 N coordinates; trained with a smooth core.
fn lennard_jones<const N: usize, const M: usize>(
    name: &str,
    title: &str,
    pairs: Pairs,
) -> Problem<LennardJones<N, 3>, M> {
    let energy = LennardJones::new(pairs);
    let (counted, factor) = match pairs {
        Pairs::Once => ("once", "1"),
        Pairs::Twice => ("twice", "2"),
    };
    let convention = format!(
        "pairs {counted}: E = {factor} sum over unordered pairs of (r^-12 - 2 r^-6) + 1/2 sum |x_i - mean|^2, \
         r^2 = |x_i - x_j|^2 + 1e-6; mean-free, {} free coordinates",
        M - 3
    );
    Problem::new(name, energy)
        .described(title, &format!("{N} Lennard-Jones particles in a harmonic trap, pairs {counted}"), &convention)
        .trained_on(energy.smooth())
}
