//! `kiln evaluate`: every figure of a run, a generator that comes with Kiln, a deployed model, or a file of samples, with its
//! floor or truth.

use super::given::Given;
use super::{find_target, refuse_failing, target_of_source, whole};
use crate::bars::Bars;
use crate::cli::Evaluate;
use crate::console::{print, say};
use crate::html::{self, Page, Training};
use crate::interrupt::end_on_signals;
use kiln::error::Error;
use kiln::export::bytes::is_model;
use kiln::format::Format;
use kiln::memory;
use kiln::metric::comparison::{Comparison, manifest_mixing};
use kiln::metric::origin::Origin;
use kiln::metric::suite::{Effort, judge};
use kiln::metric::{Measured, Report};
use kiln::polish::{PILOT_ROWS, polish_in_parts};
use kiln::pool::{Pool, is_pool};
use kiln::progress::{Counted, Part, Weight};
use kiln::run::{REPORT, Run};
use kiln::samples::Samples;
use kiln::source::{Source, resolve};
use kiln::target::Target;
use kiln::verdict::{Against, QUALITY, verdict};
use std::path::Path;

/// Prints the table or JSON, and writes the report.
pub fn run(arguments: &Evaluate, quiet: bool) -> Result<(), Error> {
    end_on_signals();
    let seed = whole(arguments.seed, 0, "--seed")?;
    let steps = super::sample::steps(arguments.polish)?;
    if arguments.gate.is_some_and(|gate| !gate.is_finite()) {
        return Err(Error::input("--gate is not a finite number", "give an energy, for example --gate 0"));
    }
    let (effort, bars) = (Effort::default(), Bars::new(quiet));
    if let Some(path) = &arguments.report {
        html::check_destination(path)?;
    }
    let denoising = arguments.steps.map(super::sample::denoising).transpose()?;
    let Judged { target, mut measured, mut origin, run } = judged(arguments, (seed, denoising), effort, quiet)?;
    let target = &target;
    let pool = match &arguments.reference {
        Some(path) if is_pool(path) => Some(Pool::open(path)?),
        Some(_) => None,
        // What the run itself started from.
        None => run.as_ref().map(|(run, _)| Pool::of_run(run)).transpose()?.flatten(),
    };
    let comparison = match (&pool, &arguments.reference) {
        (Some(pool), _) => Some(pool.comparison(target, seed)?),
        (None, Some(path)) => {
            check_memory(path, target)?;
            let (samples, manifest) = Given::read(path)?.of(target, quiet)?;
            Some(Comparison::given(target, samples, &path.display().to_string(), manifest.as_ref())?)
        }
        (None, None) => Comparison::of(target, measured.len()),
    };
    if steps > 0 {
        let mut samples = measured.samples;
        let parts = samples.len().div_ceil(PILOT_ROWS) as u64;
        let part = Part { weight: Weight::Brief, ..Part::new("polishing", parts) };
        let counted = Counted::new(&bars, part);
        origin = origin.polished(&polish_in_parts(target, &mut samples, steps, seed, &|| counted.tick())?);
        measured = Measured::differentiated(target, samples)?;
    }
    let mut report = judge(target, &measured, &origin, comparison.as_ref(), arguments.gate, effort, &bars);
    // Chains are not independent draws: their own R-hat says how far they are to be believed.
    if arguments.chains.is_none() && !is_pool(&arguments.what) {
        let against = Against::best(pool.as_ref(), comparison.as_ref());
        report.verdict = Some(verdict(target, &measured, against));
    }
    // What the run says of itself is of its generator.
    if let (Some((run, _)), Some(verdict), None) = (&run, &report.verdict, denoising) {
        let json = serde_json::to_vec_pretty(verdict).unwrap_or_default();
        if let Err(error) = run.write(QUALITY, &json) {
            say(format_args!("note: no {QUALITY}: {error}"));
        }
    }
    print(&if arguments.json { report.json() + "\n" } else { report.table() })?;

    write_page(arguments, &report, target, &measured, comparison.as_ref(), run.as_ref(), quiet)?;
    report.verdict.map_or(Ok(()), |verdict| refuse_failing(&verdict, &arguments.what, target))
}

/// Writes the page of a run, or where it was asked for.
fn write_page(
    arguments: &Evaluate,
    report: &Report,
    target: &Target,
    measured: &Measured,
    comparison: Option<&Comparison>,
    run: Option<&(Run, Training)>,
    quiet: bool,
) -> Result<(), Error> {
    let own = run.filter(|_| arguments.steps.is_none()).map(|(run, _)| run.file(REPORT));
    let Some(path) = arguments.report.clone().or(own) else { return Ok(()) };
    let page = Page { target, measured, comparison, report, run: run.map(|(_, training)| training) };
    match html::write(&path, &page) {
        // A run may lie where nothing can be written; the figures have been told.
        Err(error) if arguments.report.is_none() => say(format_args!("note: no report: {error}")),
        result => {
            result?;
            if !quiet {
                say(format_args!("report: {}", path.display()));
            }
        }
    }
    Ok(())
}

