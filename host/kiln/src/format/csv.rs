//! Comma-separated text with a header of the coordinates' names, `x0,x1,…` where they have none. Numbers are written in the
//! fewest digits that read back to the same float32.
//!
//! Columns named `x0`, `x1`, … are read in the order of their numbers, wherever they stand; columns of other names in the
//! order of the file. A first line of numbers is a sample: there is no header then.

use super::label::{Contents, Label};
use super::{check_room, invalid, text};
use crate::samples::Samples;
use ::csv::{ReaderBuilder, StringRecord, Terminator, Trim};
use std::io::{self, Read, Write};

/// Characters of a wrong word that a complaint shows.
const SHOWN: usize = 24;

/// A file in the making.
pub struct Writer<W> {
    dim: usize,
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins with the header: the coordinates' own names, or x0, x1, … where those would not be read as they stand.
    pub fn new(names: &[String], mut out: W) -> io::Result<Self> {
        let dim = names.len();
        let plain = |name: &String| !name.contains(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '#'));
        let in_order = || header(&StringRecord::from(names.to_vec())).is_ok_and(|at| at == Some((0..dim).collect()));
        if names.iter().all(plain) && in_order() {
            writeln!(out, "{}", names.join(","))?;
        } else {
            let numbered: Vec<String> = (0..dim).map(|i| format!("x{i}")).collect();
            writeln!(out, "{}", numbered.join(","))?;
        }
        Ok(Self { dim, out })
    }
}

impl<W: Write> super::Writer for Writer<W> {
    fn put(&mut self, rows: &[f32]) -> io::Result<()> {
        self.out.write_all(&text(rows, self.dim, line)?)
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.out.flush()
    }
}

fn line(row: &[f32], out: &mut Vec<u8>) -> io::Result<()> {
    for (i, x) in row.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        if *x == 0.0 || (1e-5..1e7).contains(&x.abs()) {
            write!(out, "{comma}{x}")?
        } else {
            write!(out, "{comma}{x:e}")?
        }
    }
    writeln!(out)
}

/// Reads one line a sample, where there is room for so many numbers.
pub fn contents(input: impl Read, room: u64) -> io::Result<Contents> {
    // With \n at every end, the line of a record is the one before the reader's; a \r before it is trimmed.
    let mut reader = ReaderBuilder::new();
    reader.has_headers(false).flexible(true).trim(Trim::All).terminator(Terminator::Any(b'\n'));
    let mut reader = reader.from_reader(input.chain(&b"\n"[..]));
    let mut record = StringRecord::new();
    let (mut columns, mut first_line, mut data) = (Vec::new(), 0, Vec::new());
    while reader.read_record(&mut record).map_err(broken)? {
        // A line of blanks.
        if record.len() == 1 && record[0].is_empty() {
            continue;
        }
        let at = reader.position().line() - 1;
        if columns.is_empty() {
            first_line = at;
            let header = header(&record)?;
            columns = header.clone().unwrap_or_else(|| (0..record.len()).collect());
            if header.is_some() {
                continue;
            }
        }
        if record.len() != columns.len() {
            let (here, there) = (record.len(), columns.len());
            return Err(invalid(format!("line {at} has {here} columns, line {first_line} has {there}")));
        }
        for column in &columns {
            let word = &record[*column];
            let number = word.parse::<f32>();
            data.push(
                number.map_err(|_| {
                    invalid(format!("line {at}, column {}: {} is not a number", column + 1, quoted(word)))
                })?,
            );
        }
        check_room(data.len() as u64, room)?;
    }
    if columns.is_empty() {
        return Err(invalid("it is empty"));
    }
    Ok(Contents { samples: Samples { dim: columns.len(), data }, label: Label::default() })
}

/// Where each coordinate stands, by a first line of names; nothing where it is a sample.
fn header(record: &StringRecord) -> io::Result<Option<Vec<usize>>> {
    let numbers = record.iter().filter(|word| word.parse::<f32>().is_ok()).count();
    if numbers == record.len() {
        let counted = counts(&record.iter().map(|word| word.parse().ok()).collect::<Vec<_>>());
        return if counted {
            Err(invalid(
                "its first line is 0,1,… in some order: the numbers of columns or a sample? Name the columns x0,x1,…, or write it 0.0,1.0,…",
            ))
        } else {
            Ok(None)
        };
    }
    // numpy.savetxt puts a # before a header.
    let names: Vec<&str> = record
        .iter()
        .enumerate()
        .map(|(i, name)| if i == 0 { name.trim_start_matches(['#', ' ']) } else { name })
        .collect();
    if let Some(name) = record.iter().find(|word| word.parse::<f32>().is_ok()) {
        return Err(invalid(format!("its first line has names and numbers, such as {}", quoted(name))));
    }
    if names.iter().all(|name| number_of(name).is_none()) {
        return match names.iter().position(|name| name.is_empty()) {
            Some(at) => Err(invalid(format!("column {} has no name", at + 1))),
            None => numbered(&names).map(Some),
        };
    }
    let mut places = vec![None; names.len()];
    let mut beyond = None;
    for (at, name) in names.iter().enumerate() {
        let stranger = || match name.is_empty() {
            true => invalid(format!("column {} has no name, beside columns x0,x1,…", at + 1)),
            false => invalid(format!("column {} is not one of the coordinates x0,x1,…", quoted(name))),
        };
        match places.get_mut(number_of(name).ok_or_else(stranger)?) {
            Some(place @ None) => *place = Some(at),
            Some(Some(_)) => return Err(invalid(format!("there are two columns {}", quoted(name)))),
            None => beyond = Some(name),
        }
    }
    if let (Some(name), Some(gap)) = (beyond, places.iter().position(Option::is_none)) {
        return Err(invalid(format!("there is a column {}, but no 'x{gap}'", quoted(name))));
    }
    Ok(places.into_iter().collect())
}

