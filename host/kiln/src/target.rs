//! What a target is: an energy with a name and what is known of its distribution. The ones that Kiln brings are in
//! `targets`; one of your own is [`Target::new`] with any [`Energy`], whose dimension may be known at run time
//! only.
//!
//! A target knows no algorithm: what trains, polishes, tempers or judges takes a target, or its energy alone.

mod energy;

pub use crate::known::{Bar, Embedded, Pretrained, Relation, Structure};

pub(crate) use energy::Unknown;

use crate::bounded::Bounded;
use crate::config::Settings;
use crate::error::Error;
use crate::preset::{self, Found, PRESETS};
use kiln_core::Energy;
use kiln_core::random::{Purpose, Stream};
use kiln_core::symmetry::Symmetry;
use kiln_explore::Bound;
use kiln_gpu::pack::{Pack, PackEnergy};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Draws one exact sample.
type Exact = dyn Fn(&mut Stream) -> Vec<f64> + Send + Sync;
/// Says why an evaluation failed, once one has.
type Watch = dyn Fn() -> Option<String> + Send + Sync;

/// A distribution p(x) ∝ exp(-E(x)).
#[derive(Clone)]
pub struct Target {
    name: String,
    title: String,
    summary: String,
    convention: String,
    /// Whether the energy is at hand.
    known: bool,
    energy: Arc<dyn Energy<f64> + Send + Sync>,
    /// The same energy at sixteen points at a time.
    packs: Arc<PackEnergy<'static>>,
    /// What training sees, where it is not the energy itself.
    surrogate: Option<Arc<PackEnergy<'static>>>,
    structure: Structure,
    mean_energy: Option<f64>,
    window: Option<[f64; 4]>,
    exact: Option<Arc<Exact>>,
    /// `direct` and `paper`.
    presets: [Settings; 2],
    reference: Option<Embedded>,
    pretrained: Option<&'static Pretrained>,
    bars: &'static [Bar],
    /// The file that its energy comes from.
    file: Option<PathBuf>,
    /// Whether it is a function whose text is not at hand.
    called: bool,
    names: Vec<String>,
    /// Where each coordinate may be.
    bounds: Vec<Bound>,
    /// A file of exact samples.
    truth: Option<PathBuf>,
    /// Why an evaluation failed, once one has.
    failure: Option<Arc<Watch>>,
}

