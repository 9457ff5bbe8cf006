//! A checkpoint's own way to write a conversation: its Jinja template, with what `transformers`
//! gives such templates.

mod json;
mod methods;
mod moment;
mod python;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use hyfunc_functions::bounded;
use hyfunc_functions::bounded::tag;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind};
use serde_json::{Map, Value as Json};

use crate::checkpoint::text_of;
use crate::error::CheckpointError;
use crate::files;

/// Steps that a template may take, 64 bytes of data each: it comes with the checkpoint, and may be
/// anybody's.
const FUEL: u64 = 250_000;
/// Bytes of a template.
const TEMPLATE_BYTES_MAX: usize = 64 << 10;
/// Bytes of one `{{ … }}`, `{% … %}` or `{# … #}`.
const TAG_BYTES_MAX: usize = 16 << 10;
/// Tags of a template.
const TAGS_MAX: usize = 4_000;
/// The engine recurses over chains such as `- - - -1` and `elif` while it reads a template, without a
/// bound of its own: some kilobytes a link, on a stack that takes memory only as far as it is used.
const READ_STACK_BYTES: usize = 256 << 20;
/// Where a newer checkpoint has it.
const FILE: &str = "chat_template.jinja";
/// Of several templates, those for conversations without and with tools.
const DEFAULT: &str = "default";
const TOOL_USE: &str = "tool_use";

/// What a template said when it refused the messages.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

/// A chat template, ready to render.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// What it sees besides messages and tools, by name.
    scope: Map<String, Json>,
}

impl ChatTemplate {
    /// A template, with the tokens that it may name, such as `bos_token`.
    ///
    /// # Errors
    /// No template of Jinja, or one that is too long.
    pub fn new(source: &str, tokens: BTreeMap<String, String>) -> Result<Self, CheckpointError> {
        Self::from_templates(&[(DEFAULT, source)], tokens)
    }

    /// Lets it see one more value, such as Qwen 3's `enable_thinking`.
    pub fn set(&mut self, name: &str, value: Json) {
        self.scope.insert(name.to_owned(), value);
    }

    /// The template of a folder, where `settings` is its `tokenizer_config.json`.
    pub(crate) fn read(folder: &Path, settings: &Json, id: &str) -> Result<Self, CheckpointError> {
        let is_token = |name: &str| name.ends_with("_token");
        let fields = settings.as_object().into_iter().flatten();
        let tokens: BTreeMap<String, String> = fields
            .filter(|(name, _)| is_token(name))
            .filter_map(|(name, token)| Some((name.clone(), text_of(token)?.to_owned())))
            .collect();
        let path = folder.join(FILE);
        if path.exists() {
            let bytes = files::read(&path, TEMPLATE_BYTES_MAX as u64)?;
            let source = String::from_utf8(bytes).map_err(|error| template(&error.to_string()))?;
            return Self::new(&source, tokens);
        }
        match &settings["chat_template"] {
            Json::String(source) => Self::new(source, tokens),
            Json::Array(named) => {
                let one = |one: &'_ Json| -> Option<(String, String)> {
                    Some((one["name"].as_str()?.to_owned(), one["template"].as_str()?.to_owned()))
                };
                let all: Vec<(String, String)> = named.iter().filter_map(one).collect();
                let all: Vec<(&str, &str)> =
                    all.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
                if !all.iter().any(|(name, _)| *name == DEFAULT) {
                    return Err(CheckpointError::NoTemplate { id: id.to_owned() });
                }
                Self::from_templates(&all, tokens)
            }
            _ => Err(CheckpointError::NoTemplate { id: id.to_owned() }),
        }
    }

    fn from_templates(
        templates: &[(&str, &str)],
        tokens: BTreeMap<String, String>,
    ) -> Result<Self, CheckpointError> {
        let outcome = std::thread::scope(|scope| {
            let reader = std::thread::Builder::new()
                .name("hyfunc-template".to_owned())
                .stack_size(READ_STACK_BYTES)
                .spawn_scoped(scope, || read(templates))
                .map_err(|error| template(&format!("no thread to read it on: {error}")))?;
            reader.join().map_err(|_| template("reading it failed"))
        });
        let environment = outcome??;
        let scope = tokens.into_iter().map(|(name, token)| (name, Json::String(token))).collect();
        Ok(Self { environment, scope })
    }

    /// Writes a conversation as the checkpoint was trained to read it.
    ///
    /// # Errors
    /// The template refuses the messages, fails on them, or takes too many steps.
    pub fn render(
        &self,
        messages: &Json,
        tools: Option<&Json>,
        add_generation_prompt: bool,
    ) -> Result<String, CheckpointError> {
        self.render_at(messages, tools, add_generation_prompt, SystemTime::now())
    }

    /// The same, for templates that name the date.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn render_at(
        &self,
        messages: &Json,
        tools: Option<&Json>,
        add_generation_prompt: bool,
        now: SystemTime,
    ) -> Result<String, CheckpointError> {
        let mut environment = self.environment.clone();
        environment.add_function("strftime_now", move |format: String| -> Result<String, Error> {
            moment::format(now, &format)
                .map_err(|reason| Error::new(ErrorKind::InvalidOperation, reason))
        });
        let has_tools = tools.is_some();
        let template = match environment.get_template(TOOL_USE) {
            Ok(template) if has_tools => template,
            _ => environment.get_template(DEFAULT).map_err(refusal)?,
        };
        let mut scope = self.scope.clone();
        scope.insert("messages".to_owned(), messages.clone());
        scope.insert("tools".to_owned(), tools.cloned().unwrap_or_default());
        scope.insert("documents".to_owned(), Json::Null);
        scope.insert("add_generation_prompt".to_owned(), Json::Bool(add_generation_prompt));
        bounded::render(&environment, &template, Value::from(Serde(&scope))).map_err(refusal)
    }
}

