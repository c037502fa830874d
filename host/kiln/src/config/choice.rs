//! Settings that are one of a few words: their types, and the one place where each word stands.

use kiln_core::score::Estimator;
use kiln_gpu::trainer::{Objective, Weight};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// A type each of whose values is a word in a configuration.
pub trait Choice: Copy + 'static {
    /// Every word, in the order in which a person is told of them.
    const WORDS: &'static [&'static str];

    /// The word of this value.
    fn word(self) -> &'static str;

    /// The value of a word, none if it is not among [`Choice::WORDS`].
    fn from_word(word: &str) -> Option<Self>;
}

/// Implements [`Choice`] from pairs of a word and a value. A value without a word does not compile.
macro_rules! words {
    ($($choice:ident { $($word:literal => $value:ident,)+ })+) => {$(
        impl Choice for $choice {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$value),)+
                    _ => None,
                }
            }
        }
    )+};
}

words! {
    NetworkKind {
        "mlp" => Mlp,
        "egnn" => Egnn,
        "egnn-published" => EgnnPublished,
    }
    ScoreKind {
        "preconditioned" => Preconditioned,
        "published" => Published,
    }
    Objective {
        "dikl" => Dikl,
        "reverse-kl" => ReverseKl,
    }
    Weight {
        "1/alpha" => InverseAlpha,
        "sigma/alpha" => SigmaOverAlpha,
        "sigma^2/alpha" => SigmaSquaredOverAlpha,
        "1" => One,
    }
    Decay {
        "cosine" => Cosine,
        "none" => None,
    }
    Select {
        "last" => Last,
        "stein" => Stein,
    }
    Transition {
        "hmc" => Hmc,
        "mala" => Mala,
    }
    Estimator {
        "mixed" => Mixed,
        "denoising" => Denoising,
        "target" => Target,
        "minimum-variance" => MinimumVariance,
    }
}

/// Which network. Its sizes are settings of their own; `kiln_gpu::Body` is made from all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkKind {
    /// Layers of SiLU units.
    Mlp,
    /// Messages between particles, lean: one message a pair, SiLU, a radial basis, no layer before the coordinate factor.
    Egnn,
    /// Messages between particles, as published.
    EgnnPublished,
}

/// How the score network is parametrised. `kiln_gpu::ScoreSpec` is made from this and the settings it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreKind {
    /// Denoiser with Karras et al. (2022) preconditioning, conditioned on log v.
    Preconditioned,
    /// The raw score of x_t, conditioned on the integer noise index.
    Published,
}

/// How the learning rates fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Decay {
    Cosine,
    None,
}

/// Which generator of a training is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Select {
    /// The last one.
    Last,
    /// Of the second half, the latest that misses Stein's identity about as little as the best (`kiln_metrics::selection`).
    Stein,
}

/// A Markov kernel. `kiln_core::posterior::Transition` holds the leapfrog steps of HMC too; in a configuration they are a
/// setting of their own, which keeps its value while the kernel is MALA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Transition {
    Hmc,
    Mala,
}

/// Writes a value as its word: half of `#[serde(with = "choice")]`.
pub(super) fn serialize<T: Choice, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.word())
}

/// Reads a value from its word: the other half.
pub(super) fn deserialize<'de, T: Choice, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let word = String::deserialize(deserializer)?;
    T::from_word(&word).ok_or_else(|| D::Error::unknown_variant(&word, T::WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_and_values_agree<T: Choice>() {
        for word in T::WORDS {
            assert_eq!(T::from_word(word).map(T::word), Some(*word));
        }
        assert!(T::from_word("").is_none());
    }

    #[test]
    fn every_word_is_that_of_its_value() {
        words_and_values_agree::<NetworkKind>();
        words_and_values_agree::<ScoreKind>();
        words_and_values_agree::<Objective>();
        words_and_values_agree::<Weight>();
        words_and_values_agree::<Decay>();
        words_and_values_agree::<Select>();
        words_and_values_agree::<Transition>();
        words_and_values_agree::<Estimator>();
    }
}
