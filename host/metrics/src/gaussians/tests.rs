use super::*;
use kiln_core::random::Purpose;

const DIM: usize = 10;

/// Five modes about ten apart with widths 0.5 to 1.5, each along another set of correlated axes.
fn five() -> GaussianMixture {
    let mut stream = Stream::new(5, Purpose::Test, 0);
    let mut means = vec![0.0; 5 * DIM];
    stream.fill_normal(&mut means);
    means.iter_mut().for_each(|m| *m *= 10.0 / (2.0 * DIM as f64).sqrt());
    let mut factors = vec![0.0; 5 * DIM * DIM];
    for (k, l) in factors.chunks_exact_mut(DIM * DIM).enumerate() {
        for i in 0..DIM {
            l[i * DIM + i] = 0.5 + 0.25 * k as f64;
            (0..i).for_each(|j| l[i * DIM + j] = 0.2 * Randomness::<f64>::normal(&mut stream));
        }
    }
    GaussianMixture::new(DIM, vec![0.05, 0.10, 0.15, 0.20, 0.50], means, factors).unwrap()
}

fn draws(mixture: &GaussianMixture, n: usize, seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Test, 1);
    let mut rows = vec![0.0; n * mixture.dim()];
    rows.chunks_exact_mut(mixture.dim()).for_each(|row| mixture.draw(&mut stream, row));
    rows
}

#[test]
fn five_modes_are_recovered() {
    let truth = five();
    let rows = draws(&truth, 4000, 1);
    let fit = GaussianMixture::fit(&rows, DIM, &mut Stream::new(1, Purpose::Test, 2)).unwrap();
    assert_eq!(fit.components(), 5, "{:?}", fit.weights());
    for (k, mean) in truth.means().chunks_exact(DIM).enumerate() {
        let found = fit.component(mean);
        assert!((fit.weights()[found] - truth.weights()[k]).abs() < 0.03);
        let off: f64 = mean.iter().zip(&fit.means()[found * DIM..]).map(|(a, b)| (a - b).powi(2)).sum();
        assert!(off.sqrt() < 1.0, "{k}: {off}");
    }
    // Close in Kullback-Leibler distance on new draws: parameters/(2 n) is what n rows give.
    let fresh = draws(&truth, 4000, 2);
    let gap: f64 = fresh.chunks_exact(DIM).map(|x| truth.log_density(x) - fit.log_density(x)).sum::<f64>() / 4000.0;
    assert!((0.0..0.1).contains(&gap), "{gap}");
    // The same again, whatever the threads.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let again = pool.install(|| GaussianMixture::fit(&rows, DIM, &mut Stream::new(1, Purpose::Test, 2)).unwrap());
    assert_eq!(again, fit);
}

#[test]
fn units_do_not_matter_and_one_gaussian_stays_one() {
    let mut stream = Stream::new(7, Purpose::Test, 0);
    let mut rows = vec![0.0; 3000 * 3];
    stream.fill_normal(&mut rows);
    for row in rows.chunks_exact_mut(3) {
        row[0] = 1e4 * row[0] + 5.0;
        row[1] = row[0] * 1e-4 + 1e-3 * row[1];
    }
    let fit = GaussianMixture::fit(&rows, 3, &mut Stream::new(1, Purpose::Test, 2)).unwrap();
    assert_eq!(fit.components(), 1);
    assert!((fit.factors()[0] / 1e4 - 1.0).abs() < 0.05 && (fit.factors()[4] / 1e-3 - 1.0).abs() < 0.05);
}

#[test]
fn repeated_states_are_no_mode_and_what_does_not_vary_has_no_fit() {
    let mut stream = Stream::new(8, Purpose::Test, 0);
    let mut rows = vec![0.0; 1000 * 4];
    stream.fill_normal(&mut rows);
    let repeated = rows[..4].to_vec();
    rows[..400].chunks_exact_mut(4).for_each(|row| row.copy_from_slice(&repeated));
    rows[400] = f64::NAN;
    let fit = GaussianMixture::fit(&rows, 4, &mut Stream::new(1, Purpose::Test, 2)).unwrap();
    assert!(fit.factors().chunks_exact(16).all(|l| (0..4).all(|i| l[5 * i] > 0.1)), "{:?}", fit.factors());
    let flat: Vec<f64> = rows.chunks_exact(4).flat_map(|row| [row[0], 0.1]).collect();
    assert!(GaussianMixture::fit(&flat, 2, &mut Stream::new(1, Purpose::Test, 2)).is_none());
    assert!(GaussianMixture::fit(&[1.0, 2.0], 2, &mut Stream::new(1, Purpose::Test, 2)).is_none());
    assert!(GaussianMixture::fit(&[], 0, &mut Stream::new(1, Purpose::Test, 2)).is_none());
}

