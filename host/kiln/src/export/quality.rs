//! The deployed generator beside the float one: the same figures on images of the same latents, and how far the images
//! are apart. All of it goes into the model's metadata.

use super::calibrate;
use super::draw::{images, rows};
use super::unfit;
use crate::error::Error;
use crate::metric::comparison::Comparison;
use crate::metric::number::figure;
use crate::metric::suite::{Effort, judge};
use crate::metric::{Measured, Origin, Report};
use crate::progress::Silent;
use crate::samples::Samples;
use crate::target::Target;
use kiln_core::artifact::{Format, Model};
use kiln_metrics::number;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// What an export spends on figures: `kiln evaluate` is more thorough.
pub const EFFORT: Effort = Effort { n: 10_000, distance_n: 1000, repeats: 5, geometric: false };

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The target's name.
    pub target: String,
    /// The target's convention.
    pub convention: String,
    /// The numbers it computes with.
    pub format: String,
    /// What wrote it.
    pub made_by: String,
    /// What it was made of.
    pub made_of: String,
    /// What the weights were rounded by; none for floats.
    pub calibration: Option<Calibration>,
    /// Its figures, if it was judged.
    pub quality: Option<Quality>,
}

/// Samples that showed the activations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Their seed.
    pub seed: u64,
    /// How many.
    pub samples: usize,
    /// How much wider than what was seen the ranges are at least.
    pub head_room: f32,
}

/// How good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Seed of the samples that were judged.
    pub seed: u64,
    /// How many.
    pub samples: usize,
    /// Between the images of the same latents, in the target's units; none for floats.
    pub difference: Option<Difference>,
    /// The same of the networks' outputs before their frames or cells: in standard deviations of the target, about. None without frames
    /// or cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whitened: Option<Difference>,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// |x − x'| of coordinates, or |u − u'| of the networks' outputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its root mean square.
    #[serde(with = "number")]
    pub rms: f64,
    /// What one in a hundred exceeds; models of earlier builds have it by another name.
    #[serde(alias = "hundredth", with = "number")]
    pub p99: f64,
    /// The largest.
    #[serde(with = "number")]
    pub largest: f64,
}

/// One figure of both generators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub metric: String,
    /// Of the float generator, on the same latents.
    #[serde(default, with = "number::optional")]
    pub float: Option<f64>,
    /// Its standard error, or standard deviation over draws.
    #[serde(default, with = "number::optional")]
    pub float_sd: Option<f64>,
    /// Of the deployed generator.
    #[serde(default, with = "number::optional")]
    pub deployed: Option<f64>,
    /// Its standard error, or standard deviation over draws.
    #[serde(default, with = "number::optional")]
    pub deployed_sd: Option<f64>,
    /// Between exact sets.
    #[serde(default, with = "number::optional")]
    pub floor: Option<f64>,
    /// The exact value.
    #[serde(default, with = "number::optional")]
    pub truth: Option<f64>,
}

impl Metadata {
    /// What is known before the model is judged.
    pub fn new(target: &Target, format: Format, made_of: String) -> Self {
        let calibration =
            Calibration { seed: calibrate::SEED, samples: calibrate::SAMPLES, head_room: calibrate::HEAD_ROOM };
        Self {
            target: target.name().into(),
            convention: target.convention().into(),
            format: format.name().into(),
            made_by: format!("kiln {}", env!("CARGO_PKG_VERSION")),
            made_of,
            calibration: (format != Format::F32).then_some(calibration),
            quality: None,
        }
    }

    /// JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Judges the deployed generator and the float one on the same latents.
///
/// # Errors
/// If the model is of another target.
pub fn compare(target: &Target, float: &Model<'_>, deployed: &Model<'_>, seed: u64) -> Result<Quality, Error> {
    let n = EFFORT.samples();
    let ours = rows(deployed, seed, 0, n)?;
    let comparison = Comparison::of(target, n);
    let report = |samples: &Samples| report(target, samples, seed, comparison.as_ref());
    let judged = report(&ours)?;
    // A model in floats is the float generator.
    if deployed.format() == Format::F32 {
        return Ok(Quality { seed, samples: n, difference: None, whitened: None, figures: figures(&judged, &judged) });
    }
    let theirs = images(float, seed, n)?;
    let figures = figures(&report(&theirs)?, &judged);
    let whitened = deployed.frame().map(|_| {
        Ok::<_, Error>(difference(
            &rows(&without_frame(deployed)?, seed, 0, n)?,
            &images(&without_frame(float)?, seed, n)?,
        ))
    });
    let difference = Some(difference(&ours, &theirs));
    Ok(Quality { seed, samples: n, difference, whitened: whitened.transpose()?, figures })
}

/// What gives the network's outputs as samples: no file holds it where they choose among cells.
fn without_frame<'a>(model: &Model<'a>) -> Result<Model<'a>, Error> {
    Model::new(model.target(), "", model.network().clone()).map_err(unfit)
}

/// What is measured on samples of a seed.
///
/// # Errors
/// If the samples have other coordinates than the target.
pub fn report(target: &Target, samples: &Samples, seed: u64, comparison: Option<&Comparison>) -> Result<Report, Error> {
    let measured = Measured::of(target, samples.clone())?;
    Ok(judge(target, &measured, &Origin::draws("a model", seed), comparison, None, EFFORT, &Silent))
}

/// The figures of both generators side by side.
pub fn figures(float: &Report, deployed: &Report) -> Vec<Figure> {
    let pairs = float.rows.iter().zip(&deployed.rows);
    let pair = pairs.map(|(float, deployed)| Figure {
        metric: deployed.metric.clone(),
        float: Some(rounded(float.value)),
        float_sd: float.sd.map(rounded),
        deployed: Some(rounded(deployed.value)),
        deployed_sd: deployed.sd.map(rounded),
        floor: deployed.floor.map(rounded),
        truth: deployed.truth.map(rounded),
    });
    pair.collect()
}

