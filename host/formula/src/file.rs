//! The TOML around the formulas: which keys there are, of what kind, each value with its place in the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Checked, Fault, Span, suggestion};
use crate::parser;
use crate::syntax::{Expr, Kind};
use crate::text::Text;

/// A name and what it is given.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) name: String,
    pub(crate) at: Span,
    pub(crate) value: T,
    pub(crate) value_at: Span,
}

/// A number, a formula, or arrays of them.
#[derive(Debug)]
pub(crate) enum Given {
    Formula(Expr),
    Array(Vec<(Given, Span)>),
}

/// A formula file as it stands, its formulas parsed and not yet understood.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) dimension: Option<Expr>,
    /// The energy, or its negative.
    pub(crate) energy: Option<(Expr, bool)>,
    pub(crate) parts: Vec<Entry<Expr>>,
    pub(crate) constants: Vec<Entry<Given>>,
    pub(crate) data: Vec<Entry<String>>,
    pub(crate) definitions: Vec<Entry<Expr>>,
    pub(crate) bounds: Vec<Entry<[Expr; 2]>>,
    /// How many, of how many coordinates each, and where that is said.
    pub(crate) particles: Option<(Expr, Expr, Span)>,
    pub(crate) truth: Option<String>,
}

const KEYS: [&str; 11] = [
    "name",
    "dimension",
    "energy",
    "log_density",
    "parts",
    "constants",
    "data",
    "where",
    "bounds",
    "particles",
    "samples",
];

type Keyed<'a> = Entry<&'a Spanned<DeValue<'a>>>;

/// The entries of a table in the file's order.
fn entries<'a>(table: &'a DeTable<'a>) -> Vec<Keyed<'a>> {
    let mut entries: Vec<Keyed<'a>> = table
        .iter()
        .map(|(key, value)| Entry {
            name: key.get_ref().to_string(),
            at: key.span().into(),
            value,
            value_at: value.span().into(),
        })
        .collect();
    entries.sort_by_key(|entry| entry.at.start);
    entries
}

/// The draft that a file's text is.
pub(crate) fn read(text: &str) -> Checked<Draft> {
    let document = DeTable::parse(text).map_err(|error| {
        let place = error.span().unwrap_or(0..0).into();
        let message = error.message().trim_end_matches('.').replace('\n', ", ");
        Fault::new(
            place,
            format!("this is not TOML: {message}"),
            "lines are `name = value`; text stands in quotes, tables begin with [name]",
        )
    })?;
    let mut draft = Draft::default();
    for entry in entries(document.get_ref()) {
        let value = entry.value;
        match entry.name.as_str() {
            "name" => draft.name = Some(string(&entry, "a name in quotes, such as \"funnel\"")?),
            "dimension" => draft.dimension = Some(expression(value, text)?),
            "energy" | "log_density" => {
                if draft.energy.is_some() {
                    return Fault::err(
                        entry.at,
                        "the file has both energy and log_density",
                        "keep one: the energy is -log_density",
                    );
                }
                draft.energy = Some((expression(value, text)?, entry.name == "log_density"));
            }
            "parts" => draft.parts = each(&entry, |entry| expression(entry.value, text))?,
            "constants" => draft.constants = each(&entry, |entry| given(entry.value, text))?,
            "data" => {
                draft.data = each(&entry, |entry| string(entry, "a file's name in quotes, such as \"points.csv\""))?
            }
            "where" => draft.definitions = each(&entry, |entry| expression(entry.value, text))?,
            "bounds" => draft.bounds = each(&entry, |entry| bounds(entry, text))?,
            "particles" => draft.particles = Some(particles(&entry, text)?),
            "samples" => {
                for inner in table(&entry)? {
                    known(&inner, &["truth"])?;
                    draft.truth = Some(string(&inner, "a file's name in quotes, such as \"funnel.npy\"")?);
                }
            }
            _ => known(&entry, &KEYS)?,
        }
    }
    Ok(draft)
}

