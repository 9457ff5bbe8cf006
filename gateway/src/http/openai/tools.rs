//! The client's own functions, and which functions may or must be called.

use std::collections::HashSet;

use hyfunc_functions::Function;
use hyfunc_functions::names::check_name;
use hyfunc_functions::schema::{Budget, Ignored, Reading, read_function_within};
use serde_json::{Value as Json, json};

use super::properties::Properties;
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::fields::{Fields, wrong};
use crate::pipeline::{Choice, Unheld, cut};

/// Keywords that an answer names at most as not held to, and bytes of the text about each.
const UNHELD_MAX: usize = 32;
const UNHELD_BYTES_MAX: usize = 256;

/// Where a format puts what it says of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Under `function`, beside `type`: chat completions.
    Nested,
    /// Beside `type` itself: responses.
    Flat,
}

/// The client's own functions.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// As they were sent.
    pub functions: Vec<Function>,
    /// The first of what their schemas say and arguments are not held to.
    pub unheld: Vec<Unheld>,
}

/// What `tool_choice` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Whether and what must be called.
    pub choice: Choice,
    /// Names of the functions that may be called, where the client lists them.
    pub allowed: Option<Vec<String>>,
}

impl Style {
    /// What is said of a function; nothing but the known fields.
    fn function<'a>(
        self,
        json: &'a Json,
        path: &str,
        known: &[&str],
    ) -> Result<Fields<'a>, RequestError> {
        let outer = Fields::of(json, path)?;
        let kind = outer.text_required("type")?;
        if kind != "function" {
            return Err(RequestError::Unsupported {
                param: outer.path("type"),
                reason: format!(
                    "`{kind}` cannot be called, only `function`; publish a plugin for what else is \
                     wanted"
                ),
            });
        }
        self.within(outer, "function", known)
    }

    /// The object that holds the known fields: this one, or the one under a name in it.
    fn within<'a>(
        self,
        outer: Fields<'a>,
        name: &str,
        known: &[&str],
    ) -> Result<Fields<'a>, RequestError> {
        match self {
            Style::Flat => {
                let mut all = vec!["type"];
                all.extend_from_slice(known);
                outer.only(&all)?;
                Ok(outer)
            }
            Style::Nested => {
                outer.only(&["type", name])?;
                let inner = outer.get(name).ok_or_else(|| outer.missing(name, "an object"))?;
                let inner = Fields::of(inner, &outer.path(name))?;
                inner.only(known)?;
                Ok(inner)
            }
        }
    }
}

/// Reads `tools`.
pub fn read_tools(
    fields: &Fields<'_>,
    limits: &RequestConfig,
    style: Style,
) -> Result<Tools, RequestError> {
    let tools = fields.list("tools")?.unwrap_or(&[]);
    if tools.len() > limits.tools_max {
        return Err(RequestError::Field {
            param: fields.path("tools"),
            reason: format!("send at most {}, not {}", limits.tools_max, tools.len()),
        });
    }
    let mut names = HashSet::new();
    let mut read = Tools::default();
    // One for all: many schemas may cost no more than one.
    let mut budget = Budget::default();
    let mut properties = Properties::new(limits);
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("{}[{at}]", fields.path("tools"));
        let tool = style.function(tool, &path, &["name", "description", "parameters", "strict"])?;
        let Reading { read: function, ignored } = read_tool(&tool, &mut budget, &mut properties)?;
        if !names.insert(function.name.clone()) {
            return Err(RequestError::Field {
                param: tool.path("name"),
                reason: format!("`{}` is there twice; rename one", function.name),
            });
        }
        let left = UNHELD_MAX - read.unheld.len();
        let widening = ignored.into_iter().filter(widens).take(left);
        read.unheld.extend(widening.map(|ignored| unheld(&function.name, ignored)));
        read.functions.push(function);
    }
    Ok(read)
}

