//! A graph laid out to be run: values of one kind that do not need each other stand side by side in a run, so that what to
//! do is decided once a run and not once a value.
//!
//! Sums of squares, squared distances and dot products are one step each. Values have slots: coordinates first, then the
//! constants that steps other than linear forms take, then the runs in their order; nothing is overwritten, as slopes need
//! the values.

use std::collections::HashMap;

use crate::functions::{Function, Pairing};
use crate::graph::{Bits, Graph, Id, Node};
use crate::number::Constants;

/// What a run does with its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Op {
    Function(Function),
    Pairing(Pairing),
    /// c a + bias.
    Affine,
    /// c a + d b + bias.
    Blend,
    /// Σ c a + bias.
    Linear,
    /// scale Σ a + bias.
    Sum,
    Product,
    Select,
    /// scale Σ (a − shift)² + bias.
    Squares,
    /// scale Σ (a − b)² + bias.
    Distance,
    /// scale Σ a b + bias.
    Products,
    /// Its slots are the value and after it the exponentials.
    LogSumExp,
}

/// Steps of one kind, whose results stand side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) op: Op,
    /// Terms of each step.
    pub(crate) arity: usize,
    /// Operands of each step.
    pub(crate) operands: usize,
    /// Whether the operands of each step stand side by side.
    pub(crate) contiguous: bool,
    /// The first result's slot, how many steps, and slots of each.
    pub(crate) out: usize,
    pub(crate) count: usize,
    pub(crate) width: usize,
    /// Where the operands begin.
    pub(crate) args: usize,
    /// Where the constants begin.
    pub(crate) constants: usize,
    /// Whether the slope of the energy with respect to these is asked for.
    pub(crate) live: bool,
    /// Whether a condition may leave these out: a slope of 0 then stays 0 whatever the values are.
    pub(crate) guarded: bool,
}

impl Run {
    /// Constants of each step.
    pub(crate) fn constant_count(&self) -> usize {
        match self.op {
            Op::Affine | Op::Blend | Op::Linear => self.arity + 1,
            Op::Sum | Op::Distance | Op::Products => 2,
            Op::Squares => self.arity + 2,
            _ => 0,
        }
    }
}

/// A formula that can be run.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(crate) dimension: usize,
    /// How many constants have slots; they are the first of [`Tape::constants`].
    pub(crate) fixed: usize,
    pub(crate) slots: usize,
    /// The energy is scale × the value in the root's slot + bias.
    pub(crate) root: usize,
    pub(crate) scale: f64,
    pub(crate) bias: f64,
    pub(crate) runs: Vec<Run>,
    pub(crate) args: Vec<u32>,
    pub(crate) constants: Constants,
}

impl Tape {
    /// Steps of all runs and their operands.
    pub(crate) fn operations(&self) -> usize {
        self.runs.iter().map(|run| run.count * run.arity).sum()
    }
}

/// A value that is computed, with what other values are taken into it.
struct Step {
    id: Id,
    op: Op,
    args: Vec<Id>,
    constants: Vec<f64>,
    live: bool,
    guarded: bool,
    level: u32,
}

impl Step {
    fn arity(&self) -> usize {
        match self.op {
            Op::Distance | Op::Products => self.args.len() / 2,
            _ => self.args.len(),
        }
    }
}

/// What is known of a value while steps are chosen.
#[derive(Clone, Copy, Default)]
struct Use {
    count: u32,
    needed: bool,
    live: bool,
    guarded: bool,
}

/// Lays out the values that the root needs.
pub(crate) fn lay_out(graph: &Graph, root: Id, dimension: usize) -> Tape {
    let (root, scale, bias) = match graph.node(root) {
        Node::Linear(terms, bias) if terms.len() == 1 && !is_folded(graph, terms[0].0) => {
            (terms[0].0, terms[0].1.get(), bias.get())
        }
        _ => (root, 1.0, 0.0),
    };
    let mut steps = choose(graph, root);
    steps.reverse();
    let mut levels: HashMap<Id, u32> = HashMap::with_capacity(steps.len());
    for step in &mut steps {
        step.level = 1 + step.args.iter().filter_map(|id| levels.get(id)).max().copied().unwrap_or(0);
        levels.insert(step.id, step.level);
    }
    let key = |step: &Step| (step.level, step.op, step.live, step.guarded, step.arity());
    steps.sort_by_key(|step| (key(step), step.id));
    let tape = assemble(graph, root, dimension, &steps, |a, b| key(a) == key(b));
    Tape { scale, bias, ..tape }
}

