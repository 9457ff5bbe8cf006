//! What the demo asks, and what is right.

use serde::Deserialize;

use crate::eval::Call;

const TABLE: &str = include_str!("requests.jsonl");

/// A request of the demo.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoRequest {
    /// What it is a case of.
    pub kind: String,
    /// What the person says.
    pub query: String,
    /// The right calls; none where no function fits.
    pub calls: Vec<Call>,
}

/// Every request of the demo, in order.
pub fn requests() -> Vec<DemoRequest> {
    let rows = TABLE.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().expect("the table is part of the program, and a test reads it")
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use hyfunc_functions::json::arguments_from_json;

    use super::*;

    #[test]
    fn every_right_call_could_be_made_of_the_bundled_functions() {
        let functions: HashMap<_, _> = crate::commands::bundled_functions()
            .unwrap()
            .into_iter()
            .map(|function| (function.name.clone(), function))
            .collect();
        let requests = requests();
        assert_eq!(requests.len(), 12);
        for call in requests.iter().flat_map(|request| &request.calls) {
            let function = functions.get(&call.name).unwrap_or_else(|| panic!("{}", call.name));
            if let Err(error) = arguments_from_json(&function.parameters, &call.arguments) {
                panic!("{}: {error}", call.name);
            }
        }
    }

    #[test]
    fn there_is_a_request_of_every_kind() {
        let requests = requests();
        assert!(requests.iter().any(|request| request.calls.is_empty()));
        assert!(requests.iter().any(|request| request.calls.len() > 1));
        let twice = |request: &DemoRequest| {
            request.calls.len() == 2 && request.calls[0].name == request.calls[1].name
        };
        assert!(requests.iter().any(twice));
        assert!(requests.iter().all(|request| !request.kind.is_empty()));
    }
}
