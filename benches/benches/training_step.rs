//! One outer step of each preset, and 10,000 samples of a generator. On one thread wall time is CPU time.

use criterion::{Criterion, criterion_group, criterion_main};
use kiln::config::Config;
use kiln::fit::{Options, Prepared};
use kiln::target::Target;
use kiln::{preset, targets, train};
use kiln_gpu::Cpu;
use kiln_gpu::trainer::Trainer;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;

fn config(target: &Target, preset: &str) -> Config {
    let mut settings = target.preset(preset).expect("a preset");
    settings.train.pretrain = 0;
    settings.check().expect("presets are valid")
}

fn outer_steps(c: &mut Criterion) {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("a pool");
    for target in targets::builtin() {
        for preset in preset::PRESETS {
            let config = config(&target, preset);
            let training = target.training();
            let spec = train::trainer_spec(&config, target.dim(), training.symmetry()).expect("presets are valid");
            let mut trainer = Trainer::new(&Cpu::default(), spec).expect("presets are valid");
            c.bench_function(&format!("{} preset {preset}, one outer step, 1 thread", target.name()), |b| {
                b.iter(|| black_box(trainer.step(training, 0.5, &AtomicBool::new(false))));
            });
        }
    }
}

/// Sampling does not depend on how good the weights are: one step of training makes a generator.
fn samples(c: &mut Criterion) {
    let place = std::env::temp_dir().join(format!("kiln-bench-{}", std::process::id()));
    for target in targets::builtin() {
        let mut settings = target.settings();
        (settings.train.steps, settings.train.pretrain, settings.train.warmup) = (1, 0, 0);
        let place = place.join(target.name());
        let config = settings.check().expect("presets are valid");
        let prepared = Prepared::new(&target, config, Some(&place), None).expect("a run");
        prepared.train(&target, &Options::default()).expect("a training");
        let run = prepared.run;
        c.bench_function(&format!("{} 10,000 samples, 1 thread", target.name()), |b| {
            b.iter(|| black_box(train::sample(&run, 0, 10_000)));
        });
    }
    let _ = std::fs::remove_dir_all(place);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = outer_steps, samples
}
criterion_main!(benches);