#[test]
fn many_dimensions_have_diagonal_covariances() {
    let mut stream = Stream::new(9, Purpose::Test, 0);
    let mut rows = vec![0.0; 3000 * 100];
    stream.fill_normal(&mut rows);
    rows.chunks_exact_mut(100).take(1000).for_each(|row| row.iter_mut().for_each(|x| *x += 3.0));
    let fit = GaussianMixture::fit(&rows, 100, &mut Stream::new(1, Purpose::Test, 2)).unwrap();
    assert_eq!(fit.components(), 2);
    assert!((fit.weights()[fit.component(&[3.0; 100])] - 1.0 / 3.0).abs() < 1e-3);
    assert!(fit.factors()[100] == 0.0);
}

#[test]
fn fifty_dimensions_have_full_covariances() {
    let mut stream = Stream::new(10, Purpose::Test, 0);
    let mut rows = vec![0.0; 2000 * 50];
    stream.fill_normal(&mut rows);
    rows.chunks_exact_mut(50).take(800).for_each(|row| row.iter_mut().for_each(|x| *x = 2.0 * *x + 8.0));
    let fit = GaussianMixture::fit(&rows, 50, &mut Stream::new(1, Purpose::Test, 2)).unwrap();
    assert_eq!(fit.components(), 2);
    assert!((fit.weights()[fit.component(&[8.0; 50])] - 0.4).abs() < 0.03);
}

#[test]
fn density_gradient_inflation_and_draws_belong_together() {
    let truth = five();
    let wide = truth.inflated(1.2);
    let broad = wide.with_broad(0.05, &[0.0; DIM], &identity(10.0)).unwrap();
    assert_eq!(broad.components(), 6);
    assert!((broad.weights()[5] - 0.05).abs() < 1e-15 && (broad.weights()[4] - 0.475).abs() < 1e-15);
    let rebuilt =
        GaussianMixture::new(DIM, wide.weights().to_vec(), wide.means().to_vec(), wide.factors().to_vec()).unwrap();
    let (mut gradient, mut other) = (vec![0.0; DIM], vec![0.0; DIM]);
    for x in draws(&broad, 50, 3).chunks_exact(DIM) {
        assert!((wide.log_density(x) - rebuilt.log_density(x)).abs() < 1e-10);
        let value = broad.log_density_and_gradient(x, &mut gradient);
        assert!((value - broad.log_density(x)).abs() < 1e-12 * value.abs().max(1.0));
        for i in 0..DIM {
            let mut at = |step: f64| {
                other.copy_from_slice(x);
                other[i] += step;
                broad.log_density(&other)
            };
            let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - gradient[i]).abs() < 1e-5 * slope.abs().max(1.0), "{slope} {}", gradient[i]);
        }
    }
    // One standard Gaussian in closed form, far away as well.
    let one = GaussianMixture::new(1, vec![2.0], vec![1.0], vec![2.0]).unwrap();
    assert!((one.log_density(&[201.0]) + 5000.0 + (2.0 * (2.0 * std::f64::consts::PI).sqrt()).ln()).abs() < 1e-9);
    assert!(one.log_density(&[f64::NAN]).is_nan() && one.component(&[f64::NAN]) == 0);
    let rows = draws(&one, 20_000, 4);
    let mean = crate::statistic::Mean::of(&rows);
    assert!((mean.mean - 1.0).abs() < 0.06 && (mean.sd - 2.0).abs() < 0.05);
    assert!(one.with_broad(0.1, &[0.0, 1.0], &[1.0]).is_none());
    assert!(GaussianMixture::new(1, vec![1.0], vec![0.0], vec![0.0]).is_none());
}

fn identity(width: f64) -> Vec<f64> {
    (0..DIM * DIM).map(|at| if at % (DIM + 1) == 0 { width } else { 0.0 }).collect()
}