fn unheld(function: &str, Ignored { path, keyword, reason }: Ignored) -> Unheld {
    let [path, keyword, reason] = [path, keyword, reason].map(|text| cut(text, UNHELD_BYTES_MAX));
    Unheld { function: function.to_owned(), path, keyword, reason }
}

fn read_tool(
    tool: &Fields<'_>,
    budget: &mut Budget,
    properties: &mut Properties<'_>,
) -> Result<Reading<Function>, RequestError> {
    let name = tool.text_required("name")?;
    check_name(name).map_err(|error| RequestError::Field {
        param: tool.path("name"),
        reason: error.to_string(),
    })?;
    let description = tool.text("description")?.unwrap_or("");
    let strict = tool.boolean("strict")?.unwrap_or(false);
    let none = json!({});
    let parameters = match tool.get("parameters") {
        None => &none,
        // A schema by itself, but not one of an object with members.
        Some(found @ Json::Bool(_)) => {
            return Err(wrong(&tool.path("parameters"), "a JSON Schema of an object", found));
        }
        Some(schema) => schema,
    };
    let param = tool.path("parameters");
    properties.look(&param, name, parameters)?;
    let reading = read_function_within(name, description, parameters, budget)
        .map_err(|source| RequestError::Tool { param: param.clone(), source })?;
    properties.add(&param, name, &reading.read.parameters)?;
    match reading.ignored.iter().find(|ignored| strict && widens(ignored)) {
        None => Ok(reading),
        Some(Ignored { path, keyword, reason }) => Err(RequestError::Unsupported {
            param: tool.path("strict"),
            reason: format!(
                "`{keyword}` at `{path}` would not be held to ({reason}); leave out either"
            ),
        }),
    }
}

/// Whether arguments may come out that the schema does not admit. Where only fewer come out than it
/// admits, every one of them is what was asked for.
fn widens(ignored: &Ignored) -> bool {
    !["additionalProperties", "properties"].contains(&ignored.keyword.as_str())
}

/// Reads `tool_choice`.
pub fn read_choice(fields: &Fields<'_>, style: Style) -> Result<Chosen, RequestError> {
    let param = fields.path("tool_choice");
    let choice = match fields.get("tool_choice") {
        None => Choice::Auto,
        Some(Json::String(word)) => match word.as_str() {
            "auto" => Choice::Auto,
            "none" => Choice::None,
            "required" => Choice::Required,
            other => {
                return Err(RequestError::Field {
                    param,
                    reason: format!("`{other}` is not one of auto, none, required, or an object"),
                });
            }
        },
        Some(object @ Json::Object(_)) => {
            let outer = Fields::of(object, &param)?;
            if outer.text_required("type")? == "allowed_tools" {
                return read_allowed(outer, style);
            }
            let function = style.function(object, &param, &["name"])?;
            Choice::Named(function.text_required("name")?.to_owned())
        }
        Some(other) => return Err(wrong(&param, "a string or an object", other)),
    };
    Ok(Chosen { choice, allowed: None })
}