/// Whether a value is better taken together with its factor.
fn is_folded(graph: &Graph, id: Id) -> bool {
    matches!(graph.node(id), Node::Function(Function::Square, _) | Node::Product(..))
}

/// Slots for all values, and the runs.
fn assemble(graph: &Graph, root: Id, dimension: usize, steps: &[Step], alike: impl Fn(&Step, &Step) -> bool) -> Tape {
    let mut tape = Tape { dimension, ..Tape::default() };
    let mut slots: HashMap<Id, u32> = HashMap::with_capacity(steps.len() + dimension);
    let operands = steps.iter().flat_map(|step| &step.args).chain([&root]);
    for id in operands {
        match graph.node(*id) {
            Node::Input(coordinate) => {
                slots.insert(*id, *coordinate);
            }
            Node::Constant(value) if !slots.contains_key(id) => {
                slots.insert(*id, (dimension + tape.fixed) as u32);
                tape.fixed += 1;
                tape.constants.double.push(value.get());
            }
            _ => {}
        }
    }
    tape.slots = dimension + tape.fixed;
    for members in steps.chunk_by(alike) {
        let (first, arity) = (&members[0], members[0].arity());
        let width = if first.op == Op::LogSumExp { 1 + arity } else { 1 };
        let start = tape.args.len();
        let mut run = Run {
            op: first.op,
            arity,
            operands: first.args.len(),
            contiguous: false,
            out: tape.slots,
            count: members.len(),
            width,
            args: start,
            constants: tape.constants.double.len(),
            live: first.live,
            guarded: first.guarded,
        };
        for step in members {
            slots.insert(step.id, tape.slots as u32);
            tape.slots += width;
            tape.args.extend(step.args.iter().map(|id| slots[id]));
            tape.constants.double.extend(&step.constants);
        }
        let side_by_side = |args: &[u32]| args.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        run.contiguous = tape.args[start..].chunks(run.operands).all(side_by_side);
        tape.runs.push(run);
    }
    tape.root = slots[&root] as usize;
    tape.constants.single = tape.constants.double.iter().map(|value| *value as f32).collect();
    tape
}

/// The steps that the root needs, from the last to the first.
fn choose(graph: &Graph, root: Id) -> Vec<Step> {
    let mut uses = vec![Use::default(); root as usize + 1];
    count_uses(graph, root, &mut uses);
    uses[root as usize].needed = true;
    uses[root as usize].live = true;
    let mut steps = Vec::new();
    for id in (0..=root).rev() {
        let Use { needed, live, guarded, .. } = uses[id as usize];
        if !needed {
            continue;
        }
        let Some((op, args, constants)) = step(graph, id, &uses) else { continue };
        let condition = matches!(op, Op::Pairing(pairing) if pairing.is_condition());
        let branches = matches!(op, Op::Select | Op::Pairing(_));
        for (k, arg) in args.iter().enumerate() {
            let of = &mut uses[*arg as usize];
            let decides = condition || (op == Op::Select && k == 0);
            of.needed = true;
            of.live |= live && !decides;
            of.guarded |= guarded || (branches && !decides);
        }
        steps.push(Step { id, op, args, constants, live: live && !condition, guarded, level: 0 });
    }
    steps
}

/// How often each value is used by those that the root needs.
fn count_uses(graph: &Graph, root: Id, uses: &mut [Use]) {
    uses[root as usize].count = 1;
    for id in (0..=root).rev() {
        if uses[id as usize].count == 0 {
            continue;
        }
        let mut used = |id: &Id| uses[*id as usize].count += 1;
        match graph.node(id) {
            Node::Constant(_) | Node::Input(_) => {}
            Node::Linear(terms, _) => terms.iter().for_each(|(id, _)| used(id)),
            Node::Function(_, a) => used(a),
            Node::Product(a, b) | Node::Pairing(_, a, b) => [a, b].into_iter().for_each(used),
            Node::Select(a, b, c) => [a, b, c].into_iter().for_each(used),
            Node::LogSumExp(terms) => terms.iter().for_each(used),
        }
    }
}

