//! The plugin's functions among those of the library, as the retriever sees them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_cascade::Prepared;
use hyfunc_functions::Function;
use hyfunc_retrieval::exact::dot;
use hyfunc_retrieval::{Hit, Index, RetrievalError};
use indicatif::ProgressBar;
use serde_json::{Value as Json, json};

use super::finding::{Finding, Findings, Severity};
use crate::error::StartError;
use crate::library::index_of;
use crate::models::Models;

/// Cosine below which two functions are told apart, however far the library's are from each other.
const LIKENESS_MIN: f32 = 0.8;
/// Functions of the library that are compared with each other; the work is their square.
const COMPARED_MAX: usize = 1_000;

/// What makes a function a candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Candidates of a request.
    pub(super) candidates_max: usize,
    /// The score that a candidate must have.
    pub(super) threshold: f32,
    /// Milliseconds to read an utterance.
    pub(super) deadline_ms: u64,
}

/// Where the retriever puts a function for one of its examples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rank {
    pub(super) function: String,
    pub(super) utterance: String,
    /// From 1; `None` where the models could not read the utterance.
    pub(super) rank: Option<usize>,
    /// The function's.
    pub(super) score: f32,
    /// The function that is found first.
    pub(super) first: String,
}

impl Rank {
    pub(super) fn to_json(&self) -> Json {
        json!({
            "function": self.function,
            "utterance": self.utterance,
            "rank": self.rank,
            "score": self.score,
            "first": self.first,
        })
    }
}

/// All functions, made ready: the library's, then the plugin's own.
pub(super) struct Among {
    prepared: Vec<Arc<Prepared>>,
    own_from: usize,
    index: Index,
}

impl Among {
    /// Makes them ready without their examples: an example is to be found by what is said of the
    /// function, not by itself.
    ///
    /// # Errors
    /// Models or index that fail.
    pub(super) async fn build(
        models: &dyn Models,
        library: Vec<Function>,
        own: &[Function],
    ) -> Result<Self, StartError> {
        let own_from = library.len();
        let bare = |function: Function| Arc::new(Function { examples: Vec::new(), ..function });
        let functions = library.into_iter().chain(own.iter().cloned()).map(bare).collect();
        let prepared = models.prepare(functions).await?;
        let index = index_of(prepared.iter())?;
        Ok(Self { prepared, own_from, index })
    }

    /// How many functions there are.
    pub(super) fn len(&self) -> usize {
        self.prepared.len()
    }

    fn name(&self, at: usize) -> &str {
        &self.prepared[at].function().name
    }

    fn cosine(&self, one: usize, other: usize) -> f32 {
        dot(self.prepared[one].vector(), self.prepared[other].vector())
    }

