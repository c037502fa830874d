//! Distillation: the loss by hand and its gradient by finite differences, a student as large as its teacher, particles, the
//! same bits on any number of threads, and what cannot be distilled.

mod common;

use common::uniform;
use kiln_core::random::Purpose;
use kiln_gpu::distill::{DistillError, DistillSpec, Distillation, Regression, regression};
use kiln_gpu::egnn::{Activation, Edges, EgnnSpec, Head, Radial};
use kiln_gpu::posterior::normal_batch;
use kiln_gpu::{AdamOptions, Body, Cpu, Generator, GeneratorSpec, Network};

/// A map of the plane that jumps.
fn plane() -> GeneratorSpec {
    let body = Body::Mlp { hidden: 16, depth: 2 };
    GeneratorSpec { dim: 2, latent: 2, cells: Vec::new(), thresholds: vec![-0.5, 0.5], skip: 2.0, scale: 3.0, body }
}

/// Three particles in the plane, each with one latent number of its own.
fn particles() -> GeneratorSpec {
    let body = Body::Egnn(EgnnSpec {
        particles: 3,
        dimensions: 2,
        node_inputs: GeneratorSpec::node_inputs(1, 2),
        hidden: 8,
        layers: 2,
        activation: Activation::Silu,
        edges: Edges::Symmetric,
        head: Head::Direct,
        attention: true,
        radial: Radial::Steps { count: 4, range: 4.0 },
        range: 1.0,
    });
    GeneratorSpec { dim: 6, latent: 9, cells: Vec::new(), thresholds: vec![-0.5, 0.5], skip: 1.0, scale: 1.0, body }
}

fn teacher(spec: &GeneratorSpec) -> Generator<Cpu> {
    Generator::new(&Cpu::default(), spec.clone(), &mut uniform(7)).expect("a shape")
}

fn spec(student: GeneratorSpec, steps: u64) -> DistillSpec {
    let adam = AdamOptions { learning_rate: 1e-2, ..AdamOptions::default() };
    DistillSpec { seed: 3, steps, batch: 600, adam, warmup: 10, ema: 0.99, width: 0.5, student }
}

/// All steps. Returns the student and the root mean square of its distance on latents that it never saw.
fn distilled(spec: DistillSpec, teacher: &Generator<Cpu>) -> (Generator<Cpu>, f64) {
    let steps = spec.steps;
    let mut distillation = Distillation::new(&Cpu::default(), spec, teacher.clone()).expect("alike");
    for _ in 0..steps {
        distillation.step().expect("finite");
    }
    let z = normal_batch(5, Purpose::Test, 0, 2000, teacher.spec().latent);
    let square =
        regression(&distillation.student().sample(&z), &teacher.sample(&z), teacher.spec().dim, f32::INFINITY).square;
    (distillation.student().clone(), f64::from(square).sqrt())
}

fn numbers(net: &impl Network<Cpu>) -> Vec<Vec<u32>> {
    net.parameters().iter().map(|p| p.matrix.as_vec().into_iter().map(f32::to_bits).collect()).collect()
}

/// d = (3, 4) and (0, 0), w = 5 / sqrt(3): |d|^2 / w^2 = 3, the root is 2, the loss 2 w^2 (2 - 1) = 50 / 3, and the
/// coefficients are d. Without a width the loss is 25 and the coefficients are 2 d. Halved by the mean.
#[test]
fn the_loss_by_hand() {
    let (x, goal) = ([4.0, 6.0, 7.0, 8.0], [1.0, 2.0, 7.0, 8.0]);
    let found = regression(&x, &goal, 2, 5.0 / 3f32.sqrt());
    assert!((found.loss - 25.0 / 3.0).abs() < 1e-5 && found.square == 12.5, "{found:?}");
    assert!(found.coefficients.iter().zip([3.0, 4.0, 0.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
    let square = Regression { loss: 12.5, square: 12.5, coefficients: vec![6.0, 8.0, 0.0, 0.0] };
    assert_eq!(regression(&x, &goal, 2, f32::INFINITY), square);
}

/// Central differences of the loss against its coefficients over the rows, for distances on both sides of the width.
#[test]
fn the_gradient_by_finite_differences() {
    let (x, goal) = (common::values(12, 1), common::values(12, 2));
    for width in [0.05, 0.5, 50.0] {
        let found = regression(&x, &goal, 3, width).coefficients;
        for (i, g) in found.iter().enumerate() {
            let at = |by: f32| {
                let mut x = x.clone();
                x[i] += by;
                f64::from(regression(&x, &goal, 3, width).loss)
            };
            let slope = 4.0 * (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - f64::from(*g)).abs() < 2e-2 * (0.1 + slope.abs()), "{width} {i}: {slope} {g}");
        }
    }
}

#[test]
fn a_student_as_large_as_its_teacher_learns_it() {
    for (shape, bound) in [(plane(), 0.02), (particles(), 0.02)] {
        let teacher = teacher(&shape);
        let (_, before) = distilled(spec(shape.clone(), 0), &teacher);
        let (_, after) = distilled(spec(shape, 600), &teacher);
        println!("{before} {after}");
        assert!(after < bound && after < 0.2 * before, "{before} {after}");
    }
}

#[test]
fn one_seed_gives_one_student_on_any_number_of_threads() {
    for shape in [plane(), particles()] {
        let teacher = teacher(&shape);
        let on = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let spec = DistillSpec { seed, ..spec(shape.resized(5, 1), 20) };
            pool.install(|| numbers(&distilled(spec, &teacher).0))
        };
        let one = on(1, 3);
        assert_eq!(on(2, 3), one);
        assert_eq!(on(3, 3), one);
        assert_ne!(on(1, 4), one);
    }
}

#[test]
fn shapes_count_their_numbers() {
    for shape in [plane(), particles(), plane().resized(5, 3), particles().resized(4, 1)] {
        let held: usize = teacher(&shape).parameters().iter().map(|p| p.shape().iter().product::<usize>()).sum();
        assert_eq!(shape.numbers(), held);
        let (hidden, depth) = shape.body.size();
        assert_eq!(shape.resized(hidden, depth), shape);
    }
}

#[test]
fn students_differ_in_size_only() {
    let refused = |student: GeneratorSpec| {
        Distillation::new(&Cpu::default(), spec(student, 1), teacher(&plane())).expect_err("unlike")
    };
    let strange = [
        GeneratorSpec { skip: 1.0, ..plane() },
        GeneratorSpec { thresholds: vec![], ..plane() },
        GeneratorSpec { latent: 3, ..plane() },
        particles(),
    ];
    assert!(strange.into_iter().all(|student| refused(student) == DistillError::Unlike));
    assert!(matches!(refused(plane().resized(0, 2)), DistillError::Spec(_)));
}
