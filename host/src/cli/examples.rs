//! Below each command's help stand examples, in lines that fit a terminal of 80 columns, and paragraphs. A paragraph is one
//! line here: clap wraps it, once, to the terminal's width.

pub const EXAMPLES: &str = "\
Examples:
  kiln train                      train on MoG-40 with our recipe, minutes
  kiln train mw32 --budget 15m    Many-Well-32, at most 15 minutes
  kiln sample runs/mog40-kiln-seed0 -n 10000 -o samples.npy
  kiln evaluate runs/mog40-kiln-seed0
  kiln export mog40 --format i8w16a -o mog40.kiln
  kiln explore mine.toml          your own energy: its modes, a pool of states
  kiln targets                    what can be sampled
  kiln presets                    the recipes side by side

Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 a bar or verdict missed, 2 input, 3 numerics, \
70 a defect of Kiln, 130 interrupted.";

pub const TRAIN_EXAMPLES: &str = "\
Examples:
  kiln train
  kiln train mw32 --seed 3 --out runs/try
  kiln train --set train.steps=2000 --set train.batch=256
  kiln train --config mine.toml --budget 1h30m
  kiln train --preset paper           the published recipe, to compare with
  kiln train --preset direct          ask the energy at every sample instead
  kiln train mine.toml                explores a formula, then learns from that
  kiln train mw32 --evaluations 5e6   with half of the usual evaluations
  kiln train --resume runs/try        go on where it ended, to the same bits
  kiln train --resume runs/try --set train.steps=40000

Settings are layered: preset, then --config, then --set, then flags. `kiln presets TARGET` prints them all as TOML. Ctrl-C \
writes a checkpoint and leaves a run that --resume takes up again, for longer with --set train.steps. Exit code 1: the samples \
fail the verdict, or the training ran away three times; the run is kept.";

pub const SAMPLE_EXAMPLES: &str = "\
Examples:
  kiln sample runs/mog40-kiln-seed0 -n 10000 -o samples.npy
  kiln sample runs/mog40-kiln-seed0 -n 500 -o samples.csv --seed 7
  kiln sample runs/lj13 -n 1000 -o lj13.extxyz --polish 20 --gate 0
  kiln sample lj13 -n 100000 -o lj13.xyz.gz               for ASE, OVITO, VMD
  kiln sample mw32 -n 1000 -o - | mlr --icsv --ojson cat  to another program
  kiln sample runs/mine -n 1000 -o fine.npy --steps 20    from its denoiser

Samples are those of the seed in order: more of them begin with the fewer, polished or not. A gate cuts the distribution off \
above E; how much it left out is told.";

pub const EXPLORE_EXAMPLES: &str = "\
Examples:
  kiln explore mine.toml
  kiln explore mine.toml --evaluations 2e7 --seed 1 -o explored/mine
  kiln explore mine.toml --budget 2m --pool starts.csv
  kiln sample explored/mine-seed0 -n 10000 -o samples.npy

docs/formula.md is the language of formula files. The energy is probed first: a gradient that is not its own, or a symmetry \
that does not hold, is refused. Ladders of replicas then run independently of each other, so that what all agree on was found \
many times. Exit code 1: the pool was written, but is not converged; the reasons are told. A narrow mode that no start and no \
hot replica enters stays unseen.";

pub const FORMULA_EXAMPLES: &str = "\
Examples:
  kiln formula mine.toml
  kiln formula mine.toml --at 0.5,-1";

pub const REFERENCE_EXAMPLES: &str = "\
Examples:
  kiln reference lj13            10,000 frames, lj13-reference.npy and .json
  kiln reference dw4 -n 50000 -o dw4.npy --seed 1
  kiln reference lj55 -n 2000 --effort 0.5
  kiln reference mine.toml       your own energy

mog40 and mw32 have exact samplers. Elsewhere the target is explored as by `kiln explore`, until the effective sample size of \
all that is watched is twice -n or --evaluations are spent; frames are states of its independent ladders, as far apart as they can be. \
The manifest says how many independent frames they are worth. Nothing is written, and the exit code is 1, where R-hat exceeds \
1.01, the exploration doubts its states, or the virial E[x·∇E] misses the number of free coordinates by more than four standard \
errors; a coordinate with bounds is looked at without them, by its logarithm or logit.";

pub const EVALUATE_EXAMPLES: &str = "\
Examples:
  kiln evaluate runs/mog40-kiln-seed0
  kiln evaluate runs/mog40-kiln-seed0 --json > figures.json
  kiln evaluate runs/lj13-kiln-seed0 --polish 20
  kiln evaluate lj.npy --target lj13 --reference mine.npy --report lj.html

Every figure stands beside its floor, the same figure between two independent exact sets. References: --reference, else the \
target's exact sampler, else the one shipped with Kiln. A run gets its report.html into its directory.";

pub const EXPORT_EXAMPLES: &str = "\
Examples:
  kiln export runs/mog40-kiln-seed0 -o mog40.kiln
  kiln export mog40 --format i8w16a -o mog40.kiln --rust mog40.rs --c mog40.h
  kiln evaluate mog40.kiln            the deployed generator, judged like any
  kiln inspect mog40.kiln

Formats: i16w16a (16-bit weights and activations), i8w16a (8-bit weights, half the size), f32. The integer formats compute \
without floats: every machine draws the same samples, bit for bit. Weights are rounded by what 4,096 samples of a fixed seed \
show of the activations.";

pub const DISTILL_EXAMPLES: &str = "\
Examples:
  kiln distill mog40 --hidden 32      into runs/mog40-distilled-h32-seed0
  kiln distill mw32 --hidden 128 --steps 40000 --fine-tune 4000 --out small
  kiln export small --format i8w16a -o small.kiln

The student learns on fresh latents to draw what its teacher draws: latent, thresholds and scales are the teacher's, hidden \
width and depth its own. Its run directory is one like any other. Ctrl-C leaves the student as it is; there is no resuming.";

pub const INSPECT_EXAMPLES: &str = "\
Examples:
  kiln export mog40 -o mog40.kiln
  kiln inspect mog40.kiln";

pub const PRESETS_EXAMPLES: &str = "\
Examples:
  kiln presets                        all presets side by side
  kiln presets mw32 > mine.toml       as TOML, for `kiln train --config`
  kiln presets mog40 --preset paper";
