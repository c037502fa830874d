//! What a distillation came to: sizes, figures against the target, and distances from the teacher on the same latents.

use crate::config::Config;
use crate::error::Error;
use crate::export::bytes::Bytes;
use crate::export::draw::{images, rows};
use crate::export::quality::{self, EFFORT, Metadata, Quality, columns, difference, report};
use crate::export::{convert, unfit, with_metadata};
use crate::metric::comparison::Comparison;
use crate::metric::number::figure;
use crate::metric::report::percent;
use crate::run::Run;
use crate::samples::Samples;
use crate::source::Source;
use crate::target::Target;
use kiln_core::artifact::{Artifact, Format, Model};
use kiln_metrics::number;
use serde::Serialize;
use std::fmt::Write as _;

/// A sample that is farther from the teacher's than this part of the width went elsewhere.
const FAR: f64 = 0.1;
/// Seed of the samples that are judged: that of `kiln export`.
const SEED: u64 = 0;
/// The smallest format.
const SMALL: Format = Format::I8W16A;

/// What a distillation came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judgement {
    /// The run directory.
    pub run: String,
    /// The teacher's name.
    pub teacher: String,
    /// The teacher's size.
    pub teacher_size: Size,
    /// The student's size.
    pub student_size: Size,
    /// Width of the teacher's samples: root mean square of a coordinate's distance from its mean.
    #[serde(with = "number")]
    pub width: f64,
    /// The student's distance from its teacher.
    pub student_error: Deviation,
    /// The distance from its teacher of the student in `i8w16a`; none where it cannot be exported.
    pub i8w16a_error: Option<Deviation>,
    /// Samples behind everything.
    pub samples: usize,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Why something is missing.
    pub notes: Vec<String>,
}

/// How large a generator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Trained numbers.
    pub numbers: usize,
    /// Bytes of its file in `f32`, without texts.
    pub f32_bytes: usize,
    /// Bytes of the file that `kiln export --format i8w16a` makes of it; none where it cannot.
    pub i8w16a_bytes: Option<usize>,
}

/// Distances between samples of the same latents; of one sample the root mean square over its coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Deviation {
    /// The root mean square.
    #[serde(serialize_with = "number::serialize")]
    pub rms: f64,
    /// The median.
    #[serde(serialize_with = "number::serialize")]
    pub median: f64,
    /// What one in a hundred exceeds.
    #[serde(serialize_with = "number::serialize")]
    pub p99: f64,
    /// The share beyond a tenth of the width; NaN where the width is unknown.
    #[serde(serialize_with = "number::serialize")]
    pub beyond: f64,
}

/// One figure of teacher and student: value and standard error, or deviation over draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub metric: String,
    /// The teacher's, in floats.
    #[serde(serialize_with = "number::serialize_pair")]
    pub teacher: [Option<f64>; 2],
    /// The student's, in floats.
    #[serde(serialize_with = "number::serialize_pair")]
    pub student: [Option<f64>; 2],
    /// The student's in `i8w16a`.
    #[serde(serialize_with = "number::serialize_pair")]
    pub i8w16a: [Option<f64>; 2],
    /// Between exact sets.
    #[serde(serialize_with = "number::optional::serialize")]
    pub floor: Option<f64>,
    /// The exact value.
    #[serde(serialize_with = "number::optional::serialize")]
    pub truth: Option<f64>,
}

/// The root mean square of a coordinate's distance from its mean; NaN of nothing, or where a coordinate is lost.
pub fn width(samples: &[f32], dim: usize) -> f64 {
    let rows = (samples.len() / dim.max(1)) as f64;
    let column = |k: usize| samples.iter().skip(k).step_by(dim).map(|x| f64::from(*x));
    let variance = |k: usize| {
        let mean = column(k).sum::<f64>() / rows;
        column(k).map(|x| (x - mean).powi(2)).sum::<f64>() / rows
    };
    ((0..dim).map(variance).sum::<f64>() / dim as f64).sqrt()
}

impl Deviation {
    /// Of `x` from `goal`, both (rows, dim).
    pub fn between(x: &[f32], goal: &[f32], dim: usize) -> Self {
        let far = FAR * width(goal, dim);
        let distance = |(x, goal): (&[f32], &[f32])| {
            let square = x.iter().zip(goal).map(|(x, goal)| (f64::from(*x) - f64::from(*goal)).powi(2)).sum::<f64>();
            (square / dim as f64).sqrt()
        };
        let mut all: Vec<f64> = x.chunks_exact(dim).zip(goal.chunks_exact(dim)).map(distance).collect();
        all.sort_by(f64::total_cmp);
        let rows = all.len() as f64;
        let at = |hundredths: usize| all.get(all.len() * hundredths / 100).or(all.last()).copied().unwrap_or(f64::NAN);
        let beyond = all.iter().filter(|d| d.is_nan() || **d > far).count() as f64 / rows;
        Self {
            rms: (all.iter().map(|d| d * d).sum::<f64>() / rows).sqrt(),
            median: at(50),
            p99: at(99),
            beyond: if far.is_finite() { beyond } else { f64::NAN },
        }
    }

