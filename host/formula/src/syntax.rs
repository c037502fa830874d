//! What formulas are made of, once they are read: a tree whose every part knows its place in the file.

use crate::error::Span;

/// A part of a formula.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Number(f64),
    Name(String),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// `a[i]`, `m[i, j]`.
    Index(Box<Expr>, Vec<Expr>),
    /// `a[low..high]`.
    Slice(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(String, Span, Vec<Expr>),
    Reduction(Reduction, Vec<IndexRange>, Box<Expr>),
    /// `pairs(r: body)`.
    Pairs(String, Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
    And,
    Or,
}

/// What is done with the terms of an index range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    Sum,
    Product,
    LogSumExp,
    Max,
    Min,
}

impl Reduction {
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("sum", Self::Sum),
        ("prod", Self::Product),
        ("logsumexp", Self::LogSumExp),
        ("max", Self::Max),
        ("min", Self::Min),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, reduction)| reduction)
    }
}

/// `i in low..high`, the end excluded.
#[derive(Clone, Debug)]
pub(crate) struct IndexRange {
    pub(crate) name: String,
    pub(crate) low: Expr,
    pub(crate) high: Expr,
    pub(crate) span: Span,
}
