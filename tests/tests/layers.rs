//! Data flows one way: no circle of files or folders in any crate, by the `use` lines and paths of its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates, from the bottom up: each may depend on those before it.
const CRATES: [(&str, &str); 9] = [
    ("kiln-core", "core"),
    ("kiln-gpu", "gpu"),
    ("kiln-metrics", "host/metrics"),
    ("kiln-explore", "host/explore"),
    ("kiln-formula", "host/formula"),
    ("kiln-foreign", "host/foreign"),
    ("kiln", "host/kiln"),
    ("kiln-python", "host/python"),
    ("host", "host"),
];

type Graph = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every module with its source: `a::b` for `a/b.rs` and `a/b/mod.rs`. The crate's root, which names them all, is none.
fn modules(folder: &Path, prefix: &str, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            modules(&path, &format!("{prefix}{name}::"), all);
        } else if let Some(stem) = name.strip_suffix(".rs") {
            let module = if stem == "mod" { prefix.trim_end_matches("::").into() } else { format!("{prefix}{stem}") };
            if !matches!(module.as_str(), "lib" | "main") && stem != "tests" {
                all.insert(module, code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
}

/// Without comments and without tests, which may look at everything.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The paths of a `use` tree: `a::{b, c::{d, e}}` is a::b, a::c::d, a::c::e.
fn paths(prefix: &str, tree: &str, all: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        all.push(format!("{prefix}{path}"));
        return;
    };
    let (mut depth, mut start, inside) = (0, 0, rest.rsplit_once('}').map_or(rest, |(inside, _)| inside));
    let prefix = format!("{prefix}{}", head.trim());
    for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inside[start..at].trim().is_empty() {
                    paths(&prefix, &inside[start..at], all);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// Every path within the crate that a source names: in `use` lines, and written out in the code.
fn named(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (at, word) in code.match_indices("use ").map(|(at, word)| (at + word.len(), word)) {
        let starts = at == 4 || !code[..at - 4].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if starts && !word.is_empty() {
            let tree = code[at..].split(';').next().unwrap_or_default();
            if ["crate::", "super::", "self::"].iter().any(|start| tree.starts_with(start)) {
                paths("", tree, &mut all);
            }
        }
    }
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start).filter(|(at, _)| !code[..*at].ends_with(':')) {
            let end = code[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            all.push(code[at..end.map_or(code.len(), |end| at + end)].trim_end_matches(':').to_string());
        }
    }
    all
}

/// What each module names: the longest prefix of a path that is a module.
fn files(modules: &BTreeMap<String, String>) -> Graph {
    let of = |(module, code): (&String, &String)| {
        let names = named(code).into_iter().filter_map(|path| {
            let mut parts: Vec<&str> = path.split("::").map(str::trim).collect();
            let mut place: Vec<&str> = match *parts.first()? {
                "crate" => Vec::new(),
                "self" => module.split("::").collect(),
                _ => module.split("::").collect::<Vec<_>>().split_last()?.1.to_vec(),
            };
            parts.remove(0);
            while parts.first() == Some(&"super") {
                place.pop();
                parts.remove(0);
            }
            place.extend(parts);
            (1..=place.len()).rev().map(|length| place[..length].join("::")).find(|path| modules.contains_key(path))
        });
        (module.clone(), names.filter(|name| name != module).collect())
    };
    modules.iter().map(of).collect()
}

/// The same of the folders and files right below the sources.
fn folders(files: &Graph) -> Graph {
    let top = |module: &str| module.split("::").next().unwrap_or_default().to_string();
    let mut graph = Graph::new();
    for (module, names) in files {
        let others = names.iter().map(|name| top(name)).filter(|name| *name != top(module));
        graph.entry(top(module)).or_default().extend(others);
    }
    graph
}

/// Every module from which a path leads back to it, with all that lies on such paths.
fn circles(graph: &Graph) -> Vec<String> {
    let reach = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            for name in graph.get(next).into_iter().flatten() {
                if seen.insert(name) {
                    open.push(name);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, _> = graph.keys().map(|module| (module, reach(module))).collect();
    reached.iter().filter(|(module, seen)| seen.contains(*module)).map(|(module, _)| (*module).clone()).collect()
}

#[test]
fn no_crate_has_a_circle_of_files_or_folders() {
    let mut read = 0;
    for (name, folder) in CRATES {
        let mut all = BTreeMap::new();
        modules(&root().join(folder).join("src"), "", &mut all);
        let files = files(&all);
        let edges: usize = files.values().map(BTreeSet::len).sum();
        assert!(all.len() > 2 && edges > all.len() / 2, "{name}: {} files, {edges} arrows are too few", all.len());
        read += all.len();
        assert_eq!(circles(&files), [""; 0], "{name}: files in circles");
        assert_eq!(circles(&folders(&files)), [""; 0], "{name}: folders in circles");
    }
    assert!(read > 200, "{read} files are too few");
}

#[test]
fn crates_depend_on_those_below_them_only() {
    for (at, (name, folder)) in CRATES.iter().enumerate() {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        for (other, _) in &CRATES[at..] {
            assert!(
                !manifest.lines().any(|line| line.starts_with(&format!("{other}.workspace"))),
                "{name} knows {other}"
            );
        }
    }
}

#[test]
fn circles_are_found() {
    let sources = [
        ("a", "use crate::b::{self, c::{D, E as F}};"),
        ("b", "pub mod c;"),
        ("b::c", "fn f() { crate::x::y() }\nuse super::super::a::Thing;"),
        ("x", "// use crate::a;\n"),
        ("y", "use super::x;\n"),
    ];
    let modules = sources.map(|(module, text)| (module.to_string(), code(text))).into();
    let files = files(&modules);
    assert_eq!(files["a"], ["b".to_string(), "b::c".to_string()].into());
    assert_eq!(files["b::c"], ["a".to_string(), "x".to_string()].into());
    assert_eq!(circles(&files), ["a", "b::c"]);
    assert_eq!(circles(&folders(&files)), ["a", "b"]);
    let straight = ("x".to_string(), code("use crate::a;\n#[cfg(test)]\nmod tests { use crate::y; }"));
    assert!(!named(&straight.1).iter().any(|path| path.contains('y')));
}
