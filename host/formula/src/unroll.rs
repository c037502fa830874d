//! Trees to graphs: names are looked up, index ranges are written out term by term, and shapes are checked.

mod call;

pub(crate) use call::names as functions;

use std::collections::HashMap;
use std::rc::Rc;

use crate::error::{Checked, Fault, Span, nearest};
use crate::functions::{Function, Pairing};
use crate::graph::{Graph, Id};
use crate::syntax::{Expr, IndexRange, Kind, Operator, Reduction};
use crate::value::{Value, count};

/// Values and operands of an unrolled formula, at most.
pub(crate) const LARGEST: usize = 2_000_000;
/// Parts of the tree that are looked at, every time that an index range comes by them, and elements of vectors there.
const MOST_STEPS: usize = 20_000_000;

/// Names, and what was made of the formula so far.
#[derive(Debug, Default)]
pub(crate) struct Unroller {
    pub(crate) graph: Graph,
    pub(crate) names: HashMap<String, Value>,
    /// Indices of the ranges around, innermost last.
    pub(crate) locals: Vec<(String, Value)>,
    /// Particles and coordinates of each.
    pub(crate) particles: Option<(usize, usize)>,
    /// The coordinates, once their number is known.
    pub(crate) inputs: Rc<[Id]>,
    /// Names that are defined further below.
    pub(crate) later: Vec<String>,
    steps: usize,
}

impl Unroller {
    /// What a tree stands for.
    pub(crate) fn evaluate(&mut self, tree: &Expr) -> Checked<Value> {
        self.steps += 1;
        if self.graph.size > LARGEST || self.steps > MOST_STEPS {
            return Fault::err(
                tree.span,
                "the formula is too large: written out, it has more than 2,000,000 operations",
                "shorten its index ranges or its data, or write the energy in Rust",
            );
        }
        match &tree.kind {
            Kind::Number(value) => Ok(Value::Number(self.graph.constant(*value))),
            Kind::Name(name) => self.look_up(name, tree.span),
            Kind::Negative(inner) => {
                let value = self.evaluate(inner)?;
                self.each(&value, inner.span, |graph, a| graph.scale(a, -1.0))
            }
            Kind::Not(inner) => {
                let condition = self.evaluate(inner)?.condition(inner.span)?;
                Ok(Value::Condition(self.graph.negation(condition)))
            }
            Kind::Binary(..) => self.chain(tree),
            Kind::Index(array, indices) => self.index(array, indices),
            Kind::Slice(array, low, high) => self.slice(array, low, high),
            Kind::Call(name, at, arguments) => self.call(name, *at, arguments, tree.span),
            Kind::Reduction(reduction, ranges, body) => self.reduce(*reduction, ranges, body),
            Kind::Pairs(distance, body) => self.pairs(distance, body, tree.span),
        }
    }

    /// Counts elements of vectors as work.
    pub(crate) fn spend(&mut self, elements: usize) {
        self.steps = self.steps.saturating_add(elements);
    }

    /// A tree that is one number.
    pub(crate) fn number(&mut self, tree: &Expr) -> Checked<Id> {
        self.evaluate(tree)?.number(tree.span)
    }

    /// A tree that is the same number everywhere.
    pub(crate) fn constant(&mut self, tree: &Expr) -> Checked<f64> {
        let id = self.number(tree)?;
        match self.graph.fixed(id) {
            Some(value) => Ok(value),
            None => Fault::err(
                tree.span,
                "this depends on the point x; a constant is needed here",
                "constants are made of numbers, [constants] and sizes such as rows(X)",
            ),
        }
    }

    /// A tree that is a whole number and the same everywhere.
    pub(crate) fn whole(&mut self, tree: &Expr) -> Checked<i64> {
        let id = self.number(tree)?;
        let Some(value) = self.graph.fixed(id) else {
            return Fault::err(
                tree.span,
                "an index cannot depend on the point x",
                "indices are made of whole numbers, sizes and the names before `in`; where(condition, a, b) chooses by value",
            );
        };
        if value.fract() != 0.0 || value.abs() > 1e15 {
            return Fault::err(
                tree.span,
                format!("this is {value}; an index is a whole number"),
                "quotients of indices need not be whole: i % 8 is the remainder, (i - i % 8) / 8 the row",
            );
        }
        Ok(value as i64)
    }

