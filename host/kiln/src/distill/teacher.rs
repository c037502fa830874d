//! Who is learnt from, and which students it can have.

use crate::cells::Placement;
use crate::config::{Config, from_run_text};
use crate::error::Error;
use crate::run::GENERATOR;
use crate::source::{Source, no_generator};
use crate::weights::damaged;
use kiln_core::artifact::{EGNN_LAYERS, MLP_LAYERS};
use kiln_gpu::{Body, Cpu, Generator, GeneratorSpec};
use std::iter::successors;

/// A trained generator with the settings behind it.
pub struct Teacher {
    /// Its name without the way there.
    pub name: String,
    /// Its settings.
    pub config: Config,
    pub(super) generator: Generator<Cpu>,
    /// What takes it to the coordinates that it draws in.
    pub(super) placement: Option<Placement>,
}

impl Teacher {
    /// Reads it.
    ///
    /// # Errors
    /// If it is a deployed model, or damaged.
    pub fn of(source: &Source) -> Result<Self, Error> {
        let (place, config, file) = match source {
            Source::Run(run, config) => {
                (run.file(GENERATOR).display().to_string(), Config::clone(config), run.generator_file()?)
            }
            Source::Pretrained(pretrained) => {
                let config = from_run_text(pretrained.config, pretrained.name)?;
                (pretrained.name.to_string(), config, pretrained.file()?)
            }
            Source::Pool(pool) => return Err(no_generator(pool)),
            Source::Model(file) => {
                let message =
                    format!("'{}' is a deployed model, and no settings to train with lie in it", file.path().display());
                return Err(Error::input(message, "give the run, or the name, that it was exported from"));
            }
        };
        let generator = Generator::from_checkpoint(&Cpu::default(), &file).map_err(|error| damaged(&place, error))?;
        let placement =
            Placement::of_checkpoint(&file, generator.spec().dim).map_err(|error| damaged(&place, error))?;
        Ok(Self { name: source.name(), config, generator, placement })
    }

    /// Its shape.
    pub fn spec(&self) -> &GeneratorSpec {
        self.generator.spec()
    }

    /// Refuses to fine-tune where that is not possible: an energy is known in the coordinates of a frame, not in those of cells.
    ///
    /// # Errors
    /// If `steps` is not 0 and the teacher has cells.
    pub fn check_fine_tuning(&self, steps: u64) -> Result<(), Error> {
        if steps == 0 || !self.has_cells() {
            return Ok(());
        }
        Err(Error::input(format!("'{}' has cells, and its students cannot be fine-tuned", self.name), "--fine-tune 0"))
    }

    /// Whether it places its samples by cells.
    pub fn has_cells(&self) -> bool {
        self.placement.as_ref().is_some_and(|placement| placement.cells().is_some())
    }

    /// Hidden layers that a model of its kind can have: one of units has one layer more.
    fn most(&self) -> usize {
        match self.spec().body {
            Body::Mlp { .. } => MLP_LAYERS - 1,
            Body::Egnn(_) => EGNN_LAYERS,
        }
    }

    /// The student's shape.
    ///
    /// # Errors
    /// If no generator has it, it cannot be deployed, or it is no smaller than the teacher; the hint names one that is.
    pub fn student(&self, hidden: usize, depth: usize) -> Result<GeneratorSpec, Error> {
        let (most, (width, layers)) = (self.most(), self.spec().body.size());
        if layers > most {
            return Err(Error::input(
                format!(
                    "'{}' of {width} x {layers} cannot be judged beside a student: it cannot be deployed",
                    self.name
                ),
                format!("models have at most {most} hidden layers; give a teacher that has no more"),
            ));
        }
        let student = self.spec().resized(hidden, depth);
        student
            .check()
            .map_err(|error| Error::input(format!("no such student: {error}"), self.suggestion(hidden, depth)))?;
        if depth > most {
            return Err(Error::input(
                format!("a student of {hidden} x {depth} cannot be deployed"),
                format!("models have at most {most} hidden layers: {}", self.suggestion(hidden, depth)),
            ));
        }
        let [ours, theirs] = [&student, self.spec()].map(GeneratorSpec::numbers);
        if ours < theirs {
            return Ok(student);
        }
        Err(Error::input(
            format!(
                "a student of {hidden} x {depth} has {ours} numbers, and its teacher of {width} x {layers} has {theirs}"
            ),
            format!("a student is smaller: {}", self.suggestion(hidden, depth)),
        ))
    }

