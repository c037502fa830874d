//! What the parts of a formula stand for while it is unrolled: numbers, conditions, vectors and tables.

use std::rc::Rc;

use crate::error::{Checked, Fault, Span};
use crate::graph::{Graph, Id};

/// Numbers from a file: a vector or a table, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// How many numbers along each axis: `[n]`, or `[rows, columns]`.
    pub shape: Vec<usize>,
    /// The numbers, row by row.
    pub data: Vec<f64>,
}

/// A table of constants.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) data: Rc<[f64]>,
}

impl Table {
    /// A row as a vector of constants.
    pub(crate) fn row(&self, graph: &mut Graph, row: usize) -> Rc<[Id]> {
        self.data[row * self.columns..][..self.columns].iter().map(|value| graph.constant(*value)).collect()
    }
}

/// What a name or a part of a formula stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(Id),
    /// 1 or 0.
    Condition(Id),
    Vector(Rc<[Id]>),
    Table(Table),
}

impl Value {
    /// What it is, with its size.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Number(_) => "a number".to_owned(),
            Self::Condition(_) => "a condition".to_owned(),
            Self::Vector(items) => format!("a vector of {}", count(items.len(), "number")),
            Self::Table(table) => {
                format!("a table of {} and {}", count(table.rows, "row"), count(table.columns, "column"))
            }
        }
    }

    /// A vector or number as one number.
    pub(crate) fn number(&self, span: Span) -> Checked<Id> {
        let hint = match self {
            Self::Number(id) => return Ok(*id),
            Self::Vector(items) if items.len() == 1 => return Ok(items[0]),
            Self::Condition(_) => "where(condition, a, b) makes a number of a condition",
            Self::Vector(_) => "take one of its numbers, as in a[0], or make one of all: sum(a), sumsq(a), dot(a, b)",
            Self::Table(_) => "take one of its numbers, as in m[0, 1], or a row, as in m[0]",
        };
        Fault::err(span, format!("this is {}; a number is needed here", self.shown()), hint)
    }

    /// A condition.
    pub(crate) fn condition(&self, span: Span) -> Checked<Id> {
        match self {
            Self::Condition(id) => Ok(*id),
            _ => Fault::err(
                span,
                format!("this is {}; a condition is needed here", self.shown()),
                "conditions compare two numbers, such as x[0] < 1",
            ),
        }
    }

    /// A vector; tables of one row or column are one.
    pub(crate) fn vector(&self, span: Span, graph: &mut Graph) -> Checked<Rc<[Id]>> {
        let hint = match self {
            Self::Vector(items) => return Ok(items.clone()),
            Self::Table(table) if table.rows == 1 || table.columns == 1 => {
                return Ok(table.data.iter().map(|value| graph.constant(*value)).collect());
            }
            Self::Table(_) => "a row of it is a vector: m[0]",
            _ => "vectors are x, its parts of more than one number, slices such as x[2..5], and rows of data",
        };
        Fault::err(span, format!("this is {}; a vector is needed here", self.shown()), hint)
    }
}

/// "1 number", "2 numbers".
pub(crate) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
