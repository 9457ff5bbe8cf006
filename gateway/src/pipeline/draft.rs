//! Calls of which something is told before all is decided.

use std::future::Future;
use std::sync::Arc;

use hyfunc_cascade::{Decoded, Piece, Progress, Settled, SettledCall};
use hyfunc_functions::json::arguments_to_json;
use hyfunc_functions::types::RecordType;
use hyfunc_functions::{Function, Value};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Arrival, DecidedCall, Found, Origin, Wire};
use crate::error::RequestError;

/// Ids of the calls of one answer, known before the calls are.
#[derive(Clone, Copy, Debug)]
pub struct CallIds(u128);

impl CallIds {
    /// Those of a new answer.
    pub fn random() -> Self {
        Self(Uuid::new_v4().as_u128())
    }

    /// Id of the call at this place in the answer; unique beyond it, as clients want it.
    pub fn at(self, at: usize) -> String {
        format!("call_{}", Uuid::from_u128(self.0.wrapping_add(at as u128)).simple())
    }
}

/// A call as far as it can no longer change.
#[derive(Clone)]
pub struct DraftCall {
    /// As it will be in the answer.
    pub id: String,
    /// Who runs it.
    pub origin: Origin,
    /// What is called.
    pub function: Arc<Function>,
    /// How the JSON of its arguments begins.
    pub arguments: String,
    /// How its filled template begins; of a call that is decided, the decision has it.
    pub pieces: Vec<Piece>,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl DraftCall {
    /// Whether the client runs it.
    pub fn is_clients(&self) -> bool {
        match self.origin {
            Origin::Client => true,
            Origin::Library(_) => false,
        }
    }

    /// A call that is decided.
    pub fn whole(call: &DecidedCall) -> Self {
        Self {
            id: call.id.clone(),
            origin: call.origin.clone(),
            function: Arc::clone(&call.function),
            arguments: call.arguments_json.to_string(),
            pieces: Vec::new(),
            is_whole: true,
        }
    }
}

/// The calls of one answer while they are being decided.
pub struct Drafts<'a> {
    /// The request that they answer.
    pub arrival: &'a Arrival,
    settled: watch::Receiver<Settled>,
    candidates: &'a [Found],
    ids: CallIds,
}

impl<'a> Drafts<'a> {
    /// For whoever decides, and for whoever listens, if anybody does.
    pub(super) fn of(
        arrival: &'a Arrival,
        candidates: &'a [Found],
        ids: CallIds,
        is_followed: bool,
    ) -> (Progress, Option<Self>) {
        if !is_followed {
            return (Progress::silent(), None);
        }
        let (progress, settled) = Progress::told();
        (progress, Some(Self { arrival, settled, candidates, ids }))
    }

    /// All calls so far, whenever more is known of them; never, once all is decided.
    pub async fn next(&mut self) -> Vec<DraftCall> {
        if self.settled.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let settled = self.settled.borrow_and_update().clone();
        let calls = settled.calls.into_iter().enumerate();
        calls.map_while(|(at, call)| self.draft(at, call)).collect()
    }

    fn draft(&self, at: usize, call: SettledCall) -> Option<DraftCall> {
        let found = self.candidates.get(call.candidate)?;
        let function = Arc::clone(found.prepared.function());
        let is_whole = call.is_whole;
        let arguments = beginning(&function.parameters, call.arguments, is_whole);
        Some(DraftCall {
            id: self.ids.at(at),
            origin: found.origin.clone(),
            function,
            arguments,
            pieces: call.pieces,
            is_whole,
        })
    }
}

/// Decides, and lets a format tell of it meanwhile. Whoever decides waits for no reader.
pub(super) async fn beside<W: Wire>(
    decode: impl Future<Output = Result<Decoded, RequestError>>,
    wire: &W,
    form: &W::Form,
    drafts: Option<Drafts<'_>>,
) -> Result<Decoded, RequestError> {
    let Some(drafts) = drafts else { return decode.await };
    let mut decode = std::pin::pin!(decode);
    tokio::select! {
        biased;
        decoded = &mut decode => decoded,
        // Nobody reads any more; whoever waits for the answer says whether to go on.
        () = wire.follow(form, drafts) => decode.await,
    }
}

