//! Functions of the library as MCP describes tools.

use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::schema::{parameters_schema, result_schema};
use hyfunc_functions::types::Type;
use hyfunc_sandbox::Grants;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value as Json, json};

use super::route;
use crate::library::{Entry, View};
use crate::pipeline::payloads;

/// Name of the tool that takes plain words, unless a function has it.
pub const ROUTE: &str = "route";
/// What it is called then.
const ROUTE_ELSE: &str = "hyfunc_route";

/// The tools over one snapshot of the library.
pub struct Tools<'a> {
    library: &'a View,
}

impl<'a> Tools<'a> {
    /// Those of a library.
    pub fn of(library: &'a View) -> Self {
        Self { library }
    }

    /// Every name, sorted: the order in which tools are listed.
    pub fn names(&self) -> Vec<String> {
        let functions = self.library.entries();
        let mut names: Vec<_> = functions.map(|entry| entry.function().name.clone()).collect();
        names.push(self.route_name());
        names.sort_unstable();
        names
    }

    /// Name of the tool that takes plain words.
    pub fn route_name(&self) -> String {
        free_name(|name| self.is_function(name))
    }

    /// Whether this is the tool that takes plain words.
    pub fn is_route(&self, name: &str) -> bool {
        name == self.route_name()
    }

    /// Whether this is a function of the library.
    pub fn is_function(&self, name: &str) -> bool {
        self.library.get(name).is_some()
    }

    /// Whether there is such a tool.
    pub fn knows(&self, name: &str) -> bool {
        self.is_function(name) || self.is_route(name)
    }

    /// The tool of that name.
    pub fn describe(&self, name: &str) -> Option<Tool> {
        match self.library.get(name) {
            Some(entry) => Some(of_entry(entry)),
            None => self.is_route(name).then(|| self.describe_route(name)),
        }
    }

    /// It can do whatever any function can.
    fn describe_route(&self, name: &str) -> Tool {
        let of_all = self.library.entries().map(|entry| Reach::of(entry.plugin.grants()));
        let reach = of_all.fold(Reach::default(), Reach::and);
        route::describe(name).with_annotations(reach.annotations())
    }
}

fn free_name(is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(ROUTE) {
        return ROUTE.to_owned();
    }
    let numbered = (2_u32..).map(|number| format!("{ROUTE_ELSE}_{number}"));
    let mut names = std::iter::once(ROUTE_ELSE.to_owned()).chain(numbered);
    names.find(|name| !is_taken(name)).expect("a library is finite")
}

fn of_entry(entry: &Entry) -> Tool {
    let function = entry.function();
    let description = Some(function.description.clone()).filter(|text| !text.is_empty());
    Tool::new_with_raw(
        function.name.clone(),
        description.map(Into::into),
        object(parameters_schema(&function.parameters)),
    )
    .with_title(title(&function.name))
    .with_raw_output_schema(Arc::new(output_schema(function)))
    .with_annotations(Reach::of(entry.plugin.grants()).annotations())
}

/// `units_convert` becomes `Units convert`.
pub fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// A schema of an object as rmcp holds it.
pub fn object(schema: Json) -> JsonObject {
    match schema {
        Json::Object(members) => members,
        // Any value, said as an object.
        _ => JsonObject::new(),
    }
}

/// Results of MCP are objects; others stand in one as `result`.
fn gives_object(function: &Function) -> bool {
    let (ok, _) = payloads(function.returns.as_ref());
    matches!(ok, Some(Type::Record(_) | Type::Map(_)))
}

fn output_schema(function: &Function) -> JsonObject {
    let (ok, _) = payloads(function.returns.as_ref());
    let schema = result_schema(ok);
    if gives_object(function) {
        return object(schema);
    }
    object(json!({
        "type": "object",
        "properties": {"result": schema},
        "required": ["result"],
        "additionalProperties": false,
    }))
}

