//! Networks whose weights were changed, by whatever means, against networks that were made with those weights; and whose
//! buffers are whose.

mod common;

use common::egnn::{Case, bits, matrix};
use common::{network, uniform, values};
use dfdx::prelude::*;
use kiln_gpu::distill::{DistillSpec, Distillation};
use kiln_gpu::egnn::{Activation, Edges, Head, Radial};
use kiln_gpu::{
    Adam, AdamOptions, Body, Checkpoint, Egnn, EgnnSpec, Ema, Generator, GeneratorSpec, Grads, Layer, Matrix, Mlp,
    Network, Taped,
};
use std::collections::HashMap;

const ROWS: usize = 40;

fn spec() -> EgnnSpec {
    EgnnSpec {
        particles: 4,
        dimensions: 2,
        node_inputs: 3,
        hidden: 17,
        layers: 2,
        activation: Activation::Silu,
        edges: Edges::Directed,
        head: Head::Deep,
        attention: true,
        radial: Radial::Squared,
        range: 2.0,
    }
}

/// A network that can be made from its numbers.
trait Rebuilt: Network<Cpu> {
    fn made(seed: u32) -> Self;
    /// Made anew, with the numbers that the matrices have now.
    fn rebuilt(&self) -> Self;
    fn traced(&self) -> Matrix<Cpu, Taped<Cpu>>;
    fn output(&self) -> Vec<u32>;

    fn gradients(&self) -> Grads<Cpu> {
        self.traced().square().sum::<Rank0, _>().backward()
    }

    /// Bits of the output without and with a tape, and of all gradients.
    fn all(&self) -> [Vec<u32>; 3] {
        let gradients = self.gradients();
        let parameters = self.parameters();
        let trained = parameters.iter().filter(|p| p.role == kiln_gpu::Role::Trained);
        let gradients = trained.flat_map(|p| bits(&gradients.get(p.matrix).as_vec())).collect();
        [self.output(), bits(&self.traced().as_vec()), gradients]
    }
}

impl Rebuilt for Mlp<Cpu> {
    fn made(seed: u32) -> Self {
        network(&[3, 17, 9, 2], Some((4, seed.is_multiple_of(2))), seed)
    }

    fn rebuilt(&self) -> Self {
        let layers = self.layers().into_iter().map(|layer| {
            let shape = layer.shape();
            let (weight, bias) = (layer.weight().as_vec(), layer.bias().as_vec());
            let new = Layer::from_values(&Cpu::default(), (shape.inputs, shape.outputs), weight, bias);
            match layer.condition() {
                Some(c) => new.conditioned(4, c.table.as_vec(), c.trainable),
                None => new,
            }
        });
        Self::from_layers(layers.collect())
    }

    fn traced(&self) -> Matrix<Cpu, Taped<Cpu>> {
        self.forward_constant(matrix(values(ROWS * 3, 1), ROWS), Some(&matrix(values(ROWS * 4, 2), ROWS)))
    }

    fn output(&self) -> Vec<u32> {
        let y = self.forward(matrix(values(ROWS * 3, 1), ROWS), Some(&matrix(values(ROWS * 4, 2), ROWS)));
        bits(&y.as_vec())
    }
}

impl Rebuilt for Egnn<Cpu> {
    fn made(seed: u32) -> Self {
        Case::new(&spec(), 1, seed).net
    }

    fn rebuilt(&self) -> Self {
        let all: HashMap<&str, Vec<f32>> = self.matrices().map(|(name, matrix)| (name, matrix.as_vec())).collect();
        Self::from_values(&Cpu::default(), spec(), |name, _| all[name].clone()).expect("a shape")
    }

    fn traced(&self) -> Matrix<Cpu, Taped<Cpu>> {
        self.forward_constant(matrix(values(ROWS * 12, 1), ROWS), matrix(values(ROWS * 8, 2), ROWS))
    }

    fn output(&self) -> Vec<u32> {
        let y = self.forward(matrix(values(ROWS * 12, 1), ROWS), matrix(values(ROWS * 8, 2), ROWS));
        bits(&y.as_vec())
    }
}

/// Changes a network that has just been used: its next output is another, that of a network made with the new weights.
fn changed<N: Rebuilt>(what: &str, net: &mut N, change: impl FnOnce(&mut N)) {
    let before = net.all();
    change(net);
    let after = net.all();
    assert!(before[0] != after[0], "{what} changes nothing");
    assert!(after == net.rebuilt().all(), "{what}: not the output of these weights");
    assert!(after == net.all(), "{what}: not the same again");
}

fn every_change<N: Rebuilt>(seed: u32) {
    let mut net = N::made(seed);
    let mut adam = Adam::new(&net);
    let options = AdamOptions { learning_rate: 0.05, ..AdamOptions::default() };
    for _ in 0..2 {
        changed("an optimiser's step", &mut net, |net| {
            let gradients = net.gradients();
            adam.step(net, gradients, &options).expect("finite");
        });
    }
    changed("a matrix by hand", &mut net, |net| {
        let last = net.parameters_mut().pop().expect("a matrix");
        let moved: Vec<f32> = last.matrix.as_vec().into_iter().map(|w| 1.5 * w + 0.1).collect();
        last.matrix.copy_from(&moved);
    });
    let mut file = Checkpoint::new();
    N::made(seed + 2).insert_into("", &mut file);
    changed("a file", &mut net, |net| net.load_from("", &file).expect("the same shape"));

    let mut average = Ema::new(&net);
    let other = N::made(seed + 4);
    for _ in 0..2 {
        let before = average.network().all();
        average.update(&other, 0.5);
        assert!(before != average.network().all(), "an average moves");
        assert!(average.network().all() == average.network().rebuilt().all(), "an average's output");
    }
    changed("a file for an average", average.network_mut(), |net| net.load_from("", &file).expect("the same shape"));
}