    /// The nearest of the functions before one.
    fn nearest_before(&self, at: usize) -> Option<(usize, f32)> {
        let cosines = (0..at).map(|other| (other, self.cosine(at, other)));
        cosines.max_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// Functions that the retriever can hardly tell from others: nearer to one than any two of the
    /// library are to each other.
    pub(super) fn likeness(&self) -> Vec<Finding> {
        let compared = 0..self.own_from.min(COMPARED_MAX);
        let nearest = compared.filter_map(|at| self.nearest_before(at)).map(|(_, cosine)| cosine);
        let bound = nearest.fold(LIKENESS_MIN, f32::max);
        let mut findings = Findings::of("likeness");
        for at in self.own_from..self.len() {
            let Some((other, cosine)) = self.nearest_before(at) else { continue };
            if cosine > bound {
                findings.add(
                    Severity::Warning,
                    self.name(at),
                    format!(
                        "it reads nearly like `{}` (cosine {cosine:.2}; no two of the library's \
                         functions come nearer than {bound:.2})",
                        self.name(other)
                    ),
                    "say in the first sentence of its comment what sets it apart",
                );
            }
        }
        findings.done()
    }

    /// Asks for every function by each of its own examples.
    ///
    /// # Errors
    /// An index that fails; models that cannot read an utterance are a finding.
    pub(super) async fn ranks(
        &self,
        models: &dyn Models,
        own: &[Function],
        reach: Reach,
        bar: &ProgressBar,
    ) -> Result<(Vec<Rank>, Vec<Finding>), StartError> {
        let (mut ranks, mut findings) = (Vec::new(), Findings::of("retrieval"));
        for (function, at) in own.iter().zip(self.own_from..) {
            for example in &function.examples {
                let deadline = Instant::now() + Duration::from_millis(reach.deadline_ms);
                let utterance = example.utterance.as_str();
                let rank = match models.distil(utterance, deadline).await {
                    Ok(intent) => self.rank(at, utterance, &intent.query_vector)?,
                    Err(error) => {
                        findings.add(
                            Severity::Warning,
                            &function.name,
                            format!("the models cannot read the example \"{utterance}\": {error}"),
                            "say it in fewer words",
                        );
                        let (function, utterance) = (function.name.clone(), utterance.to_owned());
                        let first = String::new();
                        Rank { function, utterance, rank: None, score: 0.0, first }
                    }
                };
                judge(&rank, reach, self.len(), &mut findings);
                ranks.push(rank);
                bar.inc(1);
            }
        }
        Ok((ranks, findings.done()))
    }

    fn rank(&self, at: usize, utterance: &str, vector: &[f32]) -> Result<Rank, RetrievalError> {
        let hits = self.index.search(vector, utterance, self.len())?;
        let is_own = |hit: &Hit| hit.id as usize == at;
        let first = hits.first().map(|hit| self.name(hit.id as usize)).unwrap_or_default();
        Ok(Rank {
            function: self.name(at).to_owned(),
            utterance: utterance.to_owned(),
            rank: hits.iter().position(is_own).map(|position| position + 1),
            score: hits.iter().find(|hit| is_own(hit)).map_or(0.0, |hit| hit.score),
            first: first.to_owned(),
        })
    }
}

/// Whether a request like the example would ever reach the function.
fn judge(rank: &Rank, reach: Reach, functions: usize, findings: &mut Findings) {
    let Rank { function, utterance, rank: Some(place), score, first } = rank else { return };
    let reason = if *place > reach.candidates_max {
        format!("at place {place} of {functions}, behind `{first}`")
    } else if *score < reach.threshold {
        format!("with score {score:.3}, and {:.3} is the least", reach.threshold)
    } else {
        return;
    };
    findings.add(
        Severity::Warning,
        function,
        format!("\"{utterance}\" finds it only {reason}: such requests will not reach it"),
        "use the words that people say in its names and its first sentence",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::plugin::check::tests::{assert_one, function};
    use crate::commands::plugin::fake::Fake;

    fn described(name: &str, description: &str) -> Function {
        Function { name: name.into(), description: description.into(), ..function() }
    }

    fn library() -> Vec<Function> {
        vec![
            described("units_convert", "Convert an amount from one unit to another."),
            described("text_count", "Count the words of a text."),
        ]
    }

    async fn among(own: &[Function]) -> Among {
        Among::build(&Fake::default(), library(), own).await.unwrap()
    }

    #[tokio::test]
    async fn functions_that_read_alike_are_found() {
        let apart = described("greetings_greet", "Greet a person by name.");
        assert_eq!(among(std::slice::from_ref(&apart)).await.likeness(), []);
        let copy = described("units_convert", "Convert an amount from one unit to another.");
        assert_one(&among(&[copy]).await.likeness(), Severity::Warning, "`units_convert`");
        let twice = [apart.clone(), apart];
        assert_one(&among(&twice).await.likeness(), Severity::Warning, "`greetings_greet`");
    }

    #[tokio::test]
    async fn examples_that_do_not_find_their_function_are_found() {
        let reach = Reach { candidates_max: 1, threshold: -1.0, deadline_ms: 1_000 };
        let bar = ProgressBar::hidden();
        let mut own = described("greetings_greet", "Greet a person by name.");
        own.examples.truncate(1);
        for (utterance, first, message) in [
            ("greet a person by name", "greetings_greet", None),
            ("count the words of a text", "text_count", Some("at place ")),
        ] {
            own.examples[0].utterance = utterance.into();
            let own = [own.clone()];
            let (ranks, findings) =
                among(&own).await.ranks(&Fake::default(), &own, reach, &bar).await.unwrap();
            assert_eq!((ranks.len(), ranks[0].first.as_str()), (1, first));
            match message {
                None => assert_eq!(findings, []),
                Some(message) => assert_one(&findings, Severity::Warning, message),
            }
        }
        let strict = Reach { candidates_max: 8, threshold: 2.0, ..reach };
        let (ranks, findings) = among(&[own.clone()])
            .await
            .ranks(&Fake::default(), &[own], strict, &bar)
            .await
            .unwrap();
        assert!(ranks[0].rank.is_some_and(|rank| rank <= 3), "{ranks:?}");
        assert_one(&findings, Severity::Warning, "2.000 is the least");
    }

    #[tokio::test]
    async fn utterances_that_cannot_be_read_are_found() {
        let reach = Reach { candidates_max: 8, threshold: -1.0, deadline_ms: 1_000 };
        let mut own = described("greetings_greet", "Greet a person by name.");
        own.examples.truncate(1);
        own.examples[0].utterance = Fake::UNREADABLE.into();
        let own = [own];
        let bar = ProgressBar::hidden();
        let (ranks, findings) =
            among(&own).await.ranks(&Fake::default(), &own, reach, &bar).await.unwrap();
        assert_eq!(ranks[0].rank, None);
        assert_one(&findings, Severity::Warning, "cannot read the example");
    }
}
