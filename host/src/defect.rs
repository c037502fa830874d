//! A panic is a defect of Kiln. What a person gets to see of it is one sentence, and an exit code of its own.

use crate::console::say;
use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// The exit code, that of an internal software error in `sysexits.h`.
pub const EXIT_CODE: u8 = 70;

/// Runs `work`. Where it panics, on whatever thread, the first panic is told in one sentence.
///
/// # Errors
/// If it panicked: the exit code.
pub fn guard<T>(work: impl FnOnce() -> T) -> Result<T, u8> {
    let told = Once::new();
    panic::set_hook(Box::new(move |panic| told.call_once(|| tell(panic))));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    drop(panic::take_hook());
    done.map_err(|_| EXIT_CODE)
}

fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
    let (what, version) = (message(panic.payload()), env!("CARGO_PKG_VERSION"));
    say(format_args!("error: this is a defect of Kiln {version}{place}: {what}"));
    say("hint: please report it with the command and, where it is small, its input");
}

/// What was panicked with, in one line.
fn message(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
