//! The rows of the ablation: what each is given, what it learns, how it decodes.

use std::fmt;
use std::str::FromStr;

use super::free::Form;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// The reply is written freely, every token of it learnt, beside all functions on offer.
    Base,
    /// The same beside what the retriever likes best.
    Retriever,
    /// The same with the soft token.
    Soft,
    /// The same, learning values, what ends them, and decisions alone.
    Selective,
    /// The same weights along the templates.
    Templates,
    /// Control: as [`Variant::Templates`], trained and served without the soft token.
    NoSoft,
    /// Control: the weights of [`Variant::Base`] along the templates, and nothing else.
    TemplatesAlone,
    /// The form that ships: candidates read apart, heads, parameters beside each other.
    Parallel,
    /// The same with parameters one after another, each after the values of those before it.
    Sequential,
}

/// What a row's weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Training {
    /// A small model that writes its replies.
    Free(Form),
    /// A small model with heads.
    Heads {
        /// Whether parameters are asked one after another.
        is_chained: bool,
    },
}

impl Variant {
    /// Every row, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Base,
        Self::Retriever,
        Self::Soft,
        Self::Selective,
        Self::Templates,
        Self::NoSoft,
        Self::TemplatesAlone,
        Self::Parallel,
        Self::Sequential,
    ];

    /// As it is typed, and as its folder is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Retriever => "retriever",
            Self::Soft => "soft",
            Self::Selective => "selective",
            Self::Templates => "templates",
            Self::NoSoft => "no-soft",
            Self::TemplatesAlone => "templates-alone",
            Self::Parallel => "parallel",
            Self::Sequential => "sequential",
        }
    }

    /// As tables have it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Retriever => "+ retriever",
            Self::Soft => "+ soft token",
            Self::Selective => "+ selective loss",
            Self::Templates => "+ templates",
            Self::NoSoft => "all but soft token",
            Self::TemplatesAlone => "templates alone",
            Self::Parallel => "heads, parallel",
            Self::Sequential => "heads, sequential",
        }
    }

    /// What it is, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Base => {
                "the reply is written freely over the vocabulary, every token of it learnt; all \
                 functions of the row are read, no soft token"
            }
            Self::Retriever => {
                "the same, reading the three functions that the retriever likes best"
            }
            Self::Soft => "the same, with the soft token",
            Self::Selective => {
                "the same, with the loss on values, what ends them, and decisions alone: fixed text \
                 is not learnt, and still has to be written"
            }
            Self::Templates => "the weights of the row above, decoded along the templates",
            Self::NoSoft => "control: trained and decoded as + templates, without the soft token",
            Self::TemplatesAlone => {
                "control: the weights of base, decoded along the templates; no retriever, no soft \
                 token, every token learnt"
            }
            Self::Parallel => {
                "the form that ships: candidates read apart, heads that point and choose, a call's \
                 parameters as branches beside each other; thresholds not calibrated"
            }
            Self::Sequential => {
                "the same trained and decoded with parameters one after another, each seeing the \
                 values of those before it"
            }
        }
    }

    /// The row whose weights it has.
    pub fn trained_as(self) -> Self {
        match self {
            Self::Templates => Self::Selective,
            Self::TemplatesAlone => Self::Base,
            other => other,
        }
    }

    /// The row that lacks one part of it: what that part is worth shows beside it.
    pub fn beside(self) -> Option<Self> {
        match self {
            Self::Base | Self::Parallel => None,
            Self::Retriever | Self::TemplatesAlone => Some(Self::Base),
            Self::Soft => Some(Self::Retriever),
            Self::Selective => Some(Self::Soft),
            Self::Templates => Some(Self::Selective),
            Self::NoSoft => Some(Self::Templates),
            Self::Sequential => Some(Self::Parallel),
        }
    }

    /// Whether it decodes along the templates.
    pub(crate) fn is_templated(self) -> bool {
        matches!(self, Self::Templates | Self::NoSoft | Self::TemplatesAlone)
    }

    /// What is trained for it.
    pub(crate) fn training(self) -> Training {
        let form = |is_retrieved, has_soft, is_selective| {
            Training::Free(Form { is_retrieved, has_soft, is_selective })
        };
        match self {
            Self::Base | Self::TemplatesAlone => form(false, false, false),
            Self::Retriever => form(true, false, false),
            Self::Soft => form(true, true, false),
            Self::Selective | Self::Templates => form(true, true, true),
            Self::NoSoft => form(true, false, true),
            Self::Parallel => Training::Heads { is_chained: false },
            Self::Sequential => Training::Heads { is_chained: true },
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Variant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|variant| variant.name() == name.trim());
        named.ok_or_else(|| format!("the rows are {}", Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_share_weights_are_trained_alike() {
        for variant in Variant::ALL {
            assert_eq!(variant.training(), variant.trained_as().training(), "{variant}");
            assert_eq!(variant.trained_as().trained_as(), variant.trained_as(), "{variant}");
            assert_eq!(variant.name().parse::<Variant>(), Ok(variant));
            let beside = variant.beside().is_none_or(|beside| beside < variant);
            assert!(beside, "{variant} is compared with a row above it");
        }
        assert!("soft-token".parse::<Variant>().unwrap_err().contains("templates-alone"));
    }
}