/// Six digits: it lies in flash.
fn rounded(value: f64) -> f64 {
    if value.is_finite() { format!("{value:.5e}").parse().unwrap_or(value) } else { value }
}

/// How far apart two sets of samples are, coordinate by coordinate; NaN where one is lost.
pub fn difference(ours: &Samples, theirs: &Samples) -> Difference {
    let pairs = ours.data.iter().zip(&theirs.data);
    let mut all: Vec<f64> = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).collect();
    all.sort_by(f64::total_cmp);
    let at = |share: usize| all.get(all.len() * share / 100).or(all.last()).copied().unwrap_or(f64::NAN);
    Difference {
        rms: rounded((all.iter().map(|d| d * d).sum::<f64>() / all.len() as f64).sqrt()),
        p99: rounded(at(99)),
        largest: rounded(at(100)),
    }
}

/// A table that reads without colour.
pub fn table(quality: &Quality, format: &str) -> String {
    let cell = |value: Option<f64>| value.map_or("-".into(), figure);
    let head = ["metric", "float", "±", format, "±", "floor", "truth"].map(String::from);
    let body = quality.figures.iter().map(|f| {
        let [float, float_sd, deployed, sd, floor, truth] =
            [f.float, f.float_sd, f.deployed, f.deployed_sd, f.floor, f.truth].map(cell);
        [f.metric.clone(), float, float_sd, deployed, sd, floor, truth]
    });
    let mut text = columns(&std::iter::once(head).chain(body).collect::<Vec<_>>());
    let (n, seed) = (quality.samples, quality.seed);
    let _ = writeln!(text, "\n{n} samples of seed {seed}; float: the float generator on the same latents");
    let mut tell = |of: &str, difference: Option<Difference>| {
        let Some(Difference { rms, p99, largest }) = difference else { return };
        let [rms, p99, largest] = [rms, p99, largest].map(figure);
        let _ = writeln!(
            text,
            "distance of {of} from the float generator's: rms {rms}, 1 in 100 above {p99}, largest {largest}"
        );
    };
    let behind = if quality.whitened.is_some() { "a coordinate, in the target's units," } else { "a coordinate" };
    tell(behind, quality.difference);
    tell("an output of the network, before the frame,", quality.whitened);
    text
}

/// Lines of cells, the first column to the left, a rule below the first line.
pub fn columns<const N: usize>(lines: &[[String; N]]) -> String {
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        if at == 0 {
            let _ = writeln!(text, "{}", "-".repeat(widths.iter().sum::<usize>() + 2 * (N - 1)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_of_coordinates() {
        let ours = Samples { dim: 2, data: vec![0.0, 1.0, 2.0, 3.0] };
        let theirs = Samples { dim: 2, data: vec![0.0, 1.0, 2.0, 5.0] };
        assert_eq!(difference(&ours, &theirs), Difference { rms: 1.0, p99: 2.0, largest: 2.0 });
    }

    #[test]
    fn lost_coordinates_are_unknown_distances_and_can_be_read_back() {
        let [ours, theirs] = [[0.0, f32::NAN], [0.0, 1.0]].map(|x| Samples { dim: 2, data: x.to_vec() });
        let found = difference(&ours, &theirs);
        assert!(found.rms.is_nan() && found.largest.is_nan());
        let text = serde_json::to_string(&found).unwrap();
        assert!(text.contains("\"rms\":\"unknown\""), "{text}");
        assert!(serde_json::from_str::<Difference>(&text).unwrap().rms.is_nan());
        assert!(difference(&Samples { dim: 2, data: vec![] }, &Samples { dim: 2, data: vec![] }).largest.is_nan());
    }

    #[test]
    fn models_of_earlier_builds_say_how_good_they_are() {
        let text = |key: &str| format!("{{\"rms\":1.0,\"{key}\":2.0,\"largest\":3.0}}");
        let read = |key: &str| serde_json::from_str::<Difference>(&text(key)).unwrap();
        let difference = Difference { rms: 1.0, p99: 2.0, largest: 3.0 };
        assert_eq!([read("p99"), read("hundredth")], [difference; 2]);
        assert!(serde_json::to_string(&difference).unwrap().contains("\"p99\":2.0"));
    }

    #[test]
    fn distances_say_what_they_are_in() {
        let [x, u] = [3.0, 0.5].map(|rms| Difference { rms, p99: rms, largest: rms });
        let of = |whitened| Quality { seed: 0, samples: 9, difference: Some(x), whitened, figures: Vec::new() };
        let [bare, framed] = [of(None), of(Some(u))];
        assert!(
            table(&bare, "i8w16a")
                .ends_with("distance of a coordinate from the float generator's: rms 3, 1 in 100 above 3, largest 3\n")
        );
        let text = table(&framed, "i8w16a");
        assert!(text.contains("a coordinate, in the target's units, from the float generator's: rms 3"), "{text}");
        assert!(
            text.contains("output of the network, before the frame, from the float generator's: rms 0.5"),
            "{text}"
        );
        let json = |quality: &Quality| serde_json::to_string(quality).unwrap();
        assert!(!json(&bare).contains("whitened"), "files without a frame are as they were");
        assert_eq!(serde_json::from_str::<Quality>(&json(&framed)).unwrap(), framed);
    }

    #[test]
    fn tables_line_up() {
        let line = |a: &str, b: &str| [a.to_string(), b.to_string()];
        assert_eq!(columns(&[line("a", "long"), line("ab", "1")]), "a   long\n--------\nab     1\n");
    }
}