#[test]
fn a_changed_network_is_one_made_with_its_weights() {
    every_change::<Mlp<Cpu>>(20);
    every_change::<Mlp<Cpu>>(21);
    every_change::<Egnn<Cpu>>(22);
}

fn a_clone_stays<N: Rebuilt>(seed: u32) {
    let mut net = N::made(seed);
    let before = net.all();
    let (clone, duplicate) = (net.clone(), net.duplicate());
    net.parameters_mut().into_iter().for_each(|p| p.matrix.axpy(0.5, &p.matrix.clone(), 0.0));
    assert!(clone.all() == before && duplicate.all() == before && net.all() != before);
    let mut clone = clone;
    clone.parameters_mut().into_iter().for_each(|p| p.matrix.axpy(0.5, &p.matrix.clone(), 0.0));
    assert!(clone.all() == net.all() && duplicate.all() == before);
}

#[test]
fn a_network_keeps_its_weights_when_its_clone_changes() {
    a_clone_stays::<Mlp<Cpu>>(1);
    a_clone_stays::<Egnn<Cpu>>(1);
}

/// A tape that was recorded before a change goes back through the weights that it was recorded with.
#[test]
fn a_tape_goes_back_through_the_weights_it_saw() {
    let mut net = Mlp::made(3);
    let expected = net.all()[2].clone();
    let traced = net.traced();
    let ids = net.clone();
    net.parameters_mut().into_iter().for_each(|p| p.matrix.copy_from(&vec![7.0; p.matrix.shape().num_elements()]));
    assert!(net.output() == net.rebuilt().output());
    let gradients = traced.square().sum::<Rank0, _>().backward();
    let trained = ids.parameters().into_iter().filter(|p| p.role == kiln_gpu::Role::Trained);
    let found: Vec<u32> = trained.flat_map(|p| bits(&gradients.get(p.matrix).as_vec())).collect();
    assert!(found == expected);
}

/// Through a distillation: student and average are what their file says, step by step, though both are used in between.
#[test]
fn a_student_is_its_file() {
    for ema in [0.0, 0.9] {
        let body = |hidden| Body::Mlp { hidden, depth: 2 };
        let student = GeneratorSpec {
            dim: 2,
            latent: 2,
            cells: Vec::new(),
            thresholds: vec![0.0],
            skip: 1.0,
            scale: 1.0,
            body: body(8),
        };
        let teacher = GeneratorSpec { body: body(12), ..student.clone() };
        let teacher = Generator::new(&Cpu::default(), teacher, &mut uniform(1)).expect("a shape");
        let adam = AdamOptions { learning_rate: 0.05, ..AdamOptions::default() };
        let spec = DistillSpec { seed: 1, steps: 10, batch: 50, adam, warmup: 1, ema, width: 1.0, student };
        let mut distillation = Distillation::new(&Cpu::default(), spec, teacher).expect("alike");
        let z = values(200, 1);
        let mut seen = Vec::new();
        for _ in 0..3 {
            distillation.step().expect("finite");
            let student = distillation.student();
            let found = bits(&student.sample(&z));
            let read = Generator::from_checkpoint(&Cpu::default(), &student.to_checkpoint([])).expect("a generator");
            assert!(found == bits(&read.sample(&z)));
            assert!(!seen.contains(&found), "a step moves the student");
            seen.push(found);
        }
    }
}

fn buffers<N: Rebuilt>() {
    let (mut one, mut other) = (N::made(1), N::made(1));
    // Asking for the buffers takes the copy of the weights back into them.
    let free = |net: &mut N| net.scratch_mut().free_numbers();
    assert_eq!((free(&mut one), free(&mut other)), (0, 0));
    one.all();
    let used = free(&mut one);
    assert!(used > 0);
    assert_eq!(free(&mut other), 0, "another network has nothing of this one's");

    // Given to another, it is one set of buffers: what one has left, the other takes.
    *other.scratch_mut() = one.scratch_mut().clone();
    assert_eq!(free(&mut other), used);
    other.all();
    free(&mut one);
    assert_eq!(free(&mut other), free(&mut one));
    assert!(free(&mut one) < 2 * used, "the same work, with the same buffers");
    assert_eq!(free(Ema::new(&one).network_mut()), free(&mut one), "an average works with its network's");
}

#[test]
fn networks_have_buffers_of_their_own_unless_they_are_given_some() {
    // One thread: with more, how many buffers are out at once depends on their luck.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool");
    pool.install(|| {
        buffers::<Mlp<Cpu>>();
        buffers::<Egnn<Cpu>>();
    });
}