    fn tell(&self, what: &str, width: f64) -> String {
        let [rms, median, p99, far] = [self.rms, self.median, self.p99, FAR * width].map(figure);
        let beyond = percent(self.beyond);
        format!(
            "{what}: rms {rms}, median {median}, 1 in 100 above {p99}, {beyond} above {far}, a tenth of the width\n"
        )
    }
}

/// Judges student and teacher on the same latents.
///
/// # Errors
/// If one of them cannot run.
pub fn compare(target: &Target, teacher: &Source, run: &Run, config: &Config) -> Result<Judgement, Error> {
    let student = Source::Run(run.clone(), Box::new(config.clone()));
    let comparison = Comparison::of(target, EFFORT.samples());
    let of = |source: &Source| {
        let bytes = source.float_model()?;
        judged(target, &checked(&bytes)?, source.name(), comparison.as_ref())
    };
    let [taught, learnt] = [of(teacher)?, of(&student)?];
    let (dim, goal) = (target.dim(), &taught.images.data);
    let figures = taught.figures.iter().zip(&learnt.figures).map(|(theirs, ours)| Figure {
        metric: ours.metric.clone(),
        teacher: [theirs.float, theirs.float_sd],
        student: [ours.float, ours.float_sd],
        i8w16a: if learnt.small.is_ok() { [ours.deployed, ours.deployed_sd] } else { [None; 2] },
        floor: ours.floor,
        truth: ours.truth,
    });
    let missing = |who: &str, judged: &Judged| {
        let why = judged.small.as_ref().err()?;
        Some(format!("no {} of the {who}: {why}", SMALL.name()))
    };
    Ok(Judgement {
        run: run.path().display().to_string(),
        teacher: teacher.name(),
        teacher_size: taught.size,
        student_size: learnt.size,
        width: width(goal, dim),
        student_error: Deviation::between(&learnt.images.data, goal, dim),
        i8w16a_error: learnt.small.as_ref().ok().map(|small| Deviation::between(&small.data, goal, dim)),
        samples: learnt.images.len(),
        figures: figures.collect(),
        notes: missing("teacher", &taught).into_iter().chain(missing("student", &learnt)).collect(),
    })
}

/// A generator with all that is measured on it.
struct Judged {
    size: Size,
    /// Images of the latents that models in integers draw, whether it has integers or not.
    images: Samples,
    /// Of those images, and of `small` where there is one.
    figures: Vec<quality::Figure>,
    /// The same images in integers, or why there are none.
    small: Result<Samples, Error>,
}

fn judged(target: &Target, float: &Model<'_>, name: String, comparison: Option<&Comparison>) -> Result<Judged, Error> {
    let samples = EFFORT.samples();
    let f32_bytes = float.encoded_length().map_err(unfit)?;
    let mut size = Size { numbers: numbers(float), f32_bytes, i8w16a_bytes: None };
    let images = images(float, SEED, samples)?;
    let own = report(target, &images, SEED, comparison)?;
    let bare = match convert(float, SMALL) {
        Ok(bare) => bare,
        Err(error) => return Ok(Judged { size, images, figures: quality::figures(&own, &own), small: Err(error) }),
    };
    let bare = checked(&bare)?;
    let small = rows(&bare, SEED, 0, samples)?;
    let figures = quality::figures(&own, &report(target, &small, SEED, comparison)?);
    let difference = Some(difference(&small, &images));
    let quality = Some(Quality { seed: SEED, samples, difference, whitened: None, figures: figures.clone() });
    let metadata = Metadata { quality, ..Metadata::new(target, SMALL, name) };
    size.i8w16a_bytes = Some(with_metadata(&bare, &metadata.json())?.as_slice().len());
    Ok(Judged { size, images, figures, small: Ok(small) })
}

fn checked(bytes: &Bytes) -> Result<Model<'_>, Error> {
    Artifact::check(bytes.as_slice()).map_err(unfit)
}

/// Trained numbers of a model in floats.
fn numbers(float: &Model<'_>) -> usize {
    crate::export::parts::parts(float).iter().map(|part| part.bytes / size_of::<f32>()).sum()
}