/// How the JSON of arguments begins of which the first are known: members come in the order of the
/// parameters.
fn beginning(parameters: &RecordType, mut known: Vec<Option<Value>>, is_whole: bool) -> String {
    known.resize(parameters.fields.len(), None);
    let mut json = arguments_to_json(parameters, &Value::Record(known)).to_string();
    if !is_whole {
        json.pop();
    }
    json
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::json::arguments_from_json;
    use hyfunc_functions::types::{Field, FloatType, IntType, ListType, StringType, Type};
    use proptest::prelude::*;
    use serde_json::{Map, Value as Json, json};

    use super::*;

    fn field(name: &str, ty: Type, required: bool) -> Field {
        Field { name: name.into(), doc: String::new(), ty, required, default: None }
    }

    fn parameters() -> RecordType {
        let text = || Type::String(StringType::default());
        let list = ListType { element: Box::new(text()), len_min: 0, len_max: None };
        RecordType {
            fields: vec![
                field("zeta", text(), true),
                field("alpha", Type::Int(IntType::S64), false),
                field("many \"quoted\"", Type::List(list), false),
                field("maybe", Type::Option(Box::new(text())), false),
                field("number", Type::Float(FloatType::default()), true),
            ],
        }
    }

    fn arguments() -> impl Strategy<Value = Json> {
        let lists = proptest::collection::vec(any::<String>(), 0..3);
        let maybe = proptest::option::of(proptest::option::of(any::<String>()));
        let optional = (proptest::option::of(any::<i32>()), proptest::option::of(lists), maybe);
        (any::<String>(), optional, -1e9..1e9_f64).prop_map(
            |(zeta, (alpha, many, maybe), number)| {
                let mut members = Map::new();
                members.insert("zeta".into(), zeta.into());
                members.extend(alpha.map(|alpha| ("alpha".into(), alpha.into())));
                members.extend(many.map(|many| ("many \"quoted\"".into(), many.into())));
                members.extend(maybe.map(|maybe| ("maybe".into(), maybe.into())));
                members.insert("number".into(), json!(number));
                Json::Object(members)
            },
        )
    }

    proptest! {
        #[test]
        fn every_beginning_goes_on_to_the_whole(json in arguments()) {
            let parameters = parameters();
            let value = arguments_from_json(&parameters, &json).unwrap();
            let whole = arguments_to_json(&parameters, &value).to_string();
            let Value::Record(fields) = value else { panic!("arguments are a record") };
            let mut told = String::new();
            for known in 0..=fields.len() {
                let next = beginning(&parameters, fields[..known].to_vec(), false);
                prop_assert!(next.starts_with(&told), "{next} after {told}");
                prop_assert!(whole.starts_with(&next), "{next} of {whole}");
                told = next;
            }
            prop_assert_eq!(beginning(&parameters, fields, true), whole);
        }
    }

    #[test]
    fn what_is_not_known_yet_is_not_told() {
        for (known, is_whole, text) in [
            (vec![], false, "{"),
            (vec![Some(Value::String("a".into()))], false, "{\"zeta\":\"a\""),
            (vec![Some(Value::String("a".into())), None], false, "{\"zeta\":\"a\""),
            (vec![Some(Value::String("a".into()))], true, "{\"zeta\":\"a\"}"),
            (vec![], true, "{}"),
        ] {
            assert_eq!(beginning(&parameters(), known, is_whole), text);
        }
    }

    #[test]
    fn ids_differ_within_an_answer_and_between_answers() {
        let (one, other) = (CallIds::random(), CallIds::random());
        let ids = [one.at(0), one.at(1), other.at(0), other.at(1)];
        let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == "call_".len() + 32), "{ids:?}");
        assert_eq!(one.at(1), ids[1]);
    }
}