/// What is to be judged.
struct Judged {
    target: Target,
    measured: Measured,
    origin: Origin,
    run: Option<(Run, Training)>,
}

fn judged(
    arguments: &Evaluate,
    (seed, denoising): (u64, Option<usize>),
    effort: Effort,
    quiet: bool,
) -> Result<Judged, Error> {
    let path = &arguments.what;
    let source = path.display().to_string();
    if path.is_file() && !is_model(path) {
        if denoising.is_some() {
            let message = format!("--steps is for runs: '{source}' holds samples that were drawn");
            return Err(Error::input(message, "leave --steps out"));
        }
        let named = arguments.target.as_deref().map(|name| find_target(name, "--target: ")).transpose()?;
        if let Some(target) = &named {
            check_memory(path, target)?;
        }
        let given = Given::read(path)?;
        let target = named.map_or_else(|| given.target(), Ok)?;
        let (samples, manifest) = given.of(&target, quiet)?;
        check_judging(path, &samples)?;
        let chains = chains(arguments, &source, &samples)?;
        let mut measured = Measured::differentiated(&target, samples)?;
        let mixing = match (&manifest, chains) {
            (Some(manifest), None) => manifest_mixing(manifest),
            (_, chains) => measured.mixing(&target, chains.unwrap_or(1)),
        };
        // Figures look at the first rows: let these be of all chains.
        if let Some(chains) = chains {
            measured = measured.interleaved(chains);
        }
        let producing = manifest.map(|manifest| manifest.energy_evaluations);
        let origin = Origin { seed: None, mixing, producing, ..Origin::draws(&source, seed) };
        return Ok(Judged { target, measured, origin, run: None });
    }
    if let Some(chains) = arguments.chains {
        let message =
            format!("--chains is for files of samples: '{source}' draws each sample on its own, not {chains} chains");
        return Err(Error::input(message, "leave --chains out"));
    }
    let generator = resolve(path)?;
    if let Some(name) = arguments.target.as_deref().filter(|name| *name != generator.target()) {
        let message = format!("--target is {name}, but '{source}' is of {}", generator.target());
        return Err(Error::input(message, "leave --target out: a generator knows its target"));
    }
    let target = target_of_source(&generator, path)?;
    let sampler = denoising.map_or_else(|| generator.open(), |steps| generator.open_in_steps(steps))?;
    generator.check_dim(sampler.dim(), &target)?;
    let n = match &generator {
        Source::Pool(pool) => effort.samples().min(pool.samples.len()),
        _ => effort.samples(),
    };
    let measured = Measured::differentiated(&target, sampler.rows(seed, 0, n)?)?;
    let told = denoising.map_or_else(|| source.clone(), |steps| format!("{source} in {steps} steps of its denoiser"));
    let draws = Origin::draws(&told, seed);
    Ok(match generator {
        Source::Run(run, config) => {
            let training = Training::read(&run, &config)?;
            let origin = Origin { training: training.energy_evaluations(), ..draws };
            Judged { target, measured, origin, run: Some((run, training)) }
        }
        Source::Pretrained(_) | Source::Model(_) => Judged { target, measured, origin: draws, run: None },
        Source::Pool(pool) => {
            let origin = Origin { mixing: pool.mixing(), producing: Some(pool.facts.evaluations), ..draws };
            Judged { target, measured, origin, run: None }
        }
    })
}

/// How many chains a file is said to hold.
fn chains(arguments: &Evaluate, source: &str, samples: &Samples) -> Result<Option<usize>, Error> {
    let Some(chains) = arguments.chains else { return Ok(None) };
    let rows = samples.len();
    match usize::try_from(chains) {
        Err(_) | Ok(0) => Err(Error::input(
            format!("--chains is {chains}, but must be a number of chains"),
            "give how many chains stand one after another in the file, for example --chains 4",
        )),
        Ok(chains) if !rows.is_multiple_of(chains) => Err(Error::input(
            format!("--chains is {chains}, but '{source}' holds {rows} rows, which do not make {chains} equal parts"),
            "the file must hold chains of equal length, one after another",
        )),
        Ok(chains) => Ok(Some(chains)),
    }
}

/// Refuses a file that needs more memory than there is before it is read: its samples are read, kept and measured, and as
/// many exact ones drawn beside them where the target has a sampler.
fn check_memory(path: &Path, target: &Target) -> Result<(), Error> {
    let Ok(file) = std::fs::metadata(path) else { return Ok(()) };
    // A number takes up to eight bytes; in text, about ten. Compressed, there are more than that.
    let numbers = file.len() / if Format::of(path)?.is_text() { 10 } else { 8 };
    check_numbers(path, numbers, numbers / target.dim().max(1) as u64)
}

/// The same of samples that were read.
fn check_judging(path: &Path, samples: &Samples) -> Result<(), Error> {
    check_numbers(path, samples.data.len() as u64, samples.len() as u64)
}

fn check_numbers(path: &Path, numbers: u64, rows: u64) -> Result<(), Error> {
    memory::check(
        numbers.saturating_mul(20) + rows * 100,
        &format!("judging '{}'", path.display()),
        "judge a part of it: most figures look at 20,000 samples",
    )
}
