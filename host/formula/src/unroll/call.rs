//! Calls of functions in formulas: how many arguments they take, of what kind, and what they make of them.

use std::rc::Rc;

use crate::error::{Checked, Fault, Span, suggestion};
use crate::functions::Function;
use crate::graph::{Graph, Id};
use crate::syntax::{Expr, Reduction};
use crate::unroll::Unroller;
use crate::value::{Value, count};

/// Functions that are not of one number, each with how it is called.
const OTHERS: [(&str, &str); 15] = [
    ("min", "min(a, b), or min(i in 0..8: x[i])"),
    ("max", "max(a, b), or max(i in 0..8: x[i])"),
    ("pow", "pow(a, b), which is a^b"),
    ("where", "where(condition, a, b)"),
    ("dot", "dot(a, b) of two vectors"),
    ("sumsq", "sumsq(a), the sum of squares of a vector"),
    ("sum", "sum(a) of a vector, or sum(i in 0..8: x[i])"),
    ("prod", "prod(a) of a vector, or prod(i in 0..8: x[i])"),
    ("logsumexp", "logsumexp(a, b, …), logsumexp(a) of a vector, or logsumexp(i in 0..8: x[i])"),
    ("quad", "quad(P, x), which is x'Px with a square table P"),
    ("matvec", "matvec(P, x), the vector Px with a table P"),
    ("columns", "columns(m) of a table"),
    ("rows", "rows(m) of a table"),
    ("length", "length(a) of a vector"),
    ("pairs", "pairs(r: …), a sum over pairs of particles"),
];

/// The names of all functions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    Function::NAMED.into_iter().map(|(name, _)| name).chain(OTHERS.into_iter().map(|(name, _)| name))
}

/// The arguments of a call, each with its place.
struct Arguments<'a> {
    trees: &'a [Expr],
    values: Vec<Value>,
}

impl Arguments<'_> {
    fn at(&self, k: usize) -> (&Value, Span) {
        (&self.values[k], self.trees[k].span)
    }
}

impl Unroller {
    /// A call of a function by its name, which stands at `at`.
    pub(crate) fn call(&mut self, name: &str, at: Span, trees: &[Expr], whole: Span) -> Checked<Value> {
        let function = Function::named(name);
        let usage = match (function, OTHERS.iter().find(|(known, _)| *known == name)) {
            (Some(_), _) => format!("{name}(a)"),
            (None, Some((_, usage))) => (*usage).to_owned(),
            (None, None) => return self.no_function(name, at),
        };
        let takes = match name {
            "min" | "max" | "logsumexp" => 1..=usize::MAX,
            "where" => 3..=3,
            "pow" | "dot" | "quad" | "matvec" => 2..=2,
            _ => 1..=1,
        };
        if !takes.contains(&trees.len()) {
            return Fault::err(
                whole,
                format!("`{name}` is called with {}", count(trees.len(), "argument")),
                format!("it is {usage}"),
            );
        }
        let values = trees.iter().map(|tree| self.evaluate(tree)).collect::<Checked<Vec<_>>>()?;
        let arguments = Arguments { trees, values };
        if let Some(function) = function {
            let (value, span) = arguments.at(0);
            return self.each(value, span, |graph, a| graph.function(function, a));
        }
        match name {
            "pow" => {
                let (a, b) = (arguments.at(0), arguments.at(1));
                let (a, b) = (a.0.number(a.1)?, b.0.number(b.1)?);
                Ok(Value::Number(self.graph.power(a, b)))
            }
            "where" => self.choose(&arguments),
            "dot" | "sumsq" => self.dot(&arguments),
            "quad" | "matvec" => self.matrix(&arguments, name == "quad"),
            "columns" | "rows" | "length" => self.size(name, &arguments),
            _ => self.gather(name, &arguments),
        }
    }

    fn no_function(&self, name: &str, at: Span) -> Checked<Value> {
        if self.names.contains_key(name) || self.locals.iter().any(|(local, _)| local == name) {
            return Fault::err(
                at,
                format!("`{name}` is no function"),
                format!("write {name} * (…) for a product, {name}[i] for an index"),
            );
        }
        let all: Vec<&str> = names().collect();
        let near = match name {
            "ln" => "the natural logarithm is log(a)".to_owned(),
            "lgamma" | "gamma" | "digamma" => {
                "there is no gamma function; a constant goes under [constants]".to_owned()
            }
            _ => suggestion(name, &all, &format!("functions are {}", all.join(", "))),
        };
        Fault::err(at, format!("the function `{name}` is not known"), near)
    }