    fn look_up(&mut self, name: &str, span: Span) -> Checked<Value> {
        if let Some((_, value)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Ok(value.clone());
        }
        if let Some(value) = self.names.get(name) {
            return Ok(value.clone());
        }
        let known: Vec<&str> =
            self.locals.iter().map(|(name, _)| name.as_str()).chain(self.names.keys().map(String::as_str)).collect();
        let mut sorted = known.clone();
        sorted.sort_unstable();
        let hint = if call::names().any(|function| function == name) {
            format!("`{name}` is a function: write {name}(…)")
        } else if self.later.iter().any(|later| later == name) {
            format!("`{name}` is defined further below: move it above, each may use earlier ones")
        } else if let Some(near) = nearest(name, sorted.iter().copied()) {
            format!("did you mean `{near}`?")
        } else {
            format!("known here are {}; others go under [constants], [data], [parts] or [where]", sorted.join(", "))
        };
        Fault::err(span, format!("the name `{name}` is not known"), hint)
    }

    /// A function of every number of a value.
    pub(crate) fn each(
        &mut self,
        value: &Value,
        span: Span,
        mut f: impl FnMut(&mut Graph, Id) -> Id,
    ) -> Checked<Value> {
        match value {
            Value::Vector(items) => {
                self.spend(items.len());
                Ok(Value::Vector(items.iter().map(|a| f(&mut self.graph, *a)).collect()))
            }
            other => {
                let a = other.number(span)?;
                Ok(Value::Number(f(&mut self.graph, a)))
            }
        }
    }

    /// A function of two numbers, element by element where one or both are vectors.
    fn both(
        &mut self,
        (a, at_a): (&Value, Span),
        (b, at_b): (&Value, Span),
        mut f: impl FnMut(&mut Graph, Id, Id) -> Id,
    ) -> Checked<Value> {
        if let (Value::Vector(items), _) | (_, Value::Vector(items)) = (a, b) {
            self.spend(items.len());
        }
        let graph = &mut self.graph;
        Ok(match (a, b) {
            (Value::Vector(a), Value::Vector(b)) => {
                if a.len() != b.len() {
                    return Fault::err(
                        at_a.to(at_b),
                        format!("a vector of {} meets one of {}", count(a.len(), "number"), b.len()),
                        "vectors are joined element by element and must have equal lengths; a slice is x[2..5]",
                    );
                }
                Value::Vector(a.iter().zip(b.iter()).map(|(a, b)| f(graph, *a, *b)).collect())
            }
            (Value::Vector(a), other) => {
                let b = other.number(at_b)?;
                Value::Vector(a.iter().map(|a| f(graph, *a, b)).collect())
            }
            (other, Value::Vector(b)) => {
                let a = other.number(at_a)?;
                Value::Vector(b.iter().map(|b| f(graph, a, *b)).collect())
            }
            (a, b) => Value::Number(f(graph, a.number(at_a)?, b.number(at_b)?)),
        })
    }

    /// Operators from the left, in a loop: a sum of thousands of terms is as deep as it is long.
    fn chain(&mut self, tree: &Expr) -> Checked<Value> {
        let mut links = Vec::new();
        let mut first = tree;
        while let Kind::Binary(operator, left, right) = &first.kind {
            links.push((*operator, right));
            first = left;
        }
        let mut value = self.evaluate(first)?;
        let mut span = first.span;
        for (operator, right) in links.into_iter().rev() {
            let other = self.evaluate(right)?;
            value = self.operate(operator, (&value, span), (&other, right.span))?;
            span = span.to(right.span);
        }
        Ok(value)
    }

