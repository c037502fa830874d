//! What is wrong with a formula file, told with its place: the line of the file, a caret below it and a way out.

use std::fmt;

/// A stretch of the formula file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// From the start of this one to the end of the other.
    pub(crate) fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.end) }
    }
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// A [`FormulaError`] before it knows the file it stands in.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) span: Span,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// The result of whatever may find a fault.
pub(crate) type Checked<T> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(span: Span, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: hint.into() }
    }

    /// The same as an error, which is what everything here returns a fault for.
    pub(crate) fn err<T>(span: Span, message: impl Into<String>, hint: impl Into<String>) -> Checked<T> {
        Err(Self::new(span, message, hint))
    }
}

/// Why a formula file makes no energy. Shown, it is the place, one sentence, the line of the file with a caret below the
/// place, and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaError {
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The file, as it was named by the caller.
    pub file: String,
    /// The line of the file, from 1; 0 where the file could not be read at all.
    pub line: usize,
    /// The column of that line in characters, from 1; 0 where there is no line.
    pub column: usize,
    /// That line of the file.
    text: String,
    /// How many characters the caret underlines.
    width: usize,
}

/// The longest piece of a line that is shown, in characters.
const SHOWN: usize = 100;

impl FormulaError {
    /// A fault with the place that its span is in the file's text.
    pub(crate) fn locate(fault: Fault, file: &str, text: &str) -> Self {
        let mut start = fault.span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let mut end = fault.span.end.clamp(start, line_start + line.len().max(start - line_start));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            message: fault.message,
            hint: fault.hint,
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: line.to_owned(),
            width: text[start..end].chars().count().max(1),
        }
    }

    /// An error of the whole file.
    pub(crate) fn whole(file: &str, message: String, hint: String) -> Self {
        Self { message, hint, file: file.to_owned(), line: 0, column: 0, text: String::new(), width: 0 }
    }

    /// The line's piece around the place, and where the place is in it.
    fn excerpt(&self) -> (String, usize) {
        let characters: Vec<char> = self.text.chars().map(|c| if c == '\t' { ' ' } else { c }).collect();
        let at = self.column - 1;
        if characters.len() <= SHOWN {
            return (characters.into_iter().collect(), at);
        }
        let from = at.saturating_sub(SHOWN / 2).min(characters.len() - SHOWN);
        let to = from + SHOWN;
        let (head, tail) = (if from > 0 { "… " } else { "" }, if to < characters.len() { " …" } else { "" });
        let piece: String = characters[from..to].iter().collect();
        (format!("{head}{piece}{tail}"), at - from + head.chars().count())
    }
}

impl fmt::Display for FormulaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}\nhint: {}", self.file, self.message, self.hint);
        }
        let (excerpt, at) = self.excerpt();
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let caret = "^".repeat(self.width.min(excerpt.chars().count().saturating_sub(at).max(1)));
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {excerpt}")?;
        writeln!(f, "{margin} | {}{caret}", " ".repeat(at))?;
        write!(f, "hint: {}", self.hint)
    }
}

impl std::error::Error for FormulaError {}

/// The nearest of some names, if one is near enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = match name.chars().count() {
        0 | 1 => 0,
        2 | 3 => 1,
        _ => 2,
    };
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?", or the list of what there is.
pub(crate) fn suggestion(name: &str, known: &[&str], otherwise: &str) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise.to_owned(),
    }
}
