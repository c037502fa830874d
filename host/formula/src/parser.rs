//! Words to trees. From loose to tight: `or`, `and`, `not`, comparisons, + and -, * and / and %, the sign -, ^ (from the
//! right), then `a[i]`. So -x^2 is -(x^2), and 2^-x needs no parentheses.

use crate::error::{Checked, Fault, Span};
use crate::lexer::{Token, words};
use crate::syntax::{Expr, IndexRange, Kind, Operator, Reduction};
use crate::text::Text;

/// `a[…][…]`, at most.
const MOST_INDICES: usize = 4;

/// Words of one formula, at most.
const LONGEST: usize = 20_000;

/// Parentheses and signs within each other, at most.
const DEEPEST: usize = 100;

/// The tree of a formula.
pub(crate) fn parse(text: &Text) -> Checked<Expr> {
    let words = words(text)?;
    if words.len() == 1 {
        return Fault::err(words[0].1, "the formula is empty", "write an expression, such as \"sumsq(x) / 2\"");
    }
    if words.len() > LONGEST {
        return Fault::err(
            words[0].1.to(words[0].1),
            format!("the formula has more than {LONGEST} words"),
            "give parts of it names under [where], and put tables of numbers into a data file",
        );
    }
    let mut parser = Parser { words, at: 0, depth: 0 };
    let tree = parser.either()?;
    match parser.peek() {
        Token::End => Ok(tree),
        Token::Sign(")") => {
            Fault::err(parser.span(), "this `)` closes nothing", "remove it, or open a parenthesis before it")
        }
        other => Fault::err(
            parser.span(),
            format!("{} was not expected here", other.shown()),
            "between two values stands one of + - * / ^ or a comparison; there is no multiplication without *",
        ),
    }
}