/// An environment with templates, by name.
fn read(templates: &[(&str, &str)]) -> Result<Environment<'static>, CheckpointError> {
    let mut environment = environment()?;
    for (name, source) in templates {
        let tags = tag::measure(source);
        for (has, most, what) in [
            (source.len(), TEMPLATE_BYTES_MAX, "bytes"),
            (tags.bytes_max, TAG_BYTES_MAX, "bytes in one tag"),
            (tags.count, TAGS_MAX, "tags"),
        ] {
            if has > most {
                return Err(template(&format!("it has {has} {what}, {most} are the most")));
            }
        }
        bounded::check_text(source).map_err(refusal)?;
        environment
            .add_template_owned((*name).to_owned(), without_generation(source))
            .map_err(refusal)?;
        bounded::check(&environment.get_template(name).map_err(refusal)?).map_err(refusal)?;
    }
    Ok(environment)
}

/// What `transformers` gives templates.
fn environment() -> Result<Environment<'static>, CheckpointError> {
    let mut environment = Environment::new();
    let mut syntax = SyntaxConfig::builder();
    let syntax = syntax.trim_blocks(true).lstrip_blocks(true).build().map_err(refusal)?;
    environment.set_syntax(syntax);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_name| AutoEscape::None);
    environment.set_formatter(|out, _state, value| {
        out.write_str(&python::text(value)?).map_err(Error::from)
    });
    environment.set_unknown_method_callback(|_state, value, method, arguments| {
        methods::call(value, method, arguments)
    });
    environment.add_filter("tojson", tojson);
    environment.add_filter("string", python::text);
    environment.add_test("iterable", is_iterable);
    environment.add_test("sequence", is_sequence);
    environment.add_function("raise_exception", raise_exception);
    bounded::guard(&mut environment);
    Ok(environment)
}

fn tojson(value: &Value, settings: Kwargs) -> Result<String, Error> {
    let style = json::Style {
        indent: settings.get::<Option<usize>>("indent")?,
        is_ascii: settings.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        is_sorted: settings.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        separators: settings.get::<Option<Vec<String>>>("separators")?,
    };
    settings.assert_all_used()?;
    json::write(value, &style)
}

/// Python iterates over texts, but not over `None`.
fn is_iterable(value: &Value) -> bool {
    is_sequence(value) || value.kind() == ValueKind::Iterable
}

/// Texts and dicts have a length and items, which is what Jinja asks for.
fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::String)
}

fn raise_exception(message: String) -> Result<String, Error> {
    let error = Error::new(ErrorKind::InvalidOperation, "raise_exception");
    Err(error.with_source(Raised(message)))
}

