//! What people read who make a mistake: every `malformed/NN.toml` against the text in `malformed/NN.txt`.
//! `KILN_BLESS=1 cargo test -p kiln-formula --test malformed` writes the texts anew.

mod common;

use std::path::Path;

use kiln_formula::Formula;

#[test]
fn every_mistake_is_told_with_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let bless = std::env::var_os("KILN_BLESS").is_some();
    let (mut files, mut different) = (0, Vec::new());
    let load = |path: &Path| common::load(&folder.join(path));
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "toml")) {
        let text = std::fs::read_to_string(&path).expect("a file");
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let told = match Formula::parse(&text, &name, &load) {
            Ok(_) => "no error".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        let expected_path = path.with_extension("txt");
        if bless {
            std::fs::write(&expected_path, &told).expect("to be written");
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if told != expected {
            different.push(format!("{name}\nis told:\n{told}\nexpected:\n{expected}"));
        }
        files += 1;
    }
    assert!(files >= 30, "{files} files");
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// Beginnings and mutilations of sound files: any error will do, a panic will not.
#[test]
fn no_file_makes_it_panic() {
    let text = std::fs::read_to_string(common::zoo_folder().join("schools.toml")).expect("schools");
    let parse = |text: &str| {
        if let Err(error) = Formula::parse(text, "cut.toml", &common::load) {
            assert!(!error.to_string().is_empty() && !error.hint.is_empty() && !error.message.is_empty());
        }
    };
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        parse(&text[..end]);
        parse(&format!("{}{}", &text[..end], &text[(end + 1).min(text.len())..]));
    }
    let deep = format!("dimension = 1\nenergy = \"{}x[0]{}\"", "(".repeat(5000), ")".repeat(5000));
    parse(&deep);
    parse(&format!("dimension = 1\nenergy = \"{}x[0]\"", "-".repeat(5000)));
    parse(&format!("dimension = 1\nenergy = \"{}x[0]\"", "x[0] + ".repeat(3000)));
    parse(&format!("dimension = 1\nenergy = \"{}x[0]\"", "x[0] ^ ".repeat(5000)));
    parse(&format!("dimension = 1\nenergy = \"{}x[0]\"", "not ".repeat(5000)));
    parse(&format!("dimension = 1\nenergy = \"x{}\"", "[0]".repeat(4000)));
    parse(&format!("dimension = 1\nenergy = \"{}1{}\"", "abs(".repeat(5000), ")".repeat(5000)));
    parse("dimension = 1\nenergy = \"sum(i in 0..1000000000000: 1) * x[0]\"");
    parse("dimension = 10000\nenergy = \"sum(i in 0..1000000: sumsq(x - 1))\"");
    parse("energy = \"sumsq(x)\"\n[particles]\ncount = 1000000\ndimensions = 1000000");
}