    fn operate(&mut self, operator: Operator, a: (&Value, Span), b: (&Value, Span)) -> Checked<Value> {
        let mut compare = |pairing, a: (&Value, Span), b: (&Value, Span)| {
            let (a, b) = (a.0.number(a.1)?, b.0.number(b.1)?);
            Ok(self.graph.pairing(pairing, a, b))
        };
        Ok(Value::Condition(match operator {
            Operator::Less => compare(Pairing::Less, a, b)?,
            Operator::LessOrEqual => compare(Pairing::LessOrEqual, a, b)?,
            Operator::Greater => compare(Pairing::Less, b, a)?,
            Operator::GreaterOrEqual => compare(Pairing::LessOrEqual, b, a)?,
            Operator::Equal => compare(Pairing::Equal, a, b)?,
            Operator::Unequal => {
                let equal = compare(Pairing::Equal, a, b)?;
                self.graph.negation(equal)
            }
            Operator::And | Operator::Or => {
                let pairing = if operator == Operator::And { Pairing::And } else { Pairing::Or };
                let (a, b) = (a.0.condition(a.1)?, b.0.condition(b.1)?);
                self.graph.pairing(pairing, a, b)
            }
            Operator::Remainder => return self.remainder(a, b),
            Operator::Add => return self.both(a, b, Graph::add),
            Operator::Subtract => return self.both(a, b, Graph::subtract),
            Operator::Multiply => return self.both(a, b, Graph::multiply),
            Operator::Divide => return self.both(a, b, Graph::divide),
            Operator::Power => return self.both(a, b, Graph::power),
        }))
    }

    fn remainder(&mut self, a: (&Value, Span), b: (&Value, Span)) -> Checked<Value> {
        let (left, right) = (a.0.number(a.1)?, b.0.number(b.1)?);
        match (self.graph.fixed(left), self.graph.fixed(right)) {
            (Some(left), Some(right)) if right != 0.0 => Ok(Value::Number(self.graph.constant(left.rem_euclid(right)))),
            (Some(_), Some(_)) => Fault::err(b.1, "a remainder of a division by 0", "the number after % is not 0"),
            _ => Fault::err(
                a.1.to(b.1),
                "the remainder % of something that depends on the point x",
                "% is for indices, such as x[(i + 1) % 8]; for periodic coordinates use cos and sin",
            ),
        }
    }

    /// The numbers of a range, which must have some.
    fn range(&mut self, low: &Expr, high: &Expr) -> Checked<(i64, i64)> {
        let (from, to) = (self.whole(low)?, self.whole(high)?);
        if from >= to {
            return Fault::err(
                low.span.to(high.span),
                format!("the range {from}..{to} is empty"),
                "a range a..b runs through a, a + 1, … up to b - 1",
            );
        }
        Ok((from, to))
    }

    fn index(&mut self, array: &Expr, indices: &[Expr]) -> Checked<Value> {
        let value = self.evaluate(array)?;
        let rank = match &value {
            Value::Vector(_) => 1,
            Value::Table(_) => 2,
            other => {
                return Fault::err(
                    array.span,
                    format!("this is {}; it has no indices", other.shown()),
                    "indices are for x, parts of more than one number, arrays and data",
                );
            }
        };
        if let Some(extra) = indices.get(rank) {
            return Fault::err(
                extra.span,
                format!("this is {}; it has no index number {}", value.shown(), rank + 1),
                if rank == 1 { "a[i]" } else { "m[i, j] is a number and m[i] a row" },
            );
        }
        let mut within = |tree: &Expr, n: usize, of: &str| {
            let index = self.whole(tree)?;
            match usize::try_from(index) {
                Ok(index) if index < n => Ok(index),
                _ => Fault::err(
                    tree.span,
                    format!("index {index} is out of range: there are {}, 0 to {}", count(n, of), n as i64 - 1),
                    "indices start at 0",
                ),
            }
        };
        match &value {
            Value::Table(table) => {
                let row = within(&indices[0], table.rows, "row")?;
                let Some(second) = indices.get(1) else {
                    self.spend(table.columns);
                    return Ok(Value::Vector(table.row(&mut self.graph, row)));
                };
                let column = within(second, table.columns, "column")?;
                Ok(Value::Number(self.graph.constant(table.data[row * table.columns + column])))
            }
            Value::Vector(items) => Ok(Value::Number(items[within(&indices[0], items.len(), "number")?])),
            _ => value.number(array.span).map(Value::Number),
        }
    }

