//! Cuts a formula into words: numbers, names and signs, each with its place in the file.

use crate::error::{Checked, Fault, Span};
use crate::text::Text;

/// A word of a formula.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Number(f64),
    Name(String),
    /// One of the signs.
    Sign(&'static str),
    End,
}

impl Token {
    /// The word as it is shown in a message.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Number(value) => format!("the number {value}"),
            Self::Name(name) => format!("`{name}`"),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end of the formula".to_owned(),
        }
    }
}

/// The longer ones first.
const SIGNS: [&str; 22] = [
    "<=", ">=", "==", "!=", "..", "**", "&&", "||", "+", "-", "*", "/", "^", "%", "(", ")", "[", "]", ",", ":", "<",
    ">",
];

/// The words of a formula, the last of them [`Token::End`].
pub(crate) fn words(text: &Text) -> Checked<Vec<(Token, Span)>> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at) {
        let from = at;
        let token = if c.is_whitespace() {
            at += 1;
            continue;
        } else if c == '#' {
            while text.get(at).is_some_and(|c| c != '\n') {
                at += 1;
            }
            continue;
        } else if c.is_ascii_digit() || (c == '.' && text.get(at + 1).is_some_and(|c| c.is_ascii_digit())) {
            number(text, &mut at)?
        } else if c.is_alphabetic() || c == '_' {
            let mut name = String::new();
            while let Some(c) = text.get(at).filter(|c| c.is_alphanumeric() || *c == '_') {
                name.push(c);
                at += 1;
            }
            Token::Name(name)
        } else {
            let sign =
                SIGNS.into_iter().find(|sign| sign.chars().enumerate().all(|(k, c)| text.get(at + k) == Some(c)));
            let Some(sign) = sign else {
                let hint = match c {
                    '=' => "`==` compares two numbers",
                    '{' | '}' => "parentheses are ( and )",
                    '−' | '–' => "minus is the sign - of the keyboard",
                    '·' | '×' => "times is *",
                    '!' => "`not` turns a condition around, `!=` says unequal",
                    _ => "formulas are made of numbers, names and + - * / ^ % ( ) [ ] , : .. < <= > >= == !=",
                };
                return Fault::err(text.span(at, at + 1), format!("the sign `{c}` has no meaning in a formula"), hint);
            };
            at += sign.len();
            match sign {
                "**" => return Fault::err(text.span(from, at), "`**` has no meaning in a formula", "a power is ^"),
                "&&" => return Fault::err(text.span(from, at), "`&&` has no meaning in a formula", "write `and`"),
                "||" => return Fault::err(text.span(from, at), "`||` has no meaning in a formula", "write `or`"),
                _ => Token::Sign(sign),
            }
        };
        words.push((token, text.span(from, at)));
    }
    words.push((Token::End, text.span(at, at)));
    Ok(words)
}

/// A number: digits, a point with digits (`0..8` is two numbers), an exponent.
fn number(text: &Text, at: &mut usize) -> Checked<Token> {
    let from = *at;
    let mut digits = String::new();
    let take = |at: &mut usize, digits: &mut String| {
        while let Some(c) = text.get(*at).filter(char::is_ascii_digit) {
            digits.push(c);
            *at += 1;
        }
    };
    take(at, &mut digits);
    if text.get(*at) == Some('.') && text.get(*at + 1) != Some('.') {
        digits.push('.');
        *at += 1;
        take(at, &mut digits);
    }
    if matches!(text.get(*at), Some('e' | 'E')) {
        let signed = matches!(text.get(*at + 1), Some('+' | '-'));
        if text.get(*at + 1 + usize::from(signed)).is_some_and(|c| c.is_ascii_digit()) {
            digits.push('e');
            if signed {
                digits.extend(text.get(*at + 1));
            }
            *at += 1 + usize::from(signed);
            take(at, &mut digits);
        }
    }
    if text.get(*at).is_some_and(|c| c.is_alphabetic() || c == '_') {
        let span = text.span(from, *at + 1);
        return Fault::err(span, "a number runs into a name", "write * between them: 2*x, not 2x");
    }
    match digits.parse() {
        Ok(value) => Ok(Token::Number(value)),
        Err(_) => Fault::err(text.span(from, *at), "this is no number", "numbers look like 3, 0.5 or 1e-6"),
    }
}