impl Judgement {
    /// JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Tables that read without colour.
    pub fn text(&self) -> String {
        let small = SMALL.name();
        let cell = |value: Option<f64>| value.map_or("-".into(), figure);
        let row = |name: &str, size: &Size| {
            let i8w16a = size.i8w16a_bytes.map_or("-".into(), |bytes| bytes.to_string());
            [name.to_string(), size.numbers.to_string(), size.f32_bytes.to_string(), i8w16a]
        };
        let head = ["", "numbers", "bytes in f32", &format!("in {small}")].map(String::from);
        let name = format!("teacher, {}", self.teacher);
        let mut text = columns(&[head, row(&name, &self.teacher_size), row("student", &self.student_size)]);
        let head = ["metric", "teacher", "±", "student", "±", small, "±", "floor", "truth"].map(String::from);
        let body = self.figures.iter().map(|f| {
            let [[a, b], [c, d], [e, g]] = [f.teacher, f.student, f.i8w16a].map(|pair| pair.map(cell));
            [f.metric.clone(), a, b, c, d, e, g, cell(f.floor), cell(f.truth)]
        });
        let _ = write!(text, "\n{}", columns(&std::iter::once(head).chain(body).collect::<Vec<_>>()));
        let n = self.samples;
        let _ = writeln!(
            text,
            "\n{n} samples of seed {SEED}, on the same latents; {small}: the student as `kiln export` makes it"
        );
        text.push_str("distance of a sample from the teacher's, a coordinate\n");
        text.push_str(&self.student_error.tell("  student", self.width));
        if let Some(error) = &self.i8w16a_error {
            text.push_str(&error.tell(&format!("  in {small}"), self.width));
        }
        self.notes.iter().for_each(|note| {
            let _ = writeln!(text, "{note}");
        });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrained;
    use crate::targets::builtin;
    use kiln_core::artifact::{FloatMlp, Network};
    use kiln_core::network::Layer;

    #[test]
    fn distances_are_of_samples_and_widths_of_coordinates() {
        // Columns ±1 about 5 and ±7 about 0: the mean variance is (1 + 49) / 2.
        let goal = [4.0, -7.0, 6.0, 7.0];
        assert!((width(&goal, 2) - 5.0).abs() < 1e-12);
        let found = Deviation::between(&[4.3, -7.4, 6.0, 7.5], &goal, 2);
        let [a, b] = [(0.25_f64 / 2.0).sqrt(); 2];
        assert!((found.rms - a).abs() < 1e-6 && (found.median - b).abs() < 1e-6, "{found:?}");
        assert_eq!(found.beyond, 0.0);
        assert_eq!(Deviation::between(&[4.0, -7.0, f32::NAN, 7.0], &goal, 2).beyond, 0.5);
        assert_eq!(Deviation::between(&[4.0, -7.8, 6.0, 7.0], &goal, 2).beyond, 0.5);
    }

    #[test]
    fn a_teacher_that_lost_a_sample_has_no_width_to_be_near_by() {
        let found = Deviation::between(&[4.0, -7.0, 6.0, 7.0], &[4.0, -7.0, f32::NAN, 7.0], 2);
        assert!(found.beyond.is_nan() && found.rms.is_nan(), "{found:?}");
        assert!(found.tell("student", f64::NAN).contains("unknown above unknown"), "{}", found.tell("", f64::NAN));
        assert!(Deviation::between(&[], &[], 2).median.is_nan());
    }

    /// MoG-40's generator, changed by hand.
    fn mog40(change: impl Fn(&mut Vec<Vec<f32>>)) -> Bytes {
        let bytes = Source::Pretrained(pretrained::all()[0]).float_model().unwrap();
        let model = Artifact::check(bytes.as_slice()).unwrap();
        let Network::Mlp(network) = model.network() else { unreachable!() };
        let mut biases: Vec<Vec<f32>> = network.layers().iter().map(|layer| layer.bias.to_vec()).collect();
        change(&mut biases);
        let layers = network.layers().iter().zip(&biases);
        let layers: Vec<Layer<'_, f32>> = layers.map(|(layer, bias)| Layer { bias, ..*layer }).collect();
        let (skip, scale) = network.factors();
        let network = FloatMlp::new(&layers, model.latent(), network.thresholds(), skip, scale).unwrap();
        Bytes::of(&Model::new("mog40", "", Network::Mlp(network)).unwrap()).unwrap()
    }

    #[test]
    fn what_integers_cannot_hold_is_told_and_judged_on_the_same_latents_all_the_same() {
        let target = builtin().remove(0);
        // One unit is switched off by a number that is too large for Q16.
        let dead = mog40(|biases| biases[0][0] = -1e6);
        let dead = checked(&dead).unwrap();
        let found = judged(&target, &dead, "dead".into(), None).unwrap();
        let why = found.small.unwrap_err().to_string();
        assert!(why.contains("too large for integers"), "{why}");
        assert_eq!(found.size.i8w16a_bytes, None);
        let same = images(&dead, SEED, EFFORT.samples()).unwrap();
        assert_eq!(found.images, same);
        let figures = |samples: &Samples| {
            let report = report(&target, samples, SEED, None).unwrap();
            quality::figures(&report, &report)
        };
        assert_eq!(found.figures, figures(&same));
        assert_ne!(
            found.figures,
            figures(&rows(&dead, SEED, 0, EFFORT.samples()).unwrap()),
            "floats have latents of their own"
        );
    }
}
