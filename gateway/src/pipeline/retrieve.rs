//! Candidates: the best of the library, and of what the client sent along.

use std::collections::HashSet;
use std::sync::Arc;

use hyfunc_cascade::{Intent, Prepared};

use super::{Choice, Pipeline, Request, Step};
use crate::config::CALIBRATED;
use crate::error::RequestError;
use crate::library::{Entry, View, index_of};
use crate::telemetry::{self, names};

/// Who runs a candidate.
#[derive(Clone)]
pub enum Origin {
    /// This gateway.
    Library(Arc<Entry>),
    /// The client that sent it.
    Client,
}

/// A function that the request may call.
#[derive(Clone)]
pub struct Found {
    /// Who runs it.
    pub origin: Origin,
    /// The function, made ready.
    pub prepared: Arc<Prepared>,
    /// The retriever's score.
    pub score: f32,
}

impl Found {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.prepared.function().name
    }
}

impl Pipeline {
    /// A client's function wins over one of the library with its name. The library's must reach
    /// the threshold; the client's need not, since the client chose them for this request.
    pub(super) async fn retrieve(
        &self,
        library: &View,
        request: &Request,
        intent: &Intent,
    ) -> Result<Vec<Found>, RequestError> {
        let named = match &request.choice {
            Choice::Named(name) => Some(name.as_str()),
            Choice::Auto | Choice::None | Choice::Required => None,
        };
        let mut found = self.of_client(request, intent).await?;
        let sent: HashSet<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        match named {
            Some(name) if found.is_empty() => {
                found.extend(library.get(name).map(|entry| of_library(entry, 1.0)));
            }
            Some(_) => {}
            None => found.extend(match &request.allowed {
                Some(allowed) => self.of_allowed(library, request, allowed, &sent, intent)?,
                // A client that sends functions and requires a call waits for one of them.
                None if request.choice == Choice::Required && !sent.is_empty() => Vec::new(),
                None => self.of_library(library, request, &sent, intent)?,
            }),
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        telemetry::count(names::TOP_K, self.config.retrieval.candidates_max);
        telemetry::count(names::CANDIDATES, found.len());
        Ok(found)
    }

    async fn of_client(
        &self,
        request: &Request,
        intent: &Intent,
    ) -> Result<Vec<Found>, RequestError> {
        let tools: Vec<_> = request
            .tools
            .iter()
            .filter(|tool| request.may_call(&tool.name))
            .map(|tool| Arc::new(tool.clone()))
            .collect();
        if tools.is_empty() {
            return Ok(Vec::new());
        }
        let prepared = self
            .models
            .prepare(tools)
            .await
            .map_err(|source| RequestError::Models { step: Step::Retrieve, source })?;
        let index = index_of(prepared.iter())?;
        let k = self.config.retrieval.candidates_max;
        let hits = index.search(&intent.query_vector, &request.searched(), k)?;
        Ok(hits
            .into_iter()
            .map(|hit| Found {
                origin: Origin::Client,
                prepared: Arc::clone(&prepared[hit.id as usize]),
                score: hit.score,
            })
            .collect())
    }

    /// Functions of the library that the client itself lists need not reach the threshold either.
    fn of_allowed(
        &self,
        library: &View,
        request: &Request,
        allowed: &[String],
        sent: &HashSet<&str>,
        intent: &Intent,
    ) -> Result<Vec<Found>, RequestError> {
        let entries: Vec<&Arc<Entry>> = allowed
            .iter()
            .filter(|name| !sent.contains(name.as_str()))
            .filter_map(|name| library.get(name))
            .collect();
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let index = index_of(entries.iter().map(|entry| &entry.prepared))?;
        let k = self.config.retrieval.candidates_max;
        let hits = index.search(&intent.query_vector, &request.searched(), k)?;
        Ok(hits.into_iter().map(|hit| of_library(entries[hit.id as usize], hit.score)).collect())
    }

    fn of_library(
        &self,
        library: &View,
        request: &Request,
        sent: &HashSet<&str>,
        intent: &Intent,
    ) -> Result<Vec<Found>, RequestError> {
        let k = self.config.retrieval.candidates_max;
        // As many more as the client's functions may hide.
        let hits = library.search(&intent.query_vector, &request.searched(), k + sent.len())?;
        let threshold = self.retrieval_threshold();
        let must_call = request.choice == Choice::Required;
        let mut found: Vec<Found> = hits
            .iter()
            .filter(|(entry, _)| !sent.contains(entry.function().name.as_str()))
            .take(k)
            .map(|(entry, hit)| of_library(entry, hit.score))
            .collect();
        let fits = found.iter().filter(|found| found.score >= threshold).count();
        // A call is required: the best one then, however far.
        found.truncate(if must_call { fits.max(1) } else { fits });
        Ok(found)
    }

    fn retrieval_threshold(&self) -> f32 {
        let threshold = self.config.retrieval.threshold;
        if threshold == CALIBRATED {
            self.models.info().retrieval_threshold
        } else {
            threshold as f32
        }
    }
}

fn of_library(entry: &Arc<Entry>, score: f32) -> Found {
    Found {
        origin: Origin::Library(Arc::clone(entry)),
        prepared: Arc::clone(&entry.prepared),
        score,
    }
}
