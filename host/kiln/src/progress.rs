//! How far work that takes long has come, told to whoever wants to show it. Kiln's library writes nothing on a terminal:
//! a caller hands over a [`Progress`], or [`Silent`].
//!
//! ```
//! use kiln::progress::{Part, Progress, Tick};
//!
//! /// Prints a line for each part that begins.
//! struct Lines;
//!
//! impl Progress for Lines {
//!     fn part<'a>(&'a self, part: Part<'a>) -> Box<dyn Tick + 'a> {
//!         println!("{} {}: {} steps", part.name, part.doing, part.total);
//!         Box::new(kiln::progress::Silent)
//!     }
//! }
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is shown of work that takes long. Parts follow one another, or lie within one another.
pub trait Progress: Sync {
    /// A part of the work begins. It has ended when the returned value is dropped.
    fn part<'a>(&'a self, part: Part<'a>) -> Box<dyn Tick + 'a>;

    /// One sentence about the work that the person should know.
    fn note(&self, _text: &str) {}
}

/// One part of the work, while it lasts. Threads tell at once.
pub trait Tick: Send + Sync {
    /// `done` of its steps are behind us. The first number told is what was done before: a training that goes on begins in
    /// the middle.
    fn step(&self, done: u64);

    /// The quality reached so far, such as "log p -6.87, 40/40 modes".
    fn quality(&self, _text: &str) {}
}

/// What is known of a part when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it works on: a target or a figure.
    pub name: &'a str,
    /// What it does with it, such as "burn-in"; empty where that goes without saying.
    pub doing: &'a str,
    /// Its steps.
    pub total: u64,
    /// The time after which it ends, whether its steps are done or not.
    pub budget: Option<Duration>,
    /// How much it matters.
    pub weight: Weight,
}

impl<'a> Part<'a> {
    /// A part of so many steps that does what its name says.
    pub fn new(name: &'a str, total: u64) -> Self {
        Self { name, doing: "", total, budget: None, weight: Weight::Main }
    }
}

/// How much a part matters to who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The work itself.
    Main,
    /// What comes before the work: a bar is welcome, lines of a log are not.
    Preparation,
    /// Most often done within a moment: worth showing where it lasts longer.
    Brief,
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent;

impl Progress for Silent {
    fn part<'a>(&'a self, _: Part<'a>) -> Box<dyn Tick + 'a> {
        Box::new(Silent)
    }
}

impl Tick for Silent {
    fn step(&self, _: u64) {}
}

/// A part whose steps are done in no order, by several threads: it counts them.
pub struct Counted<'a> {
    tick: Box<dyn Tick + 'a>,
    done: AtomicU64,
}

impl<'a> Counted<'a> {
    /// Begins the part.
    pub fn new(progress: &'a dyn Progress, part: Part<'a>) -> Self {
        Self { tick: progress.part(part), done: AtomicU64::new(0) }
    }

    /// One step more is done.
    pub fn tick(&self) {
        self.tick.step(self.done.fetch_add(1, Ordering::Relaxed) + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Keeps what it is told.
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Told {
        fn tell(&self, text: String) {
            self.0.lock().unwrap().push(text);
        }
    }

    impl Progress for Told {
        fn part<'a>(&'a self, part: Part<'a>) -> Box<dyn Tick + 'a> {
            self.tell(format!("{} of {}", part.name, part.total));
            Box::new(self)
        }
    }

    impl Tick for &Told {
        fn step(&self, done: u64) {
            self.tell(done.to_string());
        }
    }

    #[test]
    fn counted_steps_are_told_one_after_the_other() {
        let told = Told::default();
        let counted = Counted::new(&told, Part::new("W2", 3));
        (0..3).for_each(|_| counted.tick());
        drop(counted);
        assert_eq!(told.0.into_inner().unwrap(), ["W2 of 3", "1", "2", "3"]);
    }
}