/// The functions among which the choice is, each named once.
fn read_allowed(outer: Fields<'_>, style: Style) -> Result<Chosen, RequestError> {
    let fields = style.within(outer, "allowed_tools", &["mode", "tools"])?;
    let choice = match fields.text("mode")? {
        None | Some("auto") => Choice::Auto,
        Some("required") => Choice::Required,
        Some(other) => {
            return Err(RequestError::Field {
                param: fields.path("mode"),
                reason: format!("`{other}` is not one of auto, required"),
            });
        }
    };
    let tools = fields.list("tools")?.unwrap_or(&[]);
    if tools.is_empty() {
        return Err(RequestError::Field {
            param: fields.path("tools"),
            reason: "name at least one function; \"none\" as the whole choice calls nothing".into(),
        });
    }
    let mut seen = HashSet::new();
    let mut allowed = Vec::new();
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("{}[{at}]", fields.path("tools"));
        let name = style.function(tool, &path, &["name"])?.text_required("name")?;
        if seen.insert(name) {
            allowed.push(name.to_owned());
        }
    }
    Ok(Chosen { choice, allowed: Some(allowed) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same object in either style.
    fn styled(style: Style, kind: &str, nested: &str, inner: Json) -> Json {
        let mut object = json!({"type": kind});
        match style {
            Style::Nested => object[nested] = inner,
            Style::Flat => {
                let inner = inner.as_object().expect("an object").clone();
                object.as_object_mut().expect("an object").extend(inner);
            }
        }
        object
    }

    fn function(style: Style, inner: Json) -> Json {
        styled(style, "function", "function", inner)
    }

    #[test]
    fn choices() {
        for style in [Style::Nested, Style::Flat] {
            let named = |name: &str| function(style, json!({"name": name}));
            let among = |inner: Json| styled(style, "allowed_tools", "allowed_tools", inner);
            let plain = |choice: Choice| Ok(Chosen { choice, allowed: None });
            let listed = |choice: Choice, names: &[&str]| {
                let names = names.iter().map(|name| (*name).to_owned()).collect();
                Ok(Chosen { choice, allowed: Some(names) })
            };
            for (choice, wanted) in [
                (json!(null), plain(Choice::Auto)),
                (json!("auto"), plain(Choice::Auto)),
                (json!("none"), plain(Choice::None)),
                (json!("required"), plain(Choice::Required)),
                (named("f"), plain(Choice::Named("f".into()))),
                (among(json!({"tools": [named("f")]})), listed(Choice::Auto, &["f"])),
                (
                    among(
                        json!({"mode": "required", "tools": [named("f"), named("g"), named("f")]}),
                    ),
                    listed(Choice::Required, &["f", "g"]),
                ),
                (json!("any"), Err("not one of auto")),
                (json!(1), Err("a string or an object")),
                (json!({}), Err("`tool_choice.type`: this is required")),
                (json!({"type": "custom"}), Err("only `function`")),
                (json!({"type": "function"}), Err("this is required")),
                (json!({"type": "function", "nmae": "f"}), Err("unknown field")),
                (function(style, json!({"name": 3})), Err("send a string, not a number")),
                (among(json!({})), Err("at least one function")),
                (among(json!({"tools": []})), Err("at least one function")),
                (among(json!({"tools": {}})), Err("send an array")),
                (among(json!({"tools": ["f"]})), Err("tools[0]`: send an object")),
                (among(json!({"tools": [{"type": "mcp"}]})), Err("tools[0].type")),
                (
                    among(json!({"mode": "none", "tools": [named("f")]})),
                    Err("`none` is not one of"),
                ),
            ] {
                let body = json!({"tool_choice": choice});
                match (read_choice(&Fields::of(&body, "").unwrap(), style), wanted) {
                    (Ok(read), Ok(wanted)) => assert_eq!(read, wanted, "{body}"),
                    (Err(error), Err(words)) => {
                        assert!(error.to_string().contains(words), "{body}: {error}");
                    }
                    (read, wanted) => panic!("{body}: {read:?}, not {wanted:?}"),
                }
            }
        }
    }

    #[test]
    fn tools_are_read_or_refused_with_their_place() {
        for style in [Style::Nested, Style::Flat] {
            let place = if style == Style::Nested { "tools[0].function" } else { "tools[0]" };
            let tool = |name: &str| function(style, json!({"name": name}));
            let with = |key: &str, value: Json| {
                let mut inner = json!({"name": "a"});
                inner[key] = value;
                json!([function(style, inner)])
            };
            let at = |rest: &str| Some(format!("`{place}.{rest}"));
            for (tools, words) in [
                (json!([]), None),
                (json!([tool("a"), tool("b")]), None),
                (with("description", json!(null)), None),
                (with("parameters", json!(null)), None),
                (with("strict", json!(true)), None),
                (json!({}), Some("`tools`: send an array".into())),
                (json!([3]), Some("`tools[0]`: send an object".into())),
                (json!([tool("a"), tool("a")]), Some("`a` is there twice".into())),
                (json!([tool("a b")]), at("name`")),
                (json!([tool(&"a".repeat(65))]), at("name`")),
                (json!([function(style, json!({}))]), at("name`: this is required")),
                (json!([{"type": "web_search"}]), Some("`web_search` cannot be called".into())),
                (with("parameters", json!("x")), at("parameters` cannot be used")),
                (with("parameters", json!(true)), at("parameters`: send a JSON Schema of")),
                (with("description", json!(3)), at("description`: send a string")),
                (with("strict", json!("yes")), at("strict`: send true or false")),
                (with("paramters", json!({})), at("paramters` (did you mean")),
                (json!([tool("a"), tool("b"), tool("c")]), Some("send at most 2".into())),
            ] {
                let body = json!({"tools": tools});
                let limits = RequestConfig { tools_max: 2, ..RequestConfig::default() };
                let read = read_tools(&Fields::of(&body, "").unwrap(), &limits, style);
                match words {
                    None => assert!(read.is_ok(), "{body}"),
                    Some(words) => {
                        let error = read.unwrap_err().to_string();
                        assert!(error.contains(&words), "{body}: {error} should hold {words}");
                    }
                }
            }
        }
    }

    #[test]
    fn strict_is_promised_only_where_it_is_kept() {
        let property = |schema: Json| json!({"type": "object", "properties": {"p": schema}});
        let mut open = property(json!({"type": "string"}));
        open["additionalProperties"] = true.into();
        let mut rarely = property(json!({"type": "string"}));
        rarely["multipleOf"] = 3.into();
        for (parameters, kept) in [
            (property(json!({"type": "integer", "minimum": 1})), true),
            (property(json!({"type": "string", "enum": ["a", "b"]})), true),
            (property(json!({"type": "number", "multipleOf": 3})), false),
            (rarely, false),
            (open, true),
        ] {
            for strict in [true, false] {
                let inner = json!({"name": "f", "parameters": parameters, "strict": strict});
                let body = json!({"tools": [function(Style::Flat, inner)]});
                let fields = Fields::of(&body, "").unwrap();
                let read = read_tools(&fields, &RequestConfig::default(), Style::Flat);
                assert_eq!(read.is_ok(), kept || !strict, "{body}");
                match read {
                    Err(error) => {
                        let words = "`tools[0].strict` is not supported here: `multipleOf` at";
                        assert!(error.to_string().contains(words), "{error}");
                    }
                    Ok(Tools { unheld, .. }) => {
                        let named: Vec<_> =
                            unheld.iter().map(|rule| (&*rule.function, &*rule.keyword)).collect();
                        let wanted = [("f", "multipleOf")];
                        assert_eq!(named, if kept { &[][..] } else { &wanted[..] }, "{body}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_held_to_is_named_to_a_bound() {
        let rules = |count: usize| {
            let one = |at: usize| (format!("p{at}"), json!({"type": "integer", "multipleOf": 3}));
            let properties: serde_json::Map<String, Json> = (0..count).map(one).collect();
            json!({"type": "object", "properties": properties})
        };
        for (first, second, named) in
            [(0, 0, 0), (3, 2, 5), (30, 5, UNHELD_MAX), (99, 1, UNHELD_MAX)]
        {
            let tool = |name: &str, count: usize| {
                function(Style::Flat, json!({"name": name, "parameters": rules(count)}))
            };
            let body = json!({"tools": [tool("f", first), tool("g", second)]});
            let limits = RequestConfig::default();
            let read = read_tools(&Fields::of(&body, "").unwrap(), &limits, Style::Flat).unwrap();
            assert_eq!((read.functions.len(), read.unheld.len()), (2, named));
            let texts = read.unheld.iter().flat_map(|rule| [&rule.path, &rule.reason]);
            assert!(texts.into_iter().all(|text| text.len() < UNHELD_BYTES_MAX + 16));
        }
    }
}
