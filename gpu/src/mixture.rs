//! Gaussian mixtures of blocks of coordinates, fitted to states of the target: where a generator begins, and the first guess
//! of a denoiser.
//!
//! Coordinates that belong to no block are standard normal, as whitened ones are. A block's components are its *cells*: where it
//! has several, one latent number beyond the first `dim` chooses among them by its thresholds, so that the share of each is what it was fitted
//! to be, and the generator's v = skip z + scale mlp(…) goes to mean + L v in the chosen one ([`Mixture::place`]). With v = z
//! that is an exact draw of the mixture; training moves v.
//!
//! The mixture noised by v has a posterior mean in closed form, and a posterior variance ([`Mixture::first_guess`]): a denoiser
//! D = mean + spread F has to learn only what the mixture does not know.

mod file;

use rayon::prelude::*;

/// Rows that one thread takes at least.
const ROWS: usize = 16;
/// A component with a smaller share of the posterior adds nothing in `f32`.
const NOTHING: f32 = 1e-7;
/// The least variance of a posterior: its root divides.
const LEAST_VARIANCE: f32 = 1e-12;

/// One Gaussian of d coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its share.
    pub weight: f32,
    /// Its mean, d numbers.
    pub mean: Vec<f32>,
    /// L, whole rows (d, d), zeros above the diagonal: the covariance is L Lᵀ.
    pub factor: Vec<f32>,
    /// Eigenvectors of the covariance as rows (d, d).
    pub axes: Vec<f32>,
    /// Its eigenvalues.
    pub variances: Vec<f32>,
}

/// Coordinates with a mixture of their own, independent of all others.
#[derive(Clone, Debug, PartialEq)]
pub struct MixtureBlock {
    /// Which coordinates.
    pub coordinates: Vec<usize>,
    /// One at least.
    pub cells: Vec<Cell>,
    /// Where the latent number goes from each cell to the next, rising; one fewer than cells.
    pub thresholds: Vec<f32>,
}

/// A product of mixtures.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture {
    dim: usize,
    blocks: Vec<MixtureBlock>,
    /// Coordinates of no block.
    rest: Vec<usize>,
}

/// What a mixture says of noised rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// Posterior means (rows, dim).
    pub mean: Vec<f32>,
    /// Posterior standard deviations (rows, dim).
    pub spread: Vec<f32>,
    /// What a network is told of where a row lies (rows, [`Mixture::told`]): of each block, the row in units of its cells'
    /// widths, and the cells' shares of the posterior.
    pub told: Vec<f32>,
}

/// Why blocks are no mixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("blocks of a mixture have distinct coordinates, a cell at least, and all numbers of them")]
pub struct MixtureError;

impl Mixture {
    /// Of blocks of some of `dim` coordinates.
    ///
    /// # Errors
    /// If a coordinate is in two blocks or in none there is, a block has no cell, or something else than the
    /// numbers that its cells need.
    pub fn new(dim: usize, blocks: Vec<MixtureBlock>) -> Result<Self, MixtureError> {
        let mut rest: Vec<usize> = (0..dim).collect();
        for MixtureBlock { coordinates, cells, thresholds } in &blocks {
            let d = coordinates.len();
            let before = rest.len();
            rest.retain(|at| !coordinates.contains(at));
            let fits = |cell: &Cell| {
                let lengths = [cell.mean.len(), cell.factor.len(), cell.axes.len(), cell.variances.len()];
                lengths == [d, d * d, d * d, d] && cell.weight > 0.0
            };
            let rising = thresholds.windows(2).all(|pair| pair[0] < pair[1]);
            let counts = before - rest.len() == d && !cells.is_empty() && thresholds.len() + 1 == cells.len();
            if !(counts && rising && cells.iter().all(fits)) {
                return Err(MixtureError);
            }
        }
        Ok(Self { dim, blocks, rest })
    }

    /// Coordinates.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Its blocks.
    pub fn blocks(&self) -> &[MixtureBlock] {
        &self.blocks
    }

    /// Thresholds of the latent number of each block of more than one cell: [`crate::GeneratorSpec::cells`].
    pub fn thresholds(&self) -> Vec<Vec<f32>> {
        let all = self.blocks.iter().map(|block| block.thresholds.clone());
        all.filter(|thresholds| !thresholds.is_empty()).collect()
    }

    /// Numbers that [`Guess::told`] has a row.
    pub fn told(&self) -> usize {
        self.blocks.iter().map(|block| block.coordinates.len() + block.cells.len()).sum()
    }