/// The step that makes a value; none for coordinates and constants.
fn step(graph: &Graph, id: Id, uses: &[Use]) -> Option<(Op, Vec<Id>, Vec<f64>)> {
    Some(match graph.node(id) {
        Node::Constant(_) | Node::Input(_) => return None,
        Node::Function(function, a) => (Op::Function(*function), vec![*a], vec![]),
        Node::Product(a, b) => (Op::Product, vec![*a, *b], vec![]),
        Node::Pairing(pairing, a, b) => (Op::Pairing(*pairing), vec![*a, *b], vec![]),
        Node::Select(condition, a, b) => (Op::Select, vec![*condition, *a, *b], vec![]),
        Node::LogSumExp(terms) => (Op::LogSumExp, terms.to_vec(), vec![]),
        Node::Linear(terms, bias) => sum(graph, terms, bias.get(), uses),
    })
}

/// A linear form as the step that does most at once.
fn sum(graph: &Graph, terms: &[(Id, Bits)], bias: f64, uses: &[Use]) -> (Op, Vec<Id>, Vec<f64>) {
    let scale = terms[0].1;
    let once = |id: Id| uses[id as usize].count == 1;
    let even = terms.iter().all(|(_, c)| *c == scale);
    if even && terms.iter().all(|(id, _)| once(*id)) {
        let squares: Option<Vec<Id>> = terms
            .iter()
            .map(|(id, _)| match graph.node(*id) {
                Node::Function(Function::Square, inner) => Some(*inner),
                _ => None,
            })
            .collect();
        if let Some(inner) = squares {
            return of_squares(graph, &inner, scale.get(), bias, once);
        }
        let products: Option<Vec<[Id; 2]>> = terms
            .iter()
            .map(|(id, _)| match graph.node(*id) {
                Node::Product(a, b) => Some([*a, *b]),
                _ => None,
            })
            .collect();
        if let Some(pairs) = products {
            return (Op::Products, pairs.into_flattened(), vec![scale.get(), bias]);
        }
    }
    let args: Vec<Id> = terms.iter().map(|(id, _)| *id).collect();
    if even && terms.len() > 2 {
        return (Op::Sum, args, vec![scale.get(), bias]);
    }
    let op = match terms.len() {
        1 => Op::Affine,
        2 => Op::Blend,
        _ => Op::Linear,
    };
    (op, args, terms.iter().map(|(_, c)| c.get()).chain([bias]).collect())
}

/// scale Σ a² + bias, where each a may be a difference that nothing else needs.
fn of_squares(
    graph: &Graph,
    inner: &[Id],
    scale: f64,
    bias: f64,
    once: impl Fn(Id) -> bool,
) -> (Op, Vec<Id>, Vec<f64>) {
    let difference = |id: &Id| match graph.node(*id) {
        Node::Linear(terms, shift) if once(*id) && shift.get() == 0.0 => match &**terms {
            [(a, plus), (b, minus)] if plus.get() == 1.0 && minus.get() == -1.0 => Some([*a, *b]),
            _ => None,
        },
        _ => None,
    };
    if let Some(pairs) = inner.iter().map(difference).collect::<Option<Vec<_>>>() {
        return (Op::Distance, pairs.into_flattened(), vec![scale, bias]);
    }
    let shifted = |id: &Id| match graph.node(*id) {
        Node::Linear(terms, shift) if once(*id) && terms.len() == 1 && terms[0].1.get() == 1.0 => {
            (terms[0].0, -shift.get())
        }
        _ => (*id, 0.0),
    };
    let (args, shifts): (Vec<Id>, Vec<f64>) = inner.iter().map(shifted).unzip();
    (Op::Squares, args, shifts.into_iter().chain([scale, bias]).collect())
}
