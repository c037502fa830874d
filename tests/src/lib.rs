//! Tests that cross crates are the files of `tests/`; there is nothing here.
