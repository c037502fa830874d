//! Teachers with cells: their students have the same.

use super::*;
use crate::cells::{Block, Cells};
use crate::pretrained;
use crate::progress::Silent;
use crate::run::METRICS;
use crate::sample::Sampler;
use crate::source::Source;
use crate::targets::builtin;
use kiln_gpu::Checkpoint;

/// MoG-40's settings, and a generator without training that chooses between two places far apart.
fn teacher() -> Teacher {
    let teacher = Teacher::of(&Source::Pretrained(pretrained::all()[0])).unwrap();
    let spec = GeneratorSpec {
        latent: 3,
        thresholds: Vec::new(),
        cells: vec![vec![0.5]],
        body: Body::Mlp { hidden: 16, depth: 2 },
        ..teacher.spec().clone()
    };
    let generator = Generator::new(&Cpu::default(), spec, &mut || 0.6).unwrap();
    let cells = [-30.0, 20.0].map(|at| (vec![at, -at], vec![0.5, 0.1, 0.25])).to_vec();
    let cells = Cells::new(&[Block { coordinates: vec![1, 0], cells }], &[vec![0.5]], &[]).unwrap();
    Teacher { generator, placement: Some(Placement::Cells(cells)), ..teacher }
}

#[test]
fn students_keep_the_cells_of_their_teachers_and_are_not_fine_tuned() {
    let (teacher, target) = (teacher(), builtin().remove(0));
    let probes = Probes::of(&teacher, 0).unwrap();
    let place = tempfile::tempdir().unwrap();
    let distilled = |name: &str, fine_tune: u64| {
        let student = teacher.student(8, 1).unwrap();
        let lesson = Lesson { seed: 0, steps: 30, batch: 16, fine_tune, student };
        let about = about(&target, &teacher, &lesson);
        let run = Run::create_as(Some(&place.path().join(name)), name, &teacher.config, &about).unwrap();
        let teaching = Teaching {
            teacher: &teacher,
            probes: &probes,
            lesson: &lesson,
            config: &teacher.config,
            target: &target,
            run: &run,
            progress: &Silent,
            stop: &AtomicBool::new(false),
        };
        (distil(&teaching), run)
    };
    let (outcome, run) = distilled("student", 0);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    let file = Checkpoint::from_bytes(&std::fs::read(run.generator().unwrap()).unwrap()).unwrap();
    assert_eq!(Placement::of_checkpoint(&file, 2).unwrap(), teacher.placement);
    assert_eq!(GeneratorSpec::from_checkpoint(&file).unwrap(), teacher.student(8, 1).unwrap());
    let samples = Sampler::of(file, "student").unwrap().rows(1, 0, 2000).unwrap();
    let first = samples.data.chunks_exact(2).filter(|x| x[1] < -5.0).count();
    // Below 1/2 is 0.6915 of a normal number.
    assert!((1300..1470).contains(&first), "{first}");
    assert!(std::fs::read_to_string(run.file(METRICS)).unwrap().lines().count() > 0);
    let (outcome, _) = distilled("tuned", 5);
    let error = outcome.unwrap_err();
    assert_eq!((error.to_string().contains("has cells"), error.hint()), (true, "--fine-tune 0"));
}
