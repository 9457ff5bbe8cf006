//! How much the client's own functions may leave to be decided.
//!
//! The models decide about every property of a function that they call, so its cost grows with
//! them.

use hyfunc_functions::properties;
use hyfunc_functions::types::RecordType;
use serde_json::Value as Json;

use crate::config::RequestConfig;
use crate::error::RequestError;

/// What is counted, in words for the client.
const COUNTED: &str = "parts of objects and tuples, required elements and flags counted";

/// Properties of a request's functions so far.
pub(super) struct Properties<'a> {
    limits: &'a RequestConfig,
    sum: usize,
}

impl<'a> Properties<'a> {
    /// None yet.
    pub fn new(limits: &'a RequestConfig) -> Self {
        Self { limits, sum: 0 }
    }

    /// Refuses a schema of far too many before anything is made of it.
    pub fn look(&self, param: &str, function: &str, schema: &Json) -> Result<(), RequestError> {
        let named = schema.get("properties").and_then(Json::as_object);
        self.check_one(param, function, named.map_or(0, serde_json::Map::len))
    }

    /// Counts those of a function.
    pub fn add(
        &mut self,
        param: &str,
        function: &str,
        parameters: &RecordType,
    ) -> Result<(), RequestError> {
        let properties = properties::count(parameters);
        self.check_one(param, function, properties)?;
        self.sum = self.sum.saturating_add(properties);
        let (sum, sum_max) = (self.sum, self.limits.properties_max);
        if sum <= sum_max {
            return Ok(());
        }
        let reason = format!(
            "with `{function}` the functions have {sum} properties, {COUNTED}, more than the \
             {sum_max} of request.properties_max; send fewer of them"
        );
        Err(RequestError::Field { param: param.to_owned(), reason })
    }

    fn check_one(
        &self,
        param: &str,
        function: &str,
        properties: usize,
    ) -> Result<(), RequestError> {
        let properties_max = self.limits.tool_properties_max;
        if properties <= properties_max {
            return Ok(());
        }
        let reason = format!(
            "`{function}` has {properties} properties, {COUNTED}, more than the {properties_max} of \
             request.tool_properties_max; leave some out, or send several functions instead"
        );
        Err(RequestError::Field { param: param.to_owned(), reason })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::super::tools::{Style, read_tools};
    use super::*;
    use crate::http::fields::Fields;

    fn many(count: usize) -> Json {
        let properties: Map<String, Json> =
            (0..count).map(|at| (format!("p{at}"), json!({"type": "string"}))).collect();
        json!({"type": "object", "properties": properties})
    }

    fn nested(count: usize) -> Json {
        json!({"type": "object", "properties": {"a": {"type": "array", "items": many(count)}}})
    }

    fn tool(name: &str, parameters: Json) -> Json {
        json!({"type": "function", "function": {"name": name, "parameters": parameters}})
    }

    fn refusal(tools: Json, limits: &RequestConfig) -> Option<String> {
        let body = json!({"tools": tools});
        let fields = Fields::of(&body, "").unwrap();
        read_tools(&fields, limits, Style::Nested).err().map(|error| error.to_string())
    }

    #[test]
    fn as_many_as_are_taken_and_one_more() {
        let usual = RequestConfig::default();
        let small =
            RequestConfig { tool_properties_max: 3, properties_max: 5, ..RequestConfig::default() };
        let forced = json!({"type": "object", "properties": {
            "a": {"type": "array", "items": {"type": "integer"}, "minItems": 3},
        }});
        for (limits, tools, words) in [
            (&usual, json!([tool("f", many(256))]), None),
            (&usual, json!([tool("f", many(257))]), Some("`f` has 257 properties")),
            (&usual, json!([tool("f", many(1_000))]), Some("256 of request.tool_properties_max")),
            (&usual, json!([tool("f", many(100_000))]), Some("`f` has 100000 properties")),
            (&usual, json!([tool("f", nested(255))]), None),
            (&usual, json!([tool("f", nested(256))]), Some("`f` has 257 properties")),
            (&small, json!([tool("f", many(3)), tool("g", many(2))]), None),
            (&small, json!([tool("f", many(3)), tool("g", many(4))]), Some("`g` has 4")),
            (
                &small,
                json!([tool("f", many(3)), tool("g", many(3))]),
                Some("with `g` the functions have 6 properties"),
            ),
            (&small, json!([tool("f", forced)]), Some("`f` has 4 properties")),
        ] {
            let refusal = refusal(tools, limits);
            match (&refusal, words) {
                (None, None) => {}
                (Some(refusal), Some(words)) => {
                    assert!(refusal.contains(words) && refusal.len() < 400, "{words}: {refusal}");
                }
                (refusal, words) => panic!("{refusal:?}, not {words:?}"),
            }
        }
        let refusal = refusal(json!([tool("f", many(1)), tool("g", many(900))]), &usual).unwrap();
        assert!(refusal.starts_with("`tools[1].function.parameters`: `g` has 900"), "{refusal}");
    }

    #[test]
    fn a_request_of_many_functions_has_room_by_default() {
        let usual = RequestConfig::default();
        let tools = |properties: usize| -> Json {
            (0..usual.tools_max).map(|at| tool(&format!("f{at}"), many(properties))).collect()
        };
        assert_eq!(refusal(tools(16), &usual), None);
        let refusal = refusal(tools(17), &usual).unwrap();
        assert!(refusal.contains("2048 of request.properties_max"), "{refusal}");
    }
}
