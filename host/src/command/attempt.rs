//! Targets from files, and `kiln attempt`: a library's first calls, in a child process, before this process loads it. So a library that crashes at
//! once is one sentence.

use crate::cli::Attempt;
use kiln::energy_file::target;
use kiln::error::Error;
use kiln::framed::FramedTarget;
use kiln::library::is_library;
use kiln::target::Target;
use kiln_core::random::{Purpose, Randomness as _, Stream};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// Points that a library is called at.
const POINTS: u64 = 16;
/// What the child prints where nothing happened.
const ALIVE: &str = "alive";

/// The target that a formula file or a shared library describes.
///
/// # Errors
/// If it cannot be read or describes none; if the library crashes.
pub fn target_of_file(path: &Path) -> Result<Target, Error> {
    if is_library(&path.to_string_lossy()) {
        in_child(path)?;
    }
    target(path)
}

/// Calls the energy at points of normal coordinates, one by one and together.
pub fn run(arguments: &Attempt) -> Result<(), Error> {
    let target = target(&arguments.file)?;
    let mut gradient = vec![0.0; target.dim()];
    let mut rows = Vec::new();
    for at in 0..POINTS {
        let mut stream = Stream::new(0, Purpose::Evaluation, at);
        let x: Vec<f64> = target.bounds().iter().map(|bound| bound.map(stream.normal()).x).collect();
        target.energy_and_gradient(&x, &mut gradient);
        target.energy(&x);
        rows.extend(x.iter().map(|x| *x as f32));
    }
    FramedTarget::new(&target, None)?.energies_and_gradients(&rows);
    crate::console::print(ALIVE)
}

/// Does so in a process of its own. What fails there without a crash fails here again, and is told then.
fn in_child(path: &Path) -> Result<(), Error> {
    let program = std::env::current_exe().map_err(|error| Error::file("find", Path::new("kiln"), error))?;
    let mut attempt = Command::new(program);
    attempt.arg("attempt").arg(path).stdin(Stdio::null()).stderr(Stdio::piped());
    let done = attempt.output().map_err(|error| Error::file("start a process to try", path, error))?;
    let alive = done.stdout.ends_with(ALIVE.as_bytes());
    if (done.status.success() && alive) || (!done.status.success() && done.stderr.starts_with(b"error: ")) {
        return Ok(());
    }
    let message = format!("the library '{}' {} when it was loaded or called", path.display(), ended(done.status));
    let place = path.display();
    Err(Error::input(
        message,
        format!("`gdb --args kiln attempt {place}` or valgrind shows where; nothing else was done"),
    ))
}

/// How a process ended that should not have.
fn ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let name = match signal {
            4 => " (illegal instruction)",
            6 => " (abort)",
            7 => " (bus error)",
            8 => " (arithmetic)",
            9 => " (kill)",
            11 => " (segmentation fault)",
            _ => "",
        };
        return format!("crashed by signal {signal}{name}");
    }
    match status.code() {
        Some(code) => format!("ended the process with exit code {code}"),
        None => "ended the process".into(),
    }
}