struct Parser {
    words: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        &self.words[self.at].0
    }

    fn ahead(&self, steps: usize) -> &Token {
        &self.words[(self.at + steps).min(self.words.len() - 1)].0
    }

    fn span(&self) -> Span {
        self.words[self.at].1
    }

    fn advance(&mut self) {
        if self.at + 1 < self.words.len() {
            self.at += 1;
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Token::Sign(here) if *here == sign);
        if found {
            self.advance();
        }
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(here) if here == word);
        if found {
            self.advance();
        }
        found
    }

    fn binary(operator: Operator, left: Expr, right: Expr) -> Expr {
        let span = left.span.to(right.span);
        Expr { kind: Kind::Binary(operator, Box::new(left), Box::new(right)), span }
    }

    fn either(&mut self) -> Checked<Expr> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Self::binary(Operator::Or, left, self.both()?);
        }
        Ok(left)
    }

    fn both(&mut self) -> Checked<Expr> {
        let mut left = self.negation()?;
        while self.word("and") {
            left = Self::binary(Operator::And, left, self.negation()?);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Checked<Expr> {
        let start = self.span();
        if !self.word("not") {
            return self.comparison();
        }
        let inner = self.deeper(start, Self::negation)?;
        Ok(Expr { span: start.to(inner.span), kind: Kind::Not(Box::new(inner)) })
    }

    fn comparison_sign(&self) -> Option<Operator> {
        let Token::Sign(sign) = self.peek() else { return None };
        Some(match *sign {
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            "==" => Operator::Equal,
            "!=" => Operator::Unequal,
            _ => return None,
        })
    }

    fn comparison(&mut self) -> Checked<Expr> {
        let left = self.sum()?;
        let Some(operator) = self.comparison_sign() else { return Ok(left) };
        self.advance();
        let both = Self::binary(operator, left, self.sum()?);
        match self.comparison_sign() {
            None => Ok(both),
            Some(_) => Fault::err(self.span(), "comparisons cannot be chained", "write `0 < a and a < 1`"),
        }
    }

    fn sum(&mut self) -> Checked<Expr> {
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                Token::Sign("+") => Operator::Add,
                Token::Sign("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            self.advance();
            left = Self::binary(operator, left, self.product()?);
        }
    }

    fn product(&mut self) -> Checked<Expr> {
        let mut left = self.signed()?;
        loop {
            let operator = match self.peek() {
                Token::Sign("*") => Operator::Multiply,
                Token::Sign("/") => Operator::Divide,
                Token::Sign("%") => Operator::Remainder,
                _ => return Ok(left),
            };
            self.advance();
            left = Self::binary(operator, left, self.signed()?);
        }
    }

    fn signed(&mut self) -> Checked<Expr> {
        let start = self.span();
        if self.take("-") {
            let inner = self.deeper(start, Self::signed)?;
            return Ok(Expr { span: start.to(inner.span), kind: Kind::Negative(Box::new(inner)) });
        }
        if self.take("+") {
            return self.deeper(start, Self::signed);
        }
        let base = self.indexed()?;
        if !self.take("^") {
            return Ok(base);
        }
        let exponent = self.deeper(start, Self::signed)?;
        Ok(Self::binary(Operator::Power, base, exponent))
    }

    /// Whatever recurses goes through here: a file cannot overflow the stack.
    fn deeper(&mut self, start: Span, inner: impl FnOnce(&mut Self) -> Checked<Expr>) -> Checked<Expr> {
        if self.depth >= DEEPEST {
            return Fault::err(
                start,
                format!("the formula is nested more than {DEEPEST} deep"),
                "give parts of it names under [where]",
            );
        }
        self.depth += 1;
        let tree = inner(self);
        self.depth -= 1;
        tree
    }

    fn indexed(&mut self) -> Checked<Expr> {
        let mut tree = self.primary()?;
        for _ in 0..MOST_INDICES {
            let open = self.span();
            if !self.take("[") {
                return Ok(tree);
            }
            let first = self.deeper(open, Self::either)?;
            if self.take("..") {
                let high = self.deeper(open, Self::either)?;
                let end = self.close("]", open)?;
                let span = tree.span.to(end);
                tree = Expr { kind: Kind::Slice(Box::new(tree), Box::new(first), Box::new(high)), span };
                continue;
            }
            let mut indices = vec![first];
            while self.take(",") {
                indices.push(self.deeper(open, Self::either)?);
            }
            let end = self.close("]", open)?;
            tree = Expr { span: tree.span.to(end), kind: Kind::Index(Box::new(tree), indices) };
        }
        Fault::err(tree.span, "too many indices in a row", "a vector has one, a table two: m[i, j]")
    }

    /// The closing sign of what was opened at a place.
    fn close(&mut self, sign: &'static str, open: Span) -> Checked<Span> {
        let end = self.span();
        if self.take(sign) {
            return Ok(end);
        }
        let opening = if sign == ")" { "(" } else { "[" };
        match self.peek() {
            Token::End => Fault::err(
                open,
                format!("this `{opening}` is never closed"),
                format!("a `{sign}` is missing at the end or before it"),
            ),
            other => Fault::err(
                end,
                format!("{} stands where `{sign}` or `,` should be", other.shown()),
                "values are joined by + - * / ^; there is no multiplication without *",
            ),
        }
    }

    fn primary(&mut self) -> Checked<Expr> {
        let span = self.span();
        match self.peek().clone() {
            Token::Number(value) => {
                self.advance();
                Ok(Expr { kind: Kind::Number(value), span })
            }
            Token::Sign("(") => {
                self.advance();
                let inner = self.deeper(span, Self::either)?;
                let end = self.close(")", span)?;
                Ok(Expr { kind: inner.kind, span: span.to(end) })
            }
            Token::Name(name) if matches!(name.as_str(), "and" | "or" | "not" | "in") => Fault::err(
                span,
                format!("a value is missing before `{name}`"),
                "every operator needs a value on both sides",
            ),
            Token::Name(name) => {
                self.advance();
                let open = self.span();
                if self.take("(") {
                    return self.deeper(span, |parser| parser.call(name, span, open));
                }
                Ok(Expr { kind: Kind::Name(name), span })
            }
            Token::End => {
                Fault::err(span, "the formula ends where a value is missing", "finish it, or remove the last sign")
            }
            other => Fault::err(
                span,
                format!("{} stands where a value is missing", other.shown()),
                "every operator needs a value on both sides, and no argument may be empty",
            ),
        }
    }

    /// What follows `name(`.
    fn call(&mut self, name: String, start: Span, open: Span) -> Checked<Expr> {
        if name == "pairs" {
            return self.pairs(start, open);
        }
        let ranges = matches!((self.peek(), self.ahead(1)), (Token::Name(_), Token::Name(word)) if word == "in");
        if ranges {
            let Some(reduction) = Reduction::named(&name) else {
                return Fault::err(
                    start,
                    format!("`{name}` takes no index range"),
                    "sum, prod, logsumexp, max and min do, as in sum(i in 0..8: x[i]^2)",
                );
            };
            return self.reduction(reduction, start, open);
        }
        let mut arguments = Vec::new();
        if !matches!(self.peek(), Token::Sign(")")) {
            arguments.push(self.either()?);
            while self.take(",") {
                arguments.push(self.either()?);
            }
        }
        let end = self.close(")", open)?;
        Ok(Expr { kind: Kind::Call(name, start, arguments), span: start.to(end) })
    }

    fn pairs(&mut self, start: Span, open: Span) -> Checked<Expr> {
        let (Token::Name(distance), Token::Sign(":")) = (self.peek().clone(), self.ahead(1)) else {
            return Fault::err(
                start,
                "`pairs` needs a name for the distance and then a colon",
                "such as pairs(r: r^-12 - 2*r^-6)",
            );
        };
        self.advance();
        self.advance();
        let body = self.either()?;
        let end = self.close(")", open)?;
        Ok(Expr { kind: Kind::Pairs(distance, Box::new(body)), span: start.to(end) })
    }

    fn reduction(&mut self, reduction: Reduction, start: Span, open: Span) -> Checked<Expr> {
        let mut ranges = Vec::new();
        loop {
            let from = self.span();
            let Token::Name(name) = self.peek().clone() else {
                return Fault::err(
                    from,
                    "the name of an index is missing",
                    "such as sum(i in 0..8, j in 0..8: x[i]*x[j])",
                );
            };
            self.advance();
            if !self.word("in") {
                return Fault::err(
                    self.span(),
                    format!("`in` is missing after the index `{name}`"),
                    "such as `i in 0..8`",
                );
            }
            let low = self.sum()?;
            if !self.take("..") {
                return Fault::err(
                    self.span(),
                    "the range needs two ends with `..` between them",
                    "`i in 0..8` runs through 0, 1, …, 7",
                );
            }
            let high = self.sum()?;
            ranges.push(IndexRange { name, span: from.to(high.span), low, high });
            if self.take(":") {
                break;
            }
            if !self.take(",") {
                return Fault::err(
                    self.span(),
                    format!("a colon is missing before {}", self.peek().shown()),
                    "after the ranges come `:` and what is added up, as in sum(i in 0..8: x[i]^2)",
                );
            }
        }
        let body = self.either()?;
        let end = self.close(")", open)?;
        Ok(Expr { kind: Kind::Reduction(reduction, ranges, Box::new(body)), span: start.to(end) })
    }
}