/// Whether these are the numbers from 0 on, of more than one column; of many columns in any order, as by a sort of names.
fn counts(numbers: &[Option<usize>]) -> bool {
    const MANY: usize = 5;
    let mut sorted: Vec<usize> = numbers.iter().copied().flatten().collect();
    if sorted.len() < numbers.len() || sorted.len() < 2 {
        return false;
    }
    let counted = |sorted: &[usize]| sorted.iter().enumerate().all(|(i, number)| *number == i);
    if counted(&sorted) {
        return true;
    }
    sorted.sort_unstable();
    sorted.len() >= MANY && counted(&sorted)
}

/// Where columns of other names stand: as in the file, unless they are numbered in another order, as by a sort of names.
fn numbered(names: &[&str]) -> io::Result<Vec<usize>> {
    let split = |name: &str| {
        let name = name.trim_end_matches([']', ')']);
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        Some((stem.to_string(), name[stem.len()..].parse::<usize>().ok()?))
    };
    let all: Option<Vec<(String, usize)>> = names.iter().map(|name| split(name)).collect();
    let Some(all) = all.filter(|all| all.iter().all(|(stem, _)| *stem == all[0].0)) else {
        return Ok((0..names.len()).collect());
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|at| all[*at].1);
    match order.windows(2).find(|pair| all[pair[0]].1 == all[pair[1]].1) {
        Some(pair) => Err(invalid(format!("there are two columns {}", quoted(names[pair[0]])))),
        None => Ok(order),
    }
}

/// The number in a name such as x12.
fn number_of(name: &str) -> Option<usize> {
    let digits = name.strip_prefix(['x', 'X'])?;
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.then(|| digits.parse().unwrap_or(usize::MAX))
}

fn quoted(word: &str) -> String {
    match word.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("'{}…'", &word[..at]),
        None => format!("'{word}'"),
    }
}

