//! The table of this machine on standard output; exit status 1 where it is not the pinned one.
//!
//!     registry            all kernels
//!     registry NAME…      some of them; none for an empty name
//!     registry --pin      writes the table to `pinned.txt`: right only after a deliberate change of arithmetic

use std::process::ExitCode;

use kiln_registry::{KERNELS, Kernel, Line, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => status(run(|line| println!("{line}"))),
        [option] if option == "--pin" => pin(),
        names => some(names),
    }
}

fn status(different: u32) -> ExitCode {
    ExitCode::from(u8::from(different > 0))
}

fn pin() -> ExitCode {
    let mut table = String::new();
    let different = run(|line| table.push_str(&format!("{line}\n")));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/pinned.txt");
    if let Err(error) = std::fs::write(path, table) {
        eprintln!("error: {path}: {error}");
        return ExitCode::FAILURE;
    }
    eprintln!("pinned; {different} lines were new or different");
    ExitCode::SUCCESS
}

fn some(names: &[String]) -> ExitCode {
    let all: Vec<&Kernel> = KERNELS.iter().copied().flatten().collect();
    let mut different = 0;
    for name in names.iter().filter(|name| !name.is_empty()) {
        let Some(kernel) = all.iter().find(|kernel| kernel.name == name) else {
            eprintln!("error: no kernel is called {name}");
            return ExitCode::from(2);
        };
        let line: Line = kernel.line();
        println!("{line}");
        different += u32::from(!line.is_pinned());
    }
    status(different)
}
