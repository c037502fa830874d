//! Trials of what Kiln promises of its files and of its ends: processes are killed, files damaged and settings turned
//! hostile, thousands of times, always through the binary that people run. `docs/reliability.md` lists the promises.
//!
//! As a part of `cargo test` each trial runs in a short form; `scripts/reliability` runs the long one.
//!
//! | variable | meaning |
//! |---|---|
//! | `KILN_TRIALS=long` | the long form |
//! | `KILN_TRIALS_SEED` | what is drawn: delays, damage (default 13) |
//! | `KILN_TRIALS_BINARY` | another `kiln` to try than the one just built |
#![cfg(unix)]

mod damage;
mod kills;
mod lives;
mod mutations;
mod readers;
mod settings;
mod signals;
mod trial;

#[test]
fn a_training_that_is_killed_ends_with_the_same_bits() {
    kills::trainings();
}

#[test]
fn a_killed_command_leaves_the_old_file_or_the_new_one() {
    kills::commands();
}

#[test]
fn a_signal_ends_with_130_and_a_checkpoint_however_often_it_comes() {
    signals::terminations();
}

#[test]
fn long_work_can_be_interrupted() {
    signals::long_work();
}

#[test]
fn of_two_processes_on_one_run_directory_one_is_refused() {
    signals::two_at_once();
}

#[test]
fn a_damaged_file_is_refused_or_read_as_what_it_says() {
    mutations::all();
}

#[test]
fn a_damaged_checkpoint_loses_only_the_steps_since_the_one_before() {
    mutations::checkpoints_to_the_end();
}

#[test]
fn a_hostile_setting_trains_or_is_refused_before_anything_is_made() {
    settings::all();
}
