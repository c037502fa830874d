//! The person asks to stop: Ctrl-C, or a request to terminate.
//!
//! Whoever works looks at a flag and ends in order. A second Ctrl-C ends at once; a second request to terminate does not:
//! `timeout` sends each of its signals twice, within a moment. Signals that the shell has set to be ignored, as `nohup` does,
//! stay ignored.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A flag that the first Ctrl-C or request to terminate sets.
pub fn stop_on_signals() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    if listen(Arc::clone(&stop)).is_err() {
        crate::console::say("warning: Ctrl-C will end the work at once, without saving");
    }
    stop
}

/// For work that leaves nothing half done: any of these signals ends the process at once, with the exit code of an
/// interruption.
pub fn end_on_signals() {
    let stop = stop_on_signals();
    std::thread::spawn(move || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::process::exit(130);
    });
}

#[cfg(unix)]
fn listen(stop: Arc<AtomicBool>) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    /// Signals within this time are one request.
    const MOMENT: Duration = Duration::from_millis(500);

    let heard: Vec<i32> = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !ignored(*signal)).collect();
    let mut signals = signal_hook::iterator::Signals::new(heard)?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            match first {
                None => {
                    first = Some(Instant::now());
                    stop.store(true, Ordering::SeqCst);
                    crate::console::say("\nstopping; Ctrl-C again ends at once");
                }
                Some(first) if signal == SIGINT && first.elapsed() > MOMENT => std::process::exit(130),
                Some(_) => {}
            }
        }
    })?;
    Ok(())
}

/// Whether this process was started with the signal ignored; where the system does not tell, it was not.
#[cfg(unix)]
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

#[cfg(not(unix))]
fn listen(stop: Arc<AtomicBool>) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || {
        if stop.swap(true, std::sync::atomic::Ordering::SeqCst) {
            std::process::exit(130);
        }
        crate::console::say("\nstopping; Ctrl-C again ends at once");
    })
}