/// A result as the output schema has it.
pub fn structured(function: &Function, result: &Json) -> Json {
    if gives_object(function) { result.clone() } else { json!({ "result": result }) }
}

/// How far a tool reaches beyond its sandbox. A plugin can do nothing that its grants do not name,
/// so these hints are facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reach {
    changes_something: bool,
    reaches_network: bool,
}

impl Reach {
    fn of(grants: &Grants) -> Self {
        let reads = |method: &String| matches!(method.as_str(), "GET" | "HEAD");
        let hosts = &grants.http.hosts;
        let writes = hosts.iter().any(|host| !host.methods.iter().all(reads));
        Self {
            changes_something: grants.keyvalue.store || writes,
            reaches_network: !hosts.is_empty(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            changes_something: self.changes_something || other.changes_something,
            reaches_network: self.reaches_network || other.reaches_network,
        }
    }

    fn annotations(self) -> ToolAnnotations {
        ToolAnnotations::new().read_only(!self.changes_something).open_world(self.reaches_network)
    }
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::types::{RecordType, StringType};

    use super::*;

    fn returning(returns: Option<Type>) -> Function {
        Function {
            name: "f".into(),
            description: String::new(),
            parameters: RecordType::default(),
            returns,
            examples: Vec::new(),
            reply: None,
            export: None,
        }
    }

    #[test]
    fn results_are_objects_whatever_a_function_returns() {
        let text = || Type::String(StringType::default());
        let record = || Type::Record(RecordType::default());
        let fallible = |ok| Type::Result { ok, err: Some(Box::new(text())) };
        for (returns, result, structured_as) in [
            (None, json!(null), json!({"result": null})),
            (Some(text()), json!("a"), json!({"result": "a"})),
            (Some(record()), json!({}), json!({})),
            (Some(Type::Map(Box::new(text()))), json!({"a": "b"}), json!({"a": "b"})),
            (Some(Type::Option(Box::new(record()))), json!({}), json!({"result": {}})),
            (Some(Type::Any), json!({"a": 1}), json!({"result": {"a": 1}})),
            (Some(fallible(Some(Box::new(record())))), json!({}), json!({})),
            (Some(fallible(Some(Box::new(text())))), json!("a"), json!({"result": "a"})),
            (Some(fallible(None)), json!(null), json!({"result": null})),
        ] {
            let function = returning(returns);
            assert_eq!(output_schema(&function)["type"], "object", "{function:?}");
            assert_eq!(structured(&function, &result), structured_as, "{function:?}");
        }
    }

    #[test]
    fn the_tool_for_plain_words_gives_way_to_functions() {
        for (functions, name) in [
            ("", "route"),
            ("routes", "route"),
            ("route", "hyfunc_route"),
            ("route hyfunc_route", "hyfunc_route_2"),
            ("route hyfunc_route hyfunc_route_2", "hyfunc_route_3"),
        ] {
            let is_taken = |name: &str| functions.split(' ').any(|taken| taken == name);
            assert_eq!(free_name(is_taken), name, "{functions}");
        }
    }

    #[test]
    fn grants_decide_what_is_hinted() {
        let host =
            |methods: &str| format!("[http]\nhosts = [{{ host = \"a.b\", methods = {methods} }}]");
        for (grants, changes_something, reaches_network) in [
            (String::new(), false, false),
            ("[config]\nkeys = { a = \"b\" }".into(), false, false),
            ("[keyvalue]\nstore = true".into(), true, false),
            (host("[\"GET\"]"), false, true),
            (host("[\"get\", \"head\"]"), false, true),
            (host("[\"GET\", \"POST\"]"), true, true),
        ] {
            let reach = Reach::of(&Grants::parse(&grants).unwrap());
            assert_eq!(reach, Reach { changes_something, reaches_network }, "{grants}");
        }
    }

    #[test]
    fn titles_are_for_people() {
        for (name, words) in [("units_convert", "Units convert"), ("now", "Now"), ("", "")] {
            assert_eq!(title(name), words);
        }
    }
}
