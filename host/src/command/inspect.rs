//! `kiln inspect`: what a model's file holds, part by part.

use crate::cli::Inspect;
use crate::console::print;
use kiln::error::Error;
use kiln::export::bytes::ModelFile;
use kiln::export::parts::{Part, parts};
use kiln::export::quality::{Metadata, columns, table};
use kiln::metric::number::figure;
use kiln::pretrained;
use kiln::run::CONFIG;
use kiln_core::artifact::{Model, ModelFrame, Network};
use std::fmt::Write as _;

/// Prints the explanation.
pub fn run(arguments: &Inspect) -> Result<(), Error> {
    let place = &arguments.model;
    let file = ModelFile::open(place).map_err(|error| {
        // What `kiln export` takes can be inspected after it.
        let name = place.to_str().filter(|name| !place.exists() && pretrained::find(name).is_some());
        if name.is_some() || place.join(CONFIG).is_file() {
            return error.with_hint(format!("`kiln export {} -o model.kiln` makes a model of it", place.display()));
        }
        error
    })?;
    print(&text(&file.model()?, file.bytes()))
}

fn text(model: &Model<'_>, bytes: &[u8]) -> String {
    let kind = if model.network().of_particles() { "messages between particles" } else { "layers of units" };
    let parts = parts(model);
    let mut text = format!("{} in {}: {kind}\n\n", model.target(), model.format().name());
    let checksum = u32::from_le_bytes(std::array::from_fn(|i| bytes.get(12 + i).copied().unwrap_or(0)));
    let sizes = [
        ("file", format!("version {}, {} bytes, checksum {checksum:08x} holds", model.version(), bytes.len())),
        ("sample", format!("{} coordinates of {} latent numbers", model.dim(), model.latent())),
        ("buffers to run", format!("{} bytes", 8 * model.scratch() + 4 * model.dim())),
        ("thresholds", thresholds(model)),
        ("network", network(model)),
    ];
    for (name, value) in sizes.into_iter().chain(model.frame().map(|held| (title(held), frame(held)))) {
        let _ = writeln!(text, "{name:<16}{value}");
    }
    let metadata = serde_json::from_str::<Metadata>(model.metadata());
    if let Ok(metadata) = &metadata {
        let _ = writeln!(text, "{:<16}{} from {}", "made by", metadata.made_by, metadata.made_of);
        let _ = writeln!(text, "{:<16}{}", "convention", metadata.convention);
        if let Some(calibration) = &metadata.calibration {
            let (n, seed, room) = (calibration.samples, calibration.seed, calibration.head_room);
            let _ = writeln!(text, "{:<16}{n} samples of seed {seed}, head room {room}", "calibration");
        }
    }
    let _ = write!(text, "\n{}\n", columns(&table_of(&parts)));
    let of_parts: usize = parts.iter().map(|part| part.bytes).sum();
    let texts = model.target().len() + model.metadata().len();
    let rest = bytes.len() - of_parts - texts;
    let frame = model.frame().map_or(String::new(), |held| format!(", {}", title(held)));
    let _ = writeln!(
        text,
        "bytes: {of_parts} of parts, {texts} of texts, {rest} of header, thresholds, sizes{frame} and fill"
    );
    match metadata {
        Ok(Metadata { quality: Some(quality), format, .. }) => {
            let _ = write!(text, "\n{}", table(&quality, &format));
        }
        Ok(_) => text.push_str("\nit was not judged: `kiln evaluate` does\n"),
        Err(_) if model.metadata().is_empty() => {}
        Err(_) => text.push_str("\nits metadata is not of this build of Kiln\n"),
    }
    text
}

fn table_of(parts: &[Part]) -> Vec<[String; 7]> {
    let head = ["part", "outputs", "inputs", "they enter as", "weights from", "to", "bytes"].map(String::from);
    let line = |part: &Part| {
        let enter = part.point.map_or("f32".into(), |point| format!("n/2^{point}"));
        let [low, high] = part.range.map(figure);
        [part.name.clone(), part.outputs.to_string(), part.inputs.to_string(), enter, low, high, part.bytes.to_string()]
    };
    std::iter::once(head).chain(parts.iter().map(line)).collect()
}

/// What it is called.
fn title(frame: &ModelFrame<'_>) -> &'static str {
    if frame.cells().is_some() { "cells" } else { "frame" }
}

/// What a frame is made of, or cells.
fn frame(frame: &ModelFrame<'_>) -> String {
    let factor = if frame.is_triangle() { "a lower triangle" } else { "a diagonal" };
    let ends = match frame.bounded() {
        0 => "no coordinate has an end".to_string(),
        1 => "1 coordinate has an end".to_string(),
        many => format!("{many} coordinates have ends"),
    };
    match frame.cells() {
        None => format!("x = phi(m + L u) of the network's u, L {factor}; {ends}"),
        Some(&[cells]) => format!("x = phi(m + L v) of the network's v, in {cells} cells; {ends}"),
        Some(cells) => {
            let (blocks, most) = (cells.len(), cells.iter().max().copied().unwrap_or(0));
            format!("x = phi(m + L v) of the network's v, in {blocks} blocks of up to {most} cells; {ends}")
        }
    }
}

fn thresholds(model: &Model<'_>) -> String {
    let fixed = |thresholds: &[i32]| thresholds.iter().map(|c| f64::from(*c) / 65_536.0).collect::<Vec<_>>();
    let float = |thresholds: &[f32]| thresholds.iter().map(|c| f64::from(*c)).collect::<Vec<_>>();
    let all = match model.network() {
        Network::Mlp(network) => float(network.thresholds()),
        Network::Egnn(network) => float(network.thresholds()),
        Network::Mlp16(network) => fixed(network.thresholds()),
        Network::Mlp8(network) => fixed(network.thresholds()),
        Network::Egnn16(network) => fixed(network.thresholds()),
        Network::Egnn8(network) => fixed(network.thresholds()),
    };
    match (all.first(), all.last()) {
        (Some(first), Some(last)) => {
            format!("{} of each number, from {} to {}", all.len(), figure(*first), figure(*last))
        }
        _ => "none".into(),
    }
}

fn network(model: &Model<'_>) -> String {
    let particles = |n: usize, d: usize, functions: usize, range: f64| {
        format!(
            "{n} particles in {d} dimensions, {functions} radial functions, coordinate factors up to {}",
            figure(range)
        )
    };
    let fixed = |shape: &kiln_core::fixed::EgnnShape| {
        particles(shape.particles, shape.dimensions, shape.radial.count(), f64::from(shape.range) / 65_536.0)
    };
    match model.network() {
        Network::Mlp(network) => format!("{} layers", network.layers().len()),
        Network::Mlp16(network) => format!("{} layers", network.layers().len()),
        Network::Mlp8(network) => format!("{} layers", network.layers().len()),
        Network::Egnn(network) => {
            let shape = network.shape();
            particles(shape.particles, shape.dimensions, shape.radial.count(), f64::from(shape.range))
        }
        Network::Egnn16(network) => fixed(network.shape()),
        Network::Egnn8(network) => fixed(network.shape()),
    }
}