/// Refuses a key that is not one of a few.
fn known(entry: &Keyed<'_>, keys: &[&str]) -> Checked<()> {
    if keys.contains(&entry.name.as_str()) {
        return Ok(());
    }
    let hint = suggestion(&entry.name, keys, &format!("keys here are {}", keys.join(", ")));
    Fault::err(entry.at, format!("the key `{}` is not known", entry.name), hint)
}

/// The entries of a value that is a table.
fn table<'a>(entry: &Keyed<'a>) -> Checked<Vec<Keyed<'a>>> {
    match entry.value.get_ref() {
        DeValue::Table(table) => Ok(entries(table)),
        _ => Fault::err(
            entry.value_at,
            format!("`{}` is not a table", entry.name),
            format!("write [{}] on a line of its own and the entries below it", entry.name),
        ),
    }
}

/// What every entry of a table is given.
fn each<T>(entry: &Keyed<'_>, read: impl Fn(&Keyed<'_>) -> Checked<T>) -> Checked<Vec<Entry<T>>> {
    table(entry)?
        .into_iter()
        .map(|inner| {
            let value = read(&inner)?;
            Ok(Entry { name: inner.name, at: inner.at, value, value_at: inner.value_at })
        })
        .collect()
}

fn string(entry: &Keyed<'_>, expected: &str) -> Checked<String> {
    match entry.value.get_ref() {
        DeValue::String(text) => Ok(text.to_string()),
        other => {
            let message = format!("`{}` is given {}", entry.name, kind(other));
            Fault::err(entry.value_at, message, format!("it is {expected}"))
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A number, or a formula in quotes.
fn expression(value: &Spanned<DeValue<'_>>, file: &str) -> Checked<Expr> {
    let span: Span = value.span().into();
    let number = match value.get_ref() {
        DeValue::String(_) => {
            let raw = file.get(value.span()).unwrap_or_default();
            return parser::parse(&Text::of(raw, span.start));
        }
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|n| n as f64),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) => Ok(Expr { kind: Kind::Number(number), span }),
        None => {
            let message = format!("this is {}; a number or a formula is needed here", kind(value.get_ref()));
            Fault::err(span, message, "formulas stand in quotes: \"x[0]^2 / 2\"")
        }
    }
}

/// A number, a formula, or arrays of them.
fn given(value: &Spanned<DeValue<'_>>, file: &str) -> Checked<Given> {
    match value.get_ref() {
        DeValue::Array(items) => {
            let items = items.iter().map(|item| Ok((given(item, file)?, item.span().into())));
            Ok(Given::Array(items.collect::<Checked<_>>()?))
        }
        _ => Ok(Given::Formula(expression(value, file)?)),
    }
}

/// `[low, high]`.
fn bounds(entry: &Keyed<'_>, file: &str) -> Checked<[Expr; 2]> {
    if let DeValue::Array(items) = entry.value.get_ref()
        && let [low, high] = items.iter().collect::<Vec<_>>().as_slice()
    {
        return Ok([expression(low, file)?, expression(high, file)?]);
    }
    let message = format!("the bounds of `{}` are not two numbers", entry.name);
    Fault::err(entry.value_at, message, "bounds are [low, high], such as [0, inf]")
}

fn particles(entry: &Keyed<'_>, file: &str) -> Checked<(Expr, Expr, Span)> {
    let (mut count, mut dimensions) = (None, None);
    for inner in table(entry)? {
        known(&inner, &["count", "dimensions"])?;
        let value = Some(expression(inner.value, file)?);
        if inner.name == "count" {
            count = value;
        } else {
            dimensions = value;
        }
    }
    match (count, dimensions) {
        (Some(count), Some(dimensions)) => Ok((count, dimensions, entry.at)),
        (count, _) => {
            let missing = if count.is_none() { "count" } else { "dimensions" };
            let message = format!("[particles] has no `{missing}`");
            Fault::err(
                entry.at,
                message,
                "it needs how many particles and coordinates of each: count = 13, dimensions = 3",
            )
        }
    }
}