fn broken(error: ::csv::Error) -> io::Error {
    let line = error.position().map_or(0, ::csv::Position::line);
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        _ => invalid(format!("line {line} is not text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Samples> {
        Ok(contents(text.as_bytes(), u64::MAX)?.samples)
    }

    fn refused(text: &str, words: &str) {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text:?}: {error}");
    }

    #[test]
    fn coordinates_have_their_names_where_those_are_read_as_they_stand() {
        let written = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            let mut bytes = Vec::new();
            let mut writer = Box::new(Writer::new(&names, &mut bytes).unwrap());
            let row: Vec<f32> = (0..names.len()).map(|i| 0.5 + i as f32).collect();
            crate::format::Writer::put(&mut *writer, &row).unwrap();
            crate::format::Writer::finish(writer).unwrap();
            assert_eq!(contents(&bytes[..], u64::MAX).unwrap().samples.data, row, "{names:?}");
            String::from_utf8(bytes).unwrap().lines().next().unwrap().to_string()
        };
        for kept in [&["mu", "tau", "theta[0]"][..], &["v", "y[0]", "y[1]"], &["y[8]", "y[9]", "y[10]"], &["x0", "x1"]]
        {
            assert_eq!(written(kept), kept.join(","));
        }
        for unread in [&["y[1]", "y[0]"][..], &["x1", "x0"], &["x0", "v"], &["a,b", "c"], &["1", "b"], &["nan", "inf"]]
        {
            assert_eq!(written(unread), "x0,x1");
        }
    }

    #[test]
    fn other_names_with_numbers_are_taken_by_them_too() {
        for names in ["x_0,x_1,x_10,x_2", "d0,d1,d10,d2", "x[0],x[1],x[10],x[2]"] {
            let read = contents(format!("{names}\n1,2,3,4\n").as_bytes(), u64::MAX).unwrap();
            assert_eq!(read.samples.data, [1., 2., 4., 3.], "{names}");
        }
        let read = contents(&b"mu,tau,theta1\n1,2,3\n"[..], u64::MAX).unwrap();
        assert_eq!(read.samples.data, [1., 2., 3.], "names of their own stay in order");
        for counted in ["0,1", "0,1,10,11,2,3,4,5,6,7,8,9"] {
            let error = contents(format!("{counted}\n").as_bytes(), u64::MAX).unwrap_err().to_string();
            assert!(error.contains("the numbers of columns or a sample?"), "{error}");
        }
        assert!(contents(&b"a1,a1\n1,2\n"[..], u64::MAX).unwrap_err().to_string().contains("two columns"));
    }

    #[test]
    fn columns_in_alphabetical_order_are_taken_by_their_names() {
        let names: Vec<String> = (0..12).map(|i| format!("x{i}")).collect();
        let mut sorted: Vec<usize> = (0..12).collect();
        sorted.sort_by_key(|i| names[*i].clone());
        let header: Vec<&str> = sorted.iter().map(|i| names[*i].as_str()).collect();
        let row: Vec<String> = sorted.iter().map(|i| format!("{i}.5")).collect();
        let text = format!("{}\n{}\n", header.join(","), row.join(","));
        assert!(text.starts_with("x0,x1,x10,x11,x2"));
        let inorder: Vec<f32> = (0..12).map(|i| i as f32 + 0.5).collect();
        assert_eq!(read(&text).unwrap(), Samples { dim: 12, data: inorder });
        assert_eq!(read("energy of a,b\n1,2\n").unwrap().data, [1.0, 2.0], "other names: in the file's order");
    }

    #[test]
    fn a_file_without_a_header_keeps_its_first_row() {
        assert_eq!(read("1,2\n3,4\n").unwrap(), Samples { dim: 2, data: vec![1.0, 2.0, 3.0, 4.0] });
        assert_eq!(read("nan,-1e39\n").unwrap().data[1], f32::NEG_INFINITY);
        refused("0,1\n0.5,0.25\n", "first line is 0,1");
    }

    #[test]
    fn blank_lines_quotes_blanks_and_line_ends_of_other_programs_are_read() {
        let plain = read("x0,x1\n1,2\n3,4\n").unwrap();
        for text in [
            "x0,x1\n1,2\n3,4\n\n",
            "x0,x1\r\n1,2\r\n\r\n3,4\r\n",
            "\"x0\",\"x1\"\n\"1\",\"2\"\n\"3\",\"4\"",
            " x0 , x1 \n 1.0 , 2 \n   \n +3e0,\t4\n",
            "\u{feff}x0,x1\n1,2\n3,4\n",
            "# x0,x1\n1,2\n3,4\n",
            "X1,X0\n2,1\n4,3\n",
        ] {
            assert_eq!(read(text).unwrap(), plain, "{text:?}");
        }
    }

    #[test]
    fn columns_that_contradict_each_other_are_named() {
        refused("x0,x1,energy\n1,2,3\n", "column 'energy' is not one of");
        refused("energy,x0\n1,2\n", "column 'energy'");
        refused(",x0,x1\n0,1,2\n", "column 1 has no name");
        refused(",a,b\n0,1,2\n", "column 1 has no name");
        refused("x0,x1,x0\n1,2,3\n", "two columns 'x0'");
        refused("x1,x01\n1,2\n", "two columns 'x01'");
        refused("x0,x2\n1,2\n", "a column 'x2', but no 'x1'");
        refused("x5,x0,x1\n1,2,3\n", "a column 'x5', but no 'x2'");
        refused("x1,x2\n1,2\n", "a column 'x2', but no 'x0'");
        refused("x99999999999999999999\n1\n", "a column 'x99999999999999999999', but no 'x0'");
        refused("x0,1.5\n1,2\n", "names and numbers, such as '1.5'");
    }

    #[test]
    fn what_is_wrong_is_placed_by_its_line() {
        refused("x0,x1\n1,2\n\n3\n", "line 4 has 1 columns, line 1 has 2");
        refused("1,2\n1,2,\n", "line 2 has 3 columns, line 1 has 2");
        refused("x0,x1\n1,2\n3,\n", "line 3, column 2: '' is not a number");
        refused("x0\none\n", "line 2, column 1: 'one' is not a number");
        refused("x0;x1\n1;2\n", "line 2, column 1: '1;2' is not a number");
        refused("x0\n\"1\n2\n3 and all that follows it in a long text\n", "…' is not a number");
        refused("\n\n", "it is empty");
        assert!(contents(&b"x0\n1\n\xff\xfe\n"[..], u64::MAX).unwrap_err().to_string().contains("line 3"));
        assert!(contents(&b"x0\n1\n2\n"[..], 1).unwrap_err().to_string().contains("memory"));
    }
}