    /// What to ask for instead.
    fn suggestion(&self, hidden: usize, depth: usize) -> String {
        match self.possible(hidden, depth) {
            Some((hidden, depth)) => format!("try --hidden {hidden} --depth {depth}"),
            None => format!("'{}' has none, it is as small as generators get", self.name),
        }
    }

    /// A student near the one that was asked for: as deep as can be, and at most half as wide as the teacher.
    fn possible(&self, hidden: usize, depth: usize) -> Option<(usize, usize)> {
        let widest = hidden.min(self.spec().body.size().0 / 2).max(1);
        let fits = |(hidden, depth): &(usize, usize)| {
            let student = self.spec().resized(*hidden, *depth);
            student.check().is_ok() && student.numbers() < self.spec().numbers()
        };
        let widths = || successors(Some(widest), |width| Some(width / 2).filter(|width| *width > 0));
        let depths = (1..=depth.clamp(1, self.most())).rev();
        depths.flat_map(|depth| widths().map(move |hidden| (hidden, depth))).find(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrained;

    fn teacher(name: &str) -> Teacher {
        Teacher::of(&Source::Pretrained(pretrained::all().into_iter().find(|p| p.name == name).unwrap())).unwrap()
    }

    /// A teacher of another size, not trained.
    fn resized(name: &str, hidden: usize, depth: usize) -> Teacher {
        let teacher = teacher(name);
        let generator = Generator::new(&Cpu::default(), teacher.spec().resized(hidden, depth), &mut || 0.5).unwrap();
        Teacher { generator, ..teacher }
    }

    /// The sizes in a hint.
    fn hinted(error: &Error) -> Option<(usize, usize)> {
        let (_, sizes) = error.hint().split_once("try --hidden ")?;
        let (hidden, depth) = sizes.split_once(" --depth ")?;
        Some((hidden.parse().unwrap(), depth.parse().unwrap()))
    }

    #[test]
    fn what_a_refusal_suggests_is_not_refused() {
        for name in ["mog40", "mw32", "dw4", "lj13"] {
            let teacher = teacher(name);
            let mut refused = 0;
            for hidden in [1, 2, 7, 24, 63, 64, 100, 128, 200, 256, 1000, 8192] {
                for depth in [1, 2, 4, 5, 8, 9, 15, 16, 20, 64] {
                    let Err(error) = teacher.student(hidden, depth) else { continue };
                    refused += 1;
                    let (hidden, depth) = hinted(&error).unwrap_or_else(|| panic!("{error}: {}", error.hint()));
                    assert!(teacher.student(hidden, depth).is_ok(), "{error}: {}", error.hint());
                }
            }
            assert!(refused > 40, "{refused}");
        }
    }

    #[test]
    fn suggestions_stay_near_what_was_asked() {
        let teacher = teacher("mog40");
        let hint = |hidden, depth| hinted(&teacher.student(hidden, depth).unwrap_err());
        assert_eq!(hint(128, 4), Some((64, 4)));
        assert_eq!(hint(8192, 15), Some((32, 15)), "64 x 15 has more numbers than the teacher");
        assert_eq!(hint(8, 20), Some((8, 15)));
        assert_eq!(
            resized("mog40", 1, 3).student(1, 3).unwrap_err().hint(),
            "a student is smaller: try --hidden 1 --depth 2"
        );
    }

    #[test]
    fn teachers_without_students_say_so() {
        let least = resized("mog40", 1, 1).student(1, 1).unwrap_err();
        assert_eq!(least.hint(), "a student is smaller: 'mog40' has none, it is as small as generators get");
        for (name, deep, most) in [("mog40", 16, "15"), ("dw4", 9, "8")] {
            let error = resized(name, 4, deep).student(2, 2).unwrap_err();
            assert!(error.to_string().contains("cannot be deployed") && hinted(&error).is_none(), "{error}");
            assert!(error.hint().contains(&format!("at most {most} hidden layers")), "{}", error.hint());
        }
    }
}
