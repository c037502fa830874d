//! The picture of a run: in two dimensions the samples over the target's density, otherwise marginals against
//! the exact ones and the histogram of energies.
//!
//! Everything is drawn at twice its size and averaged down, so that dots, lines and letters are smooth. The
//! font (Noto Sans, SIL Open Font License) is embedded; no font of the system is needed.

mod canvas;
mod density;
mod marginals;
mod style;

use kiln::error::Error;
use kiln::metric::measure;
use kiln::samples::Samples;
use kiln::target::{Structure, Target};

/// What stands above a picture.
#[derive(Debug, Clone, Default)]
pub struct Caption {
    /// Such as "MoG-40, preset kiln, seed 0".
    pub title: String,
    /// The figures, such as "log p -6.85 (truth -6.86), 40 of 40 modes".
    pub figures: String,
}

/// At most so many marginals are shown.
const MOST_MARGINALS: usize = 16;

/// Seed of the exact samples that are drawn for comparison.
const EXACT_SEED: u64 = 0x6b69_6c6e_0003;

/// The picture of samples with these energies, as PNG.
pub fn picture(target: &Target, samples: &Samples, energies: &[f64], caption: &Caption) -> Result<Vec<u8>, Error> {
    let dim = target.dim();
    if samples.dim != dim || samples.is_empty() {
        return Err(Error::input("there are no samples to draw", "sample the run first"));
    }
    let exact = target.exact_samples(EXACT_SEED, samples.len());
    let drawn = if dim == 2 {
        density::draw(target, &samples.data, exact.as_deref(), caption)
    } else {
        marginals::draw(&panels(target, samples, energies, exact.as_deref()), caption)
    };
    drawn.map_err(|what| {
        Error::numerics(format!("the picture could not be drawn: {what}"), "the samples themselves are in the run")
    })
}

/// The marginals, and the energies last.
fn panels(target: &Target, samples: &Samples, energies: &[f64], exact: Option<&[f32]>) -> Vec<marginals::Panel> {
    let dim = target.dim();
    let wells = match target.structure() {
        Structure::Wells { right } => Some(right),
        _ => None,
    };
    let column = |set: &[f32], at: usize| set.chunks_exact(dim).map(|x| f64::from(x[at])).collect::<Vec<_>>();
    let step = if wells.is_some() { 2 } else { 1 };
    let mut panels: Vec<marginals::Panel> = (0..dim)
        .step_by(step)
        .take(MOST_MARGINALS)
        .map(|at| {
            let values = column(&samples.data, at);
            let (title, note) = match wells {
                Some(_) => {
                    let right = values.iter().filter(|d| **d > 0.0).count() as f64 / values.len() as f64;
                    (format!("d{}", at / 2), format!("P(d>0) {right:.3}"))
                }
                None => (format!("x{at}"), String::new()),
            };
            marginals::Panel { title, note, exact: exact.map(|set| column(set, at)), samples: values }
        })
        .collect();
    panels.push(marginals::Panel {
        title: "energy".into(),
        note: String::new(),
        samples: energies.to_vec(),
        exact: exact.map(|set| measure::energies(target, set)),
    });
    panels
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_core::tensor::squared_norm;
    use kiln_core::{Energy, Scalar};

    struct Flat(usize);

    impl<S: Scalar> Energy<S> for Flat {
        fn dim(&self) -> usize {
            self.0
        }
        fn energy_and_gradient(&self, x: &[S], gradient: &mut [S]) -> S {
            gradient.copy_from_slice(x);
            self.energy(x)
        }
        fn energy(&self, x: &[S]) -> S {
            S::constant(0.5) * squared_norm(x)
        }
    }

    fn flat(dim: usize) -> Target {
        Target::new("flat", Flat(dim))
    }

    fn drawn(samples: &Samples, caption: &Caption) -> Result<Vec<u8>, Error> {
        let target = flat(samples.dim);
        picture(&target, samples, &measure::energies(&target, &samples.data), caption)
    }

    /// The picture's size and how many of its pixels are saturated in colour.
    fn look(png: &[u8]) -> (u32, u32, usize) {
        let picture = image::load_from_memory(png).unwrap().to_rgb8();
        let coloured = picture.pixels().filter(|p| i32::from(p[0]) - i32::from(p[2]) > 60).count();
        (picture.width(), picture.height(), coloured)
    }

    #[test]
    fn samples_show_in_either_kind_of_picture() {
        for dim in [2, 5] {
            let data: Vec<f32> = (0..dim * 400).map(|i| ((i * 7919) % 1000) as f32 / 300.0 - 1.6).collect();
            let png = drawn(&Samples { dim, data }, &Caption { title: "flat".into(), figures: "none".into() }).unwrap();
            let (width, height, coloured) = look(&png);
            assert!(width > 800 && height > 800 && coloured > 1000, "{width} {height} {coloured}");
        }
    }

    #[test]
    fn samples_that_are_not_numbers_do_not_stop_the_picture() {
        for dim in [2, 3] {
            let samples = Samples { dim, data: vec![f32::NAN; dim * 3] };
            assert!(drawn(&samples, &Caption::default()).is_ok());
            let samples = Samples { dim, data: vec![1.0; dim] };
            assert!(drawn(&samples, &Caption::default()).is_ok());
        }
        assert!(picture(&flat(2), &Samples { dim: 3, data: vec![0.0; 3] }, &[0.0], &Caption::default()).is_err());
    }
}