    /// Puts v (rows, dim) to where its latents z (rows, dim + blocks of more than one cell) say: mean + L v of the chosen cells.
    ///
    /// # Panics
    /// If v and z are not equally many whole rows.
    pub fn place(&self, z: &[f32], v: &mut [f32]) {
        self.each(z, v, |coordinates, cell, v| {
            let d = coordinates.len();
            // From below: what a row needs of those above is still v.
            for i in (0..d).rev() {
                let row = cell.factor[i * d..=i * d + i].iter().zip(coordinates);
                v[coordinates[i]] = cell.mean[i] + row.map(|(l, at)| l * v[*at]).sum::<f32>();
            }
        });
    }

    /// Gradients by v from those by what it was put to: Lᵀ g.
    ///
    /// # Panics
    /// As [`Mixture::place`].
    pub fn pull_back(&self, z: &[f32], g: &mut [f32]) {
        self.each(z, g, |coordinates, cell, g| {
            let d = coordinates.len();
            for j in 0..d {
                g[coordinates[j]] = (j..d).map(|i| cell.factor[i * d + j] * g[coordinates[i]]).sum();
            }
        });
    }

    /// Calls for the chosen cell of every block of every row.
    fn each(&self, z: &[f32], rows: &mut [f32], work: impl Fn(&[usize], &Cell, &mut [f32]) + Sync) {
        let latent = self.dim + self.blocks.iter().filter(|block| block.cells.len() > 1).count();
        assert_eq!(z.len() * self.dim, rows.len() * latent, "rows");
        let rows = rows.par_chunks_exact_mut(self.dim).zip(z.par_chunks_exact(latent)).with_min_len(ROWS);
        rows.for_each(|(row, z)| {
            let mut choices = z[self.dim..].iter();
            for block in &self.blocks {
                let choice = if block.cells.len() > 1 { choices.next() } else { None };
                let above = |choice| block.thresholds.iter().filter(|threshold| choice > *threshold).count();
                work(&block.coordinates, &block.cells[choice.map_or(0, above)], row);
            }
        });
    }

    /// The posterior of rows y (rows, dim) that were noised by v (rows).
    ///
    /// # Panics
    /// If y and v are not equally many whole rows.
    pub fn first_guess(&self, y: &[f32], v: &[f32]) -> Guess {
        self.first_guess_and_mix(y, v, &mut vec![0.0; y.len()])
    }

    /// The same; and every row d of `differences` (rows, dim) becomes Σ r S (S + v²)⁻¹ d over the cells, with their shares r of the
    /// posterior and their covariances S: the weight that makes the mix of two score identities exact where the target is a
    /// cell, if d is what the second says more than the first.
    ///
    /// # Panics
    /// If y, v and the differences are not equally many whole rows.
    pub fn first_guess_and_mix(&self, y: &[f32], v: &[f32], differences: &mut [f32]) -> Guess {
        let (dim, told) = (self.dim, self.told());
        assert_eq!((y.len(), differences.len()), (v.len() * dim, v.len() * dim), "rows");
        let zeros = || vec![0.0; y.len()];
        let mut guess = Guess { mean: zeros(), spread: zeros(), told: vec![0.0; v.len() * told] };
        let rows = guess.mean.par_chunks_exact_mut(dim).zip(guess.spread.par_chunks_exact_mut(dim));
        let rows = rows.zip(differences.par_chunks_exact_mut(dim));
        let rows = rows.zip(y.par_chunks_exact(dim).zip(v)).with_min_len(ROWS);
        let start = || Work::of(self);
        if told == 0 {
            rows.for_each_init(start, |work, (((mean, spread), mixed), (y, v))| {
                self.row(y, *v, [mean, spread, mixed], &mut [], work);
            });
        } else {
            let rows = rows.zip(guess.told.par_chunks_exact_mut(told));
            rows.for_each_init(start, |work, ((((mean, spread), mixed), (y, v)), told)| {
                self.row(y, *v, [mean, spread, mixed], told, work);
            });
        }
        guess
    }

    fn row(&self, y: &[f32], v: f32, [mean, spread, mixed]: [&mut [f32]; 3], told: &mut [f32], work: &mut Work) {
        let square = v * v;
        for at in &self.rest {
            mean[*at] = y[*at] / (1.0 + square);
            spread[*at] = v / (1.0 + square).sqrt();
            mixed[*at] /= 1.0 + square;
        }
        let mut rest = told;
        for block in &self.blocks {
            let (local, after) = rest.split_at_mut(block.coordinates.len());
            let (shares, after) = after.split_at_mut(block.cells.len());
            rest = after;
            block.coordinates.iter().zip(&mut work.difference).for_each(|(at, to)| *to = mixed[*at]);
            block.guess(y, square, local, shares, work);
            for (i, at) in block.coordinates.iter().enumerate() {
                mean[*at] = work.mean[i];
                spread[*at] = work.variance[i].max(LEAST_VARIANCE).sqrt().min(v);
                mixed[*at] = work.mixed[i];
            }
        }
    }
}