    /// where(condition, a, b).
    fn choose(&mut self, arguments: &Arguments<'_>) -> Checked<Value> {
        let (condition, at) = arguments.at(0);
        let condition = condition.condition(at)?;
        let (a, b) = (arguments.at(1), arguments.at(2));
        let graph = &mut self.graph;
        if let (Value::Condition(a), Value::Condition(b)) = (a.0, b.0) {
            return Ok(Value::Condition(graph.select(condition, *a, *b)));
        }
        if let (Value::Vector(first), Value::Vector(second)) = (a.0, b.0) {
            if first.len() != second.len() {
                return Fault::err(
                    a.1.to(b.1),
                    format!("the two sides have {} and {} numbers", first.len(), second.len()),
                    "both sides of `where` must have one shape",
                );
            }
            return Ok(Value::Vector(
                first.iter().zip(second.iter()).map(|(a, b)| graph.select(condition, *a, *b)).collect(),
            ));
        }
        Ok(Value::Number(graph.select(condition, a.0.number(a.1)?, b.0.number(b.1)?)))
    }

    /// Σ a b; the second is the first where only one is given.
    fn dot(&mut self, arguments: &Arguments<'_>) -> Checked<Value> {
        let last = arguments.values.len() - 1;
        let ((a, at_a), (b, at_b)) = (arguments.at(0), arguments.at(last));
        let (a, b) = (a.vector(at_a, &mut self.graph)?, b.vector(at_b, &mut self.graph)?);
        if a.len() != b.len() {
            return Fault::err(
                at_a.to(at_b),
                format!("`dot` of vectors of {} and {} numbers", a.len(), b.len()),
                "both must have equal lengths; a slice is x[2..5]",
            );
        }
        self.spend(a.len());
        Ok(Value::Number(product(&mut self.graph, &a, &b)))
    }

    /// Px, or x'Px.
    fn matrix(&mut self, arguments: &Arguments<'_>, quadratic: bool) -> Checked<Value> {
        let ((table, at_table), (vector, at_vector)) = (arguments.at(0), arguments.at(1));
        let Value::Table(table) = table else {
            return Fault::err(
                at_table,
                format!("this is {}; a table is needed here", table.shown()),
                "the table comes first, and comes from [data] or [constants]",
            );
        };
        let x = vector.vector(at_vector, &mut self.graph)?;
        if table.columns != x.len() || (quadratic && table.rows != x.len()) {
            return Fault::err(
                at_table.to(at_vector),
                format!(
                    "the table has {} and {}, the vector {}",
                    count(table.rows, "row"),
                    count(table.columns, "column"),
                    count(x.len(), "number")
                ),
                if quadratic { "x'Px needs as many of each" } else { "Px needs as many columns as numbers" },
            );
        }
        let n = x.len();
        self.spend(table.rows * n);
        let entry = |i: usize, j: usize| {
            let value = table.data[i * table.columns + j];
            // x'Px is that of the symmetric part.
            if quadratic { 0.5 * (value + table.data[j * table.columns + i]) } else { value }
        };
        let products: Rc<[Id]> =
            (0..table.rows).map(|i| self.graph.linear((0..n).map(|j| (x[j], entry(i, j))), 0.0)).collect();
        if quadratic {
            return Ok(Value::Number(product(&mut self.graph, &x, &products)));
        }
        Ok(Value::Vector(products))
    }

    fn size(&mut self, name: &str, arguments: &Arguments<'_>) -> Checked<Value> {
        let (value, at) = arguments.at(0);
        let size = match (name, value) {
            ("rows", Value::Table(table)) => table.rows,
            ("columns", Value::Table(table)) => table.columns,
            ("length", Value::Vector(items)) => items.len(),
            ("length", Value::Table(table)) if table.columns == 1 => table.rows,
            _ => {
                return Fault::err(
                    at,
                    format!("this is {}, which has no {name}", value.shown()),
                    "rows(m) and columns(m) are of tables, length(a) of vectors",
                );
            }
        };
        Ok(Value::Number(self.graph.constant(size as f64)))
    }

    /// sum, prod, logsumexp, min and max of a vector, or of all arguments.
    fn gather(&mut self, name: &str, arguments: &Arguments<'_>) -> Checked<Value> {
        let reduction = Reduction::named(name).unwrap_or(Reduction::Sum);
        let (first, at) = arguments.at(0);
        if arguments.values.len() > 1 {
            let terms = (0..arguments.values.len())
                .map(|k| arguments.at(k))
                .map(|(value, at)| value.number(at))
                .collect::<Checked<Vec<_>>>()?;
            return Ok(Value::Number(self.combine(reduction, &terms)));
        }
        let items = first.vector(at, &mut self.graph)?;
        Ok(Value::Number(self.combine(reduction, &items)))
    }
}

/// Σ a b.
fn product(graph: &mut Graph, a: &[Id], b: &[Id]) -> Id {
    let mut terms = Vec::with_capacity(a.len());
    for (a, b) in a.iter().zip(b) {
        terms.push(match (graph.fixed(*a), graph.fixed(*b)) {
            (_, Some(factor)) => (*a, factor),
            (Some(factor), None) => (*b, factor),
            (None, None) => (graph.multiply(*a, *b), 1.0),
        });
    }
    graph.linear(terms, 0.0)
}