/// `{% generation %}` marks what is trained on; rendering writes what it holds.
fn without_generation(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(end) = rest[start..].find("%}").map(|end| start + end + "%}".len()) else { break };
        text.push_str(&rest[..start]);
        let tag = &rest[start..end];
        let name = tag.trim_matches(|char: char| "{%-+}".contains(char) || char.is_whitespace());
        match name {
            "generation" => text.push_str(&tag.replace(name, "if true")),
            "endgeneration" => text.push_str(&tag.replace(name, "endif")),
            _ => text.push_str(tag),
        }
        rest = &rest[end..];
    }
    text.push_str(rest);
    text
}

fn template(reason: &str) -> CheckpointError {
    CheckpointError::Template { reason: reason.to_owned() }
}

/// A template's own word, or what went wrong in it.
fn refusal(error: Error) -> CheckpointError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(raised) = inner.downcast_ref::<Raised>() {
            return CheckpointError::Refused { reason: raised.0.clone() };
        }
        cause = inner.source();
    }
    template(&error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn render(source: &str, messages: &Json) -> Result<String, CheckpointError> {
        let tokens = BTreeMap::from([("bos_token".to_owned(), "<s>".to_owned())]);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_721_952_000);
        ChatTemplate::new(source, tokens)?.render_at(messages, None, true, now)
    }

    #[test]
    fn values_are_written_as_python_writes_them() {
        let messages = json!([{"b": true, "a": [1, 2.5, 1e16, null], "s": "it's <é>\n"}]);
        for (source, expected) in [
            ("{{ messages[0].b }}{{ none }}{{ tools }}", "TrueNoneNone"),
            ("{{ messages[0].a }}", "[1, 2.5, 1e+16, None]"),
            (
                "{{ messages[0] | tojson }}",
                r#"{"b": true, "a": [1, 2.5, 1e+16, null], "s": "it's <é>\n"}"#,
            ),
            ("{{ messages[0].s | tojson(ensure_ascii=true) }}", r#""it's <\u00e9>\n""#),
            ("{{ {'z': 1, 'a': []} | tojson(indent=2) }}", "{\n  \"z\": 1,\n  \"a\": []\n}"),
            (
                "{{ {'z': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}",
                r#"{"a":2,"z":1}"#,
            ),
            ("{{ messages }}", "[{'b': True, 'a': [1, 2.5, 1e+16, None], 's': \"it's <é>\\n\"}]"),
            ("{{ undefined_name }}|", "|"),
            ("{{ none is iterable }}{{ 'a' is iterable }}{{ 1 is iterable }}", "FalseTrueFalse"),
            ("{{ 'a' is sequence }}{{ messages is sequence }}{{ {} is mapping }}", "TrueTrueTrue"),
            ("{{ bos_token + 'x' }}{{ add_generation_prompt }}", "<s>xTrue"),
            ("{{ strftime_now('%d %b %Y, %H:%M') }}", "26 Jul 2024, 00:00"),
        ] {
            assert_eq!(render(source, &messages).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn blocks_methods_and_loops_are_those_of_jinja_and_python() {
        let messages = json!([{"role": "user", "content": "  <think>a</think>\n\nb "}, {"x": 1}]);
        for (source, expected) in [
            ("{{ messages[0].content.split('</think>')[-1].lstrip('\\n') }}", "b "),
            ("{{ messages[0]['content'].strip().startswith('<think>') }}", "True"),
            (
                "{{ 'a  b'.split() | tojson }}{{ 'a,b,c'.split(',', 1) | tojson }}",
                r#"["a", "b"]["a", "b,c"]"#,
            ),
            (
                "{{ messages[1].get('x') }}{{ messages[1].get('y') }}{{ messages[1].get('y', 2) }}",
                "1None2",
            ),
            (
                "{% for k, v in messages[1].items() %}\n  {{ k }}={{ v }}\n{% endfor %}\nend",
                "  x=1\nend",
            ),
            ("{% for m in messages[::-1] %}{{ loop.index0 }}{% break %}{% endfor %}", "0"),
            (
                "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}\
              {% endfor %}{{ ns.n }}",
                "2",
            ),
            ("{%- macro f(x) -%}[{{ x }}]{%- endmacro -%}{{ f(3) }}", "[3]"),
            ("a{% generation %}b{% endgeneration %}c", "abc"),
            ("{{ 'x'.upper() }}{{ '-'.join(['a', 'b']) }}{{ 'abc'.replace('b', '') }}", "Xa-bac"),
        ] {
            assert_eq!(render(source, &messages).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn what_a_template_refuses_is_told_and_none_runs_forever() {
        let error =
            render("{{ raise_exception('roles must alternate') }}", &json!([])).unwrap_err();
        assert!(
            matches!(&error, CheckpointError::Refused { reason } if reason == "roles must alternate")
        );
        for source in [
            "{% if %}",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "{{ messages.append(1) }}",
            "{{ strftime_now('%Q') }}",
        ] {
            let error = render(source, &json!([])).unwrap_err();
            assert!(matches!(error, CheckpointError::Template { .. }), "{source}: {error}");
        }
    }

    #[test]
    fn no_template_takes_more_than_its_share() {
        let chain = |link: &str, end: &str, len: usize| {
            format!("{{{{ {}{end} }}}}", link.repeat(len / link.len()))
        };
        let looped = |change: &str, told: &str| {
            format!(
                "{{% set ns = namespace(a=[1], t='x') %}}{{% for i in range(99) %}}\
                 {{% set {change} %}}{{% endfor %}}{told}"
            )
        };
        let elif = "{%if a%}".to_owned() + &"{%elif a%}".repeat(3_900) + "{%endif%}";
        let nested = format!("{{{{ {}{} }}}}", "[".repeat(400), "]".repeat(400));
        for source in [
            "x".repeat(TEMPLATE_BYTES_MAX + 1),
            "{{a}}".repeat(TAGS_MAX + 1),
            chain("- ", "1", TAG_BYTES_MAX),
            nested,
            looped("ns.a = [ns.a, ns.a]", "{{ ns.a }}"),
            looped("ns.a = [ns.a, ns.a]", "{{ ns.a|tojson }}"),
            looped("ns.a = {'l': ns.a, 'r': ns.a}", "{{ ns.a ~ '' }}"),
            looped("ns.a = ns.a + ns.a", "{{ ns.a|length }}"),
            looped("ns.t = ns.t ~ ns.t", "{{ ns.t }}"),
            looped("ns.t = ns.t.replace('', ns.t)", "{{ ns.t }}"),
            looped("ns.t = ns.t.join([ns.t, ns.t])", "{{ ns.t }}"),
            looped("ns.t = [ns.t, ns.t]|string", "{{ ns.t }}"),
            looped("ns.t = ns.t|tojson(separators=(ns.t, ns.t))", "{{ ns.t }}"),
            looped("ns.t = [1, 2]|tojson(separators=(ns.t ~ ns.t, ns.t))", "{{ ns.t }}"),
            looped("ns.a = ns", "{{ ns }}"),
            "{{ [1]|tojson(indent=99999999999) }}".to_owned(),
            "{{ ('x' * 999999).replace('', 'x' * 999999) }}".to_owned(),
            "{{ ('x' * 999999).join(('a,' * 9999).split(',')) }}".to_owned(),
            "{{ 'a,' * 400000 }}{{ ('a,' * 400000).split(',') }}".to_owned(),
            "{{ [1] * 99999999 ~ '' }}".to_owned(),
            "{{ messages * 99999999 }}".to_owned(),
            "{% for i in range(99999) %}{{ 'x' * 999999 }}{% endfor %}".to_owned(),
            "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}".to_owned(),
        ] {
            let shown: String = source.chars().take(120).collect();
            let error = render(&source, &json!([{"role": "user"}])).unwrap_err();
            assert!(matches!(error, CheckpointError::Template { .. }), "{shown}: {error}");
        }
        // Long but within bounds: read, whatever comes of it.
        for source in [elif, chain("- ", "a", 16_000), chain("1+", "1", 16_000)] {
            let _ = render(&source, &json!([]));
        }
    }

    #[test]
    fn of_several_templates_the_one_for_tools_is_used_with_tools() {
        let templates = [(DEFAULT, "plain"), (TOOL_USE, "tools")];
        let chat = ChatTemplate::from_templates(&templates, BTreeMap::new()).unwrap();
        assert_eq!(chat.render(&json!([]), None, true).unwrap(), "plain");
        assert_eq!(chat.render(&json!([]), Some(&json!([])), true).unwrap(), "tools");
    }
}