/// What a row is computed in.
struct Work {
    along: Vec<f32>,
    means: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    difference: Vec<f32>,
    mixed: Vec<f32>,
}

impl Work {
    fn of(mixture: &Mixture) -> Self {
        let most = |of: fn(&MixtureBlock) -> usize| vec![0.0; mixture.blocks.iter().map(of).max().unwrap_or(0)];
        let all = |block: &MixtureBlock| block.coordinates.len() * block.cells.len();
        let each = |block: &MixtureBlock| block.coordinates.len();
        let each = || most(each);
        Self { along: most(all), means: most(all), mean: each(), variance: each(), difference: each(), mixed: each() }
    }
}

impl MixtureBlock {
    /// The posterior of a row's coordinates into `work`; where it lies in units of the cells' widths into `local`, and the
    /// cells' shares into `shares`.
    fn guess(&self, y: &[f32], square: f32, local: &mut [f32], shares: &mut [f32], work: &mut Work) {
        let d = self.coordinates.len();
        let Work { along, means, mean, variance, difference, mixed } = work;
        let (along, means) = (&mut along[..d * shares.len()], &mut means[..d * shares.len()]);
        let (mean, variance, mixed) = (&mut mean[..d], &mut variance[..d], &mut mixed[..d]);
        for ((cell, along), share) in self.cells.iter().zip(along.chunks_exact_mut(d)).zip(&mut *shares) {
            let (mut distance, mut volume) = (0.0, 0.0);
            for ((along, axis), own) in along.iter_mut().zip(cell.axes.chunks_exact(d)).zip(&cell.variances) {
                let centred = self.coordinates.iter().zip(&cell.mean).map(|(at, mean)| y[*at] - mean);
                *along = axis.iter().zip(centred).map(|(a, x)| a * x).sum();
                let total = own + square;
                distance += *along * *along / total;
                volume += total.ln();
            }
            *share = cell.weight.ln() - 0.5 * (distance + volume);
        }
        let most = shares.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        shares.iter_mut().for_each(|share| *share = (*share - most).exp());
        let total: f32 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
        local.fill(0.0);
        mean.fill(0.0);
        variance.fill(0.0);
        mixed.fill(0.0);
        let parts = self.cells.iter().zip(along.chunks_exact(d)).zip(means.chunks_exact_mut(d)).zip(&*shares);
        for (((cell, along), own), share) in parts.filter(|(_, share)| **share > NOTHING) {
            own.copy_from_slice(&cell.mean);
            for ((along, axis), width) in along.iter().zip(cell.axes.chunks_exact(d)).zip(&cell.variances) {
                let kept = width / (width + square);
                let (to_mean, to_variance) = (kept * along, share * kept * square);
                let to_local = share * along / (width + square).sqrt();
                let to_mixed = share * kept * axis.iter().zip(&*difference).map(|(a, d)| a * d).sum::<f32>();
                for (i, a) in axis.iter().enumerate() {
                    own[i] += a * to_mean;
                    variance[i] += a * a * to_variance;
                    local[i] += a * to_local;
                    mixed[i] += a * to_mixed;
                }
            }
            mean.iter_mut().zip(&*own).for_each(|(mean, own)| *mean += share * own);
        }
        for (own, share) in means.chunks_exact(d).zip(&*shares).filter(|(_, share)| **share > NOTHING) {
            let between = variance.iter_mut().zip(own).zip(&*mean);
            between.for_each(|((variance, own), mean)| *variance += share * (own - mean) * (own - mean));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::random::{Purpose, Randomness, Stream};

    /// Two cells in the plane of coordinates 2 and 0 of three; eigenvectors turned by 0.3.
    fn mixture() -> Mixture {
        let cell = |weight: f32, mean: [f32; 2], variances: [f32; 2]| {
            let (s, c) = 0.3_f32.sin_cos();
            let axes = vec![c, s, -s, c];
            let entry = |i: usize, j: usize| (0..2).map(|k| variances[k] * axes[2 * k + i] * axes[2 * k + j]).sum();
            let [a, b, d]: [f32; 3] = [entry(0, 0), entry(1, 0), entry(1, 1)];
            let first = a.sqrt();
            let factor = vec![first, 0.0, b / first, (d - b * b / a).sqrt()];
            Cell { weight, mean: mean.to_vec(), factor, axes, variances: variances.to_vec() }
        };
        let cells = vec![cell(0.3, [-1.0, 0.5], [0.04, 0.3]), cell(0.7, [1.0, 0.0], [0.2, 0.01])];
        // Φ⁻¹(0.3).
        Mixture::new(3, vec![MixtureBlock { coordinates: vec![2, 0], cells, thresholds: vec![-0.524_400_5] }]).unwrap()
    }

    fn draws(n: usize) -> Vec<f32> {
        let mut stream = Stream::new(5, Purpose::Test, 0);
        let mut z = vec![0.0_f32; 4 * n];
        stream.fill_normal(&mut z);
        let mut x: Vec<f32> = z.chunks_exact(4).flat_map(|z| z[..3].to_vec()).collect();
        mixture().place(&z, &mut x);
        x
    }

    #[test]
    fn draws_have_the_shares_and_moments_of_the_cells() {
        let n = 200_000;
        let x = draws(n);
        let mean = |f: &dyn Fn(&[f32]) -> f32| x.chunks_exact(3).map(|x| f64::from(f(x))).sum::<f64>() / n as f64;
        // Six standard errors of the widest are 0.013.
        let close = |a: f64, b: f64| assert!((a - b).abs() < 0.013, "{a} {b}");
        close(mean(&|x| x[2]), 0.7 - 0.3);
        close(mean(&|x| x[0]), 0.3 * 0.5);
        close(mean(&|x| x[1]), 0.0);
        close(mean(&|x| x[1] * x[1]), 1.0);
        let (s, c) = 0.3_f64.sin_cos();
        let product = |a: f64, b: f64| (a - b) * s * c;
        close(mean(&|x| x[2] * x[0]), 0.3 * (product(0.04, 0.3) - 0.5) + 0.7 * product(0.2, 0.01));
    }

    #[test]
    fn the_pull_back_is_the_transpose_of_the_map() {
        let mixture = mixture();
        let z = [0.3, -0.2, 0.9, -1.0];
        let at = |v: [f32; 3]| {
            let mut x = v;
            mixture.place(&z, &mut x);
            x
        };
        let (origin, g) = (at([0.0; 3]), [0.7, -1.1, 0.4]);
        let mut pulled = g;
        mixture.pull_back(&z, &mut pulled);
        for k in 0..3 {
            let mut v = [0.0; 3];
            v[k] = 1.0;
            let slope: f32 = at(v).iter().zip(&origin).zip(&g).map(|((x, o), g)| (x - o) * g).sum();
            assert!((slope - pulled[k]).abs() < 1e-5, "{k}: {slope} {}", pulled[k]);
        }
    }

    #[test]
    fn guesses_are_posterior_means_and_variances() {
        // Against importance sampling of the posterior by draws of the mixture.
        let (mixture, x) = (mixture(), draws(200_000));
        for (y, v) in [([0.1, 0.4, -0.9], 0.5), ([0.2, -1.0, 0.1], 1.2), ([0.0, 0.3, 1.1], 0.2)] {
            let guess = mixture.first_guess(&y, &[v]);
            let weight = |x: &[f32]| {
                let square: f32 = x.iter().zip(&y).map(|(x, y)| (x - y) * (x - y)).sum();
                f64::from(-0.5 * square / (v * v)).exp()
            };
            let total: f64 = x.chunks_exact(3).map(weight).sum();
            for k in 0..3 {
                let moment = |power: i32, about: f64| {
                    x.chunks_exact(3).map(|x| weight(x) * (f64::from(x[k]) - about).powi(power)).sum::<f64>() / total
                };
                let mean = moment(1, 0.0);
                let spread = moment(2, mean).sqrt();
                assert!((f64::from(guess.mean[k]) - mean).abs() < 0.05 * spread, "{k} {mean} {guess:?}");
                assert!((f64::from(guess.spread[k]) / spread - 1.0).abs() < 0.05, "{k} {spread} {guess:?}");
            }
        }
    }

    #[test]
    fn blocks_that_do_not_fit_are_refused() {
        let good = mixture().blocks()[0].clone();
        let refused = |change: fn(&mut MixtureBlock)| {
            let mut block = good.clone();
            change(&mut block);
            Mixture::new(3, vec![block]).is_err()
        };
        assert!(refused(|block| block.coordinates = vec![2, 3]));
        assert!(refused(|block| block.coordinates = vec![2, 2]));
        assert!(refused(|block| block.thresholds.clear()));
        assert!(refused(|block| block.cells.truncate(1)));
        assert!(refused(|block| block.cells[0].factor.truncate(3)));
        assert!(refused(|block| block.cells[0].weight = f32::NAN));
        assert!(Mixture::new(3, vec![good.clone(), good]).is_err());
    }
}
