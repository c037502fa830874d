//! Targets from formula files: the energy of `docs/formula.md`, with what its file says of it. Data beside the file is read
//! from `.npy` and `.csv`.

use crate::error::Error;
use crate::files::hash;
use crate::format::npy;
use crate::target::Target;
use kiln_explore::Bound;
use kiln_formula::{Array, Formula};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Whether this is meant as a formula file: by its name.
pub fn is_formula(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

/// The target that a formula file describes.
///
/// # Errors
/// If the file or its data cannot be read, or is no formula; the message shows the place.
pub fn target(path: &Path) -> Result<Target, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, error))?;
    let read = RefCell::new(text.clone().into_bytes());
    let load = |data: &Path| {
        let bytes = std::fs::read(data).map_err(|error| error.to_string())?;
        read.borrow_mut().extend_from_slice(&bytes);
        array(data, &bytes)
    };
    let formula = Formula::parse(&text, &path.display().to_string(), &load).map_err(|error| {
        let whole = error.to_string();
        let sentence = whole.split("\nhint: ").next().unwrap_or_default().to_string();
        Error::input(sentence, error.hint)
    })?;
    let name = formula.name().to_string();
    check_name(&name, path)?;
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let convention = format!("E of the formula file {file}, sha256 {}", &hash(&read.borrow())[..16]);
    let summary = format!("{} dimensions, {} operations", formula.dimension(), formula.operations());
    let bounds = formula.bounds().iter().map(|(low, high)| Bound { low: *low, high: *high }).collect();
    let names = formula.coordinate_names().to_vec();
    let truth = formula.truth().map(PathBuf::from);
    Ok(Target::new(&name, formula)
        .described(&name, &summary, &convention)
        .with_coordinates(names, bounds)
        .from_file(whole, truth))
}

/// Refuses a name of an energy that no file could have.
pub(crate) fn check_name(name: &str, path: &Path) -> Result<(), Error> {
    if !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && !name.starts_with(['.', '-'])
    {
        return Ok(());
    }
    let message = format!("{}: the name '{name}' is not a word", path.display());
    Err(Error::input(message, "use letters, digits, '-' and '_': files and directories are named after it"))
}

/// An array of data, of one or two dimensions.
fn array(path: &Path, bytes: &[u8]) -> Result<Array, String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("npy") => of_npy(bytes),
        Some("csv") => of_csv(bytes),
        _ => Err("data is read from .npy and .csv".into()),
    }
}

fn of_npy(bytes: &[u8]) -> Result<Array, String> {
    let (shape, data) = npy::wide(bytes).map_err(|error| error.to_string())?;
    if shape.is_empty() || shape.len() > 2 {
        return Err("the array must have one or two dimensions".into());
    }
    Ok(Array { shape, data })
}

/// Rows of numbers; a first row of names is passed over. One column is a list.
fn of_csv(bytes: &[u8]) -> Result<Array, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(bytes);
    let (mut columns, mut data) = (0, Vec::new());
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        let row: Result<Vec<f64>, _> = record.iter().map(str::parse::<f64>).collect();
        match row {
            Ok(row) => {
                columns = row.len();
                data.extend(row);
            }
            Err(_) if at == 0 => {}
            Err(_) => return Err(format!("line {} holds something that is no number", at + 1)),
        }
    }
    if columns == 0 {
        return Err("it holds no numbers".into());
    }
    let rows = data.len() / columns;
    Ok(Array { shape: if columns == 1 { vec![rows] } else { vec![rows, columns] }, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use npyz::WriterBuilder as _;

    fn zoo(name: &str) -> Target {
        target(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../formula/zoo/{name}.toml"))).unwrap()
    }

    #[test]
    fn the_zoo_is_read_with_its_data_and_names() {
        let cancer = zoo("cancer");
        assert_eq!((cancer.dim(), cancer.name()), (31, "cancer"));
        assert!(cancer.energy(&[0.0; 31]) > 300.0, "569 log 2 and more");
        let schools = zoo("schools");
        assert_eq!(&schools.names()[..3], ["mu", "log_tau", "theta[0]"]);
        assert!(schools.convention().contains("schools.toml, sha256 "));
        let same = crate::targets::find("dw4").unwrap();
        let x: Vec<f64> = (0..8).map(|k| f64::from(k * k % 5) - 1.5).collect();
        assert!((zoo("dw4").energy(&x) - same.energy(&x)).abs() < 1e-9);
        assert_eq!(zoo("dw4").symmetry(), same.symmetry());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("mine.toml");
        std::fs::write(&path, "dimension = 2\nenergy = \"x[0]^2 + y\"\n").unwrap();
        let error = target(&path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("mine.toml:2:20: ") && text.contains('^'), "{text}");
        assert_eq!(error.exit_code(), 2);
        std::fs::write(&path, "name = \"a b\"\ndimension = 1\nenergy = \"x[0]^2\"\n").unwrap();
        assert!(target(&path).unwrap_err().to_string().contains("'a b' is not a word"));
        assert!(target(&place.path().join("none.toml")).unwrap_err().to_string().starts_with("cannot read"));
    }

    #[test]
    fn arrays_keep_their_doubles_and_what_is_cut_off_is_refused() {
        let mut bytes = Vec::new();
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(&[2, 2]).writer(&mut bytes).begin_nd().unwrap();
        [1.0, 0.1, 1e300, -2.0_f64].iter().for_each(|x| writer.push(x).unwrap());
        writer.finish().unwrap();
        assert_eq!(of_npy(&bytes).unwrap(), Array { shape: vec![2, 2], data: vec![1.0, 0.1, 1e300, -2.0] });
        assert!(of_npy(&bytes[..bytes.len() - 1]).unwrap_err().contains("4 numbers that it claims"));
        assert!(of_npy(b"no array").is_err());
    }

    #[test]
    fn tables_of_text_are_rows_of_numbers() {
        assert_eq!(of_csv(b"a, b\n1, 2\n3, 4\n").unwrap(), Array { shape: vec![2, 2], data: vec![1., 2., 3., 4.] });
        assert_eq!(of_csv(b"1\n2\n").unwrap().shape, [2]);
        assert!(of_csv(b"1,2\n3,x\n").unwrap_err().contains("line 2"));
        assert!(of_csv(b"").is_err());
    }
}