    fn slice(&mut self, array: &Expr, low: &Expr, high: &Expr) -> Checked<Value> {
        let items = self.evaluate(array)?.vector(array.span, &mut self.graph)?;
        let (from, to) = self.range(low, high)?;
        if from < 0 || to as usize > items.len() {
            return Fault::err(
                low.span.to(high.span),
                format!("the slice {from}..{to} is out of range: there are {}", count(items.len(), "number")),
                format!("all of them are 0..{}", items.len()),
            );
        }
        self.spend((to - from) as usize);
        Ok(Value::Vector(items[from as usize..to as usize].into()))
    }

    fn reduce(&mut self, reduction: Reduction, ranges: &[IndexRange], body: &Expr) -> Checked<Value> {
        let mut terms = Vec::new();
        self.write_out(ranges, body, &mut terms)?;
        Ok(Value::Number(self.combine(reduction, &terms)))
    }

    /// The body for every value of the indices.
    fn write_out(&mut self, ranges: &[IndexRange], body: &Expr, terms: &mut Vec<Id>) -> Checked<()> {
        let [range, inner @ ..] = ranges else {
            terms.push(self.number(body)?);
            return Ok(());
        };
        if self.names.contains_key(&range.name) {
            return Fault::err(
                range.span,
                format!("the index `{}` has the name of something else", range.name),
                "choose another letter for the index",
            );
        }
        let (from, to) = self.range(&range.low, &range.high)?;
        for value in from..to {
            let value = Value::Number(self.graph.constant(value as f64));
            self.locals.push((range.name.clone(), value));
            let written = self.write_out(inner, body, terms);
            self.locals.pop();
            written?;
        }
        Ok(())
    }

    /// Terms, of which there is at least one, made one.
    pub(crate) fn combine(&mut self, reduction: Reduction, terms: &[Id]) -> Id {
        self.spend(terms.len());
        let graph = &mut self.graph;
        let mut fold = |f: &mut dyn FnMut(&mut Graph, Id, Id) -> Id| {
            let (first, rest) = (terms[0], &terms[1..]);
            rest.iter().fold(first, |all, term| f(graph, all, *term))
        };
        match reduction {
            Reduction::Sum => graph.linear(terms.iter().map(|id| (*id, 1.0)), 0.0),
            Reduction::LogSumExp => graph.log_sum_exp(terms),
            Reduction::Product => fold(&mut Graph::multiply),
            Reduction::Max => fold(&mut |graph, a, b| graph.pairing(Pairing::Max, a, b)),
            Reduction::Min => fold(&mut |graph, a, b| graph.pairing(Pairing::Min, a, b)),
        }
    }

    /// A sum over pairs of particles, of a function of their distance.
    fn pairs(&mut self, distance: &str, body: &Expr, span: Span) -> Checked<Value> {
        let Some((particles, dimensions)) = self.particles else {
            return Fault::err(
                span,
                "`pairs` needs to know the particles",
                "add [particles] with count = … and dimensions = …",
            );
        };
        let inputs = self.inputs.clone();
        let mut terms = Vec::new();
        for j in 1..particles {
            for i in 0..j {
                let squares: Vec<(Id, f64)> = (0..dimensions)
                    .map(|k| {
                        let d = self.graph.subtract(inputs[j * dimensions + k], inputs[i * dimensions + k]);
                        (self.graph.multiply(d, d), 1.0)
                    })
                    .collect();
                let square = self.graph.linear(squares, 0.0);
                let r = self.graph.function(Function::Sqrt, square);
                self.locals.push((distance.to_owned(), Value::Number(r)));
                let term = self.number(body);
                self.locals.pop();
                terms.push(term?);
            }
        }
        Ok(Value::Number(self.combine(Reduction::Sum, &terms)))
    }
}