impl Target {
    /// An energy of which nothing else is known. `name` is a word for files and commands.
    pub fn new<E: Energy<f64> + Energy<Pack> + Send + Sync + 'static>(name: &str, energy: E) -> Self {
        Self::shared(name, Arc::new(energy))
    }

    /// The same of an energy that is used elsewhere too.
    pub fn shared<E: Energy<f64> + Energy<Pack> + Send + Sync + 'static>(name: &str, energy: Arc<E>) -> Self {
        let dim = Energy::<f64>::dim(&*energy);
        let structure = match Energy::<f64>::symmetry(&*energy) {
            Symmetry::None => Structure::Unknown,
            Symmetry::Particles { count, dimensions } => Structure::Particles { count, dimensions },
        };
        Self {
            name: name.into(),
            title: name.into(),
            summary: format!("{dim} dimensions"),
            convention: "E as implemented".into(),
            known: true,
            energy: energy.clone(),
            packs: energy,
            surrogate: None,
            structure,
            mean_energy: None,
            window: None,
            exact: None,
            presets: preset::general(dim),
            reference: None,
            pretrained: None,
            bars: &[],
            file: None,
            called: false,
            names: (0..dim).map(|k| format!("x{k}")).collect(),
            bounds: vec![Bound::NONE; dim],
            truth: None,
            failure: None,
        }
    }

    /// Whose evaluations can fail: what is returned says why, once one has. From then on the energy should be infinite.
    #[must_use]
    pub fn failing(mut self, failure: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.failure = Some(Arc::new(failure));
        self
    }

    /// Refuses an energy of which an evaluation has failed.
    ///
    /// # Errors
    /// If one has.
    pub fn check(&self) -> Result<(), Error> {
        let Some(why) = self.failure.as_ref().and_then(|failure| failure()) else { return Ok(()) };
        let message = format!("the energy {} failed: {why}", self.title);
        Err(Error::input(message, "mend it where it comes from; what was done before is kept"))
    }

    /// A target whose energy is not at hand, such as that of a run which another program trained: enough to draw and to
    /// write samples. Its energy is NaN everywhere.
    pub fn without_energy(name: &str, dim: usize, convention: &str) -> Self {
        let target = Self::new(name, Unknown(dim)).described(name, &format!("{dim} dimensions"), convention);
        Self { known: false, ..target }
    }

    /// Whether its energy is at hand.
    pub fn has_energy(&self) -> bool {
        self.known
    }

    /// The title, one line on the distribution, and the energy's formula with all constants.
    #[must_use]
    pub fn described(mut self, title: &str, summary: &str, convention: &str) -> Self {
        (self.title, self.summary, self.convention) = (title.into(), summary.into(), convention.into());
        self
    }

    /// The same under another convention's name: the energy was found to be the same.
    #[must_use]
    pub fn known_as(self, convention: &str) -> Self {
        Self { convention: convention.into(), ..self }
    }

    /// What is known of its modes.
    #[must_use]
    pub fn structured(mut self, structure: Structure) -> Self {
        self.structure = structure;
        self
    }

    /// The exact mean energy.
    #[must_use]
    pub fn with_mean_energy(mut self, mean_energy: f64) -> Self {
        self.mean_energy = Some(mean_energy);
        self
    }

    /// Trains on another energy, such as one with a softer core. Everything else uses the true one.
    #[must_use]
    pub fn trained_on(mut self, surrogate: impl Energy<Pack> + Send + Sync + 'static) -> Self {
        self.surrogate = Some(Arc::new(surrogate));
        self
    }

    /// An exact sampler, for floors and pictures.
    #[must_use]
    pub fn sampled(mut self, exact: impl Fn(&mut Stream) -> Vec<f64> + Send + Sync + 'static) -> Self {
        self.exact = Some(Arc::new(exact));
        self
    }

    /// For two dimensions: the region to draw, [x_min, x_max, y_min, y_max].
    #[must_use]
    pub fn drawn(mut self, window: [f64; 4]) -> Self {
        self.window = Some(window);
        self
    }

    /// Its own recipes of training, `direct` and `paper`.
    #[must_use]
    pub fn with_presets(mut self, presets: [Settings; 2]) -> Self {
        self.presets = presets;
        self
    }

    /// What comes with Kiln: reference samples and a trained generator.
    #[must_use]
    pub fn shipped(mut self, reference: Option<Embedded>, pretrained: Option<&'static Pretrained>) -> Self {
        (self.reference, self.pretrained) = (reference, pretrained);
        self
    }

    /// What a training must reach, with default settings, of particles by `direct`.
    #[must_use]
    pub fn with_bars(mut self, bars: &'static [Bar]) -> Self {
        self.bars = bars;
        self
    }

    /// The coordinates' names and bounds. Outside the bounds the energy is infinite from here on.
    #[must_use]
    pub fn with_coordinates(mut self, names: Vec<String>, bounds: Vec<Bound>) -> Self {
        if bounds.iter().any(|bound| !bound.is_none()) {
            self.energy = Arc::new(Bounded::new(self.energy, &bounds));
            self.packs = Arc::new(Bounded::new(self.packs, &bounds));
        }
        (self.names, self.bounds) = (names, bounds);
        self
    }

    /// The file that its energy comes from, and one of exact samples.
    #[must_use]
    pub fn from_file(self, file: PathBuf, truth: Option<PathBuf>) -> Self {
        Self { file: Some(file), truth, ..self }
    }

    /// A function of another program, of which no text tells whether it is the same: its values do.
    #[must_use]
    pub fn called(self) -> Self {
        Self { called: true, ..self }
    }

    /// Whether it is such a function.
    pub fn is_called(&self) -> bool {
        self.called
    }

    /// Whether a person brought it: nothing is known of it beforehand.
    pub fn is_brought(&self) -> bool {
        self.called || self.file.is_some()
    }

    /// The file that its energy comes from; none of a built-in one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Names of the coordinates.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where each coordinate may be.
    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }

    /// Where its file says that exact samples are.
    pub fn truth(&self) -> Option<&Path> {
        self.truth.as_deref()
    }

    /// The short name used on the command line, such as `mog40`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name in titles, such as `MoG-40`.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// One line for `kiln targets`.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// The energy's formula with all constants: part of every output, since conventions differ between papers.
    pub fn convention(&self) -> &str {
        &self.convention
    }

    /// Number of coordinates.
    pub fn dim(&self) -> usize {
        self.energy.dim()
    }

    /// E(x) in f64; NaN where x has another number of coordinates. Counted by whoever calls it.
    pub fn energy(&self, x: &[f64]) -> f64 {
        if x.len() == self.dim() { self.energy.energy(x) } else { f64::NAN }
    }

    /// E(x), with ∇E(x) (dim) written to `gradient`, in f64.
    ///
    /// # Panics
    /// If a slice has another length than the target's dimension.
    pub fn energy_and_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.energy.energy_and_gradient(x, gradient)
    }

    /// The energy at sixteen points at a time, in f32: what polishing moves on.
    pub fn packs(&self) -> &PackEnergy<'_> {
        &*self.packs
    }

    /// What training asks, which may differ from the energy where no sample should lie.
    pub fn training(&self) -> &PackEnergy<'_> {
        self.surrogate.as_deref().unwrap_or(&*self.packs)
    }

    /// Whether there is an exact sampler.
    pub fn is_exact(&self) -> bool {
        self.exact.is_some()
    }

    /// `n` exact samples, row by row, if there is an exact sampler.
    pub fn exact_samples(&self, seed: u64, n: usize) -> Option<Vec<f32>> {
        let exact = self.exact.as_ref()?;
        let draw = |row| exact(&mut Stream::new(seed, Purpose::Reference, row as u64));
        Some((0..n).flat_map(|row| draw(row).into_iter().map(|x| x as f32)).collect())
    }

    /// What is known of its structure, which decides the metrics.
    pub fn structure(&self) -> Structure {
        self.structure.clone()
    }

    /// What leaves the energy unchanged.
    pub fn symmetry(&self) -> Symmetry {
        self.energy.symmetry()
    }

    /// The exact mean energy, if known.
    pub fn mean_energy(&self) -> Option<f64> {
        self.mean_energy
    }

    /// The settings of a preset, one of [`PRESETS`].
    pub fn preset(&self, name: &str) -> Option<Settings> {
        PRESETS.iter().position(|preset| *preset == name).map(|at| self.recipe(at))
    }

    /// The settings of the preset `direct`, which needs no exploration.
    pub fn settings(&self) -> Settings {
        self.recipe(1)
    }

    /// Of the default as it is before an exploration has said how fine noise must be.
    fn recipe(&self, at: usize) -> Settings {
        let settings = match at {
            0 => preset::learned(self.dim(), self.symmetry(), Found::UNIT),
            at => self.presets[at - 1].clone(),
        };
        self.named(settings, at)
    }

    /// Settings of the preset of that place in [`PRESETS`] for this target.
    pub(crate) fn named(&self, mut settings: Settings, at: usize) -> Settings {
        (settings.run.target, settings.run.preset) = (self.name.clone(), PRESETS[at].into());
        settings
    }

    /// Reference samples that come with Kiln; none without feature `embedded`.
    pub fn reference(&self) -> Option<Embedded> {
        self.reference
    }

    /// The trained generator that comes with Kiln; none without feature `embedded`.
    pub fn pretrained(&self) -> Option<&'static Pretrained> {
        self.pretrained
    }

    /// What a training must reach, with default settings, of particles by `direct`.
    pub fn bars(&self) -> &'static [Bar] {
        self.bars
    }

    /// For two dimensions: the region to draw, [x_min, x_max, y_min, y_max].
    pub fn window(&self) -> Option<[f64; 4]> {
        self.window
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("convention", &self.convention).finish_non_exhaustive()
    }
}
