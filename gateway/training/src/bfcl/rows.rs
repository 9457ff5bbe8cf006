//! Requests of the benchmark, each with its own functions and the answers that are accepted.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::schema::function_from_schema;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Answers, Asked, Category};
use crate::error::TrainingError;
use crate::lines::Lines;
use crate::report::Refused;
use crate::sample::spread;

/// Where the accepted answers of a row come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The benchmark's own files.
    Benchmark,
    /// The row itself, in the benchmark's form: `ground_truth`.
    Row,
    /// The row's one right answer. The benchmark accepts others, so this is stricter.
    OneAnswer,
}

/// A request of the benchmark.
#[derive(Clone, Debug)]
pub struct Row {
    /// As in the benchmark.
    pub id: String,
    /// What it is a case of.
    pub category: Category,
    /// What the person says.
    pub query: String,
    /// Functions on offer, for the models.
    pub functions: Vec<Arc<Function>>,
    /// The same as the checker reads them.
    pub described: Vec<Json>,
    /// Accepted answers, as [`super::check`] takes them.
    pub answers: Vec<Json>,
    /// Where they come from.
    pub source: Source,
}

/// Usable rows, and why others were left out.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// The others, by reason.
    pub refused: Refused,
}

#[derive(Deserialize)]
struct RawRow {
    id: String,
    query: String,
    functions: Vec<Json>,
    #[serde(default)]
    calls: Vec<RawCall>,
    ground_truth: Option<Vec<Json>>,
}

#[derive(Deserialize)]
struct RawCall {
    name: String,
    arguments: Map<String, Json>,
}

/// Reads rows `{"id", "query", "functions", "calls"}` from a file, or the benchmark's own form from
/// its folder. Of each of the `wanted` categories at most `limit` rows are kept, at equal
/// distances.
///
/// # Errors
/// A file or folder that cannot be read, or without a single row of the wanted categories.
pub fn rows(
    data: &Path,
    answers: Option<&Answers>,
    wanted: &[Category],
    limit: Option<usize>,
) -> Result<Rows, TrainingError> {
    let mut reader = Reader { answers, wanted, known: HashMap::new(), found: Rows::default() };
    if data.is_dir() {
        let own = Answers::open(data)?;
        for (id, asked) in own.iter() {
            let row = reader.of_benchmark(id, asked);
            reader.keep(id.to_owned(), row);
        }
    } else {
        for line in Lines::open(data)? {
            let line = line?;
            let name = line.name();
            let read = line.text.map_err(str::to_owned).and_then(|text| {
                serde_json::from_str::<RawRow>(&text)
                    .map_err(|_| "not a row of id, query, functions and calls".to_owned())
            });
            match read {
                Err(reason) => reader.found.refused.add(reason, name),
                Ok(raw) => {
                    let id = raw.id.clone();
                    let row = reader.of_file(raw);
                    reader.keep(id, row);
                }
            }
        }
    }
    let mut found = reader.found;
    if found.rows.is_empty() {
        let names: Vec<&str> = wanted.iter().map(|category| category.name()).collect();
        return Err(TrainingError::Unusable {
            path: data.display().to_string(),
            reason: format!(
                "it holds no usable row of {}\n{}",
                names.join(", "),
                found.refused.to_text()
            ),
        });
    }
    if let Some(limit) = limit {
        found.rows = part(found.rows, limit);
    }
    Ok(found)
}

/// At most so many rows of each category.
fn part(rows: Vec<Row>, limit: usize) -> Vec<Row> {
    let mut kept = vec![false; rows.len()];
    for category in Category::ALL {
        let of: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].category == category).collect();
        spread(of.len(), limit).for_each(|at| kept[of[at]] = true);
    }
    rows.into_iter().zip(kept).filter_map(|(row, kept)| kept.then_some(row)).collect()
}

struct Reader<'a> {
    answers: Option<&'a Answers>,
    wanted: &'a [Category],
    /// Functions that were read, so that equal ones of different rows become one.
    known: HashMap<String, Arc<Function>>,
    found: Rows,
}

impl Reader<'_> {
    /// A row of a category that is not wanted is neither kept nor refused.
    fn keep(&mut self, id: String, row: Result<Option<Row>, String>) {
        match row {
            Ok(row) => self.found.rows.extend(row),
            Err(reason) => self.found.refused.add(reason, id),
        }
    }

    fn of_file(&mut self, raw: RawRow) -> Result<Option<Row>, String> {
        let category = Category::of_id(&raw.id)?;
        if !self.wanted.contains(&category) {
            return Ok(None);
        }
        let functions = self.functions(&raw.functions)?;
        let (described, answers, source) = match self.answers {
            _ if raw.ground_truth.is_some() => {
                (raw.functions, raw.ground_truth.unwrap_or_default(), Source::Row)
            }
            Some(answers) => {
                let asked = answers.get(&raw.id).ok_or("not among the benchmark's own rows")?;
                (asked.functions.clone(), asked.answers.clone(), Source::Benchmark)
            }
            None => {
                let described: Vec<Json> = raw.functions.iter().map(described).collect();
                let answer = |call| only_answer(call, &described);
                let answers = raw.calls.into_iter().map(answer).collect();
                (described, answers, Source::OneAnswer)
            }
        };
        row(raw.id, category, raw.query, functions, (described, answers, source))
    }

    fn of_benchmark(&mut self, id: &str, asked: &Asked) -> Result<Option<Row>, String> {
        let category = Category::of_id(id)?;
        if !self.wanted.contains(&category) {
            return Ok(None);
        }
        let query = said(&asked.question).ok_or("a conversation of several turns")?;
        let functions = self.functions(&asked.functions)?;
        let accepted = (asked.functions.clone(), asked.answers.clone(), Source::Benchmark);
        row(id.to_owned(), category, query, functions, accepted)
    }

    fn functions(&mut self, raw: &[Json]) -> Result<Vec<Arc<Function>>, String> {
        let one = |function: &Json| -> Result<Arc<Function>, String> {
            let key = function.to_string();
            if let Some(known) = self.known.get(&key) {
                return Ok(Arc::clone(known));
            }
            let name = function["name"].as_str().ok_or("a function without a name")?;
            let description = function["description"].as_str().unwrap_or_default();
            let read = function_from_schema(name, description, &function["parameters"])
                .map_err(|_| "a function's parameters are no JSON Schema")?;
            let read = Arc::new(read);
            self.known.insert(key, Arc::clone(&read));
            Ok(read)
        };
        raw.iter().map(one).collect()
    }
}

fn row(
    id: String,
    category: Category,
    query: String,
    functions: Vec<Arc<Function>>,
    (described, answers, source): (Vec<Json>, Vec<Json>, Source),
) -> Result<Option<Row>, String> {
    if query.trim().is_empty() {
        return Err("an empty query".into());
    }
    if category.has_answers() && answers.is_empty() {
        return Err("wants a call, but has no right answer".into());
    }
    Ok(Some(Row { id, category, query, functions, described, answers, source }))
}

/// What one turn says: the system's text and one user's. `None` for anything longer.
fn said(question: &Json) -> Option<String> {
    let [turn] = question.as_array()?.as_slice() else { return None };
    let messages = turn.as_array()?;
    let of = |role: &str| messages.iter().filter(|message| message["role"] == role).count();
    if of("user") != 1 || of("user") + of("system") != messages.len() {
        return None;
    }
    let texts = messages.iter().map(|message| message["content"].as_str().map(str::trim));
    Some(texts.collect::<Option<Vec<_>>>()?.join("\n"))
}

/// A function as the benchmark would describe it: its names of types, and `required`.
fn described(function: &Json) -> Json {
    let mut function = function.clone();
    let parameters = &mut function["parameters"];
    if !parameters.is_object() {
        *parameters = json!({});
    }
    for (key, default) in [("properties", json!({})), ("required", json!([]))] {
        if parameters.get(key).is_none_or(Json::is_null) {
            parameters[key] = default;
        }
    }
    if let Some(properties) = parameters["properties"].as_object_mut() {
        properties.values_mut().for_each(rename);
    }
    function
}

/// Gives a schema the benchmark's name of its type, and its elements as well.
fn rename(schema: &mut Json) {
    if !schema.is_object() {
        *schema = json!({});
    }
    let declared = match &schema["type"] {
        Json::Array(names) => {
            names.iter().find_map(|name| name.as_str().filter(|name| *name != "null"))
        }
        name => name.as_str(),
    };
    let name = match declared {
        Some("object" | "dict") => "dict",
        Some("number" | "float") => "float",
        Some("array" | "tuple") => "array",
        Some("integer") => "integer",
        Some("boolean") => "boolean",
        Some("string") => "string",
        _ => "any",
    };
    if name == "array" {
        rename(&mut schema["items"]);
    }
    schema["type"] = Json::from(name);
}

/// The benchmark's form of an answer that accepts one value for each argument.
fn only_answer(call: RawCall, described: &[Json]) -> Json {
    let function = described.iter().find(|function| function["name"] == call.name.as_str());
    let one = |(name, value): (String, Json)| {
        let schema = function.map(|function| &function["parameters"]["properties"][&name]);
        let value = schema.map_or_else(|| value.clone(), |schema| accepted(&value, schema));
        (name, json!([value]))
    };
    let arguments: Map<String, Json> = call.arguments.into_iter().map(one).collect();
    json!({ (call.name): arguments })
}

/// A value as the benchmark accepts it: within dicts, it wants a list of values for every key.
fn accepted(value: &Json, schema: &Json) -> Json {
    match (value, schema["type"].as_str()) {
        (Json::Object(object), Some("dict")) => {
            Json::Object(object.iter().map(|(key, value)| (key.clone(), json!([value]))).collect())
        }
        (Json::Array(items), Some("array")) => {
            items.iter().map(|item| accepted_element(item, &schema["items"])).collect()
        }
        (value, _) => value.clone(),
    }
}

/// Dicts are looked into below a list, lists below a list are not.
fn accepted_element(value: &Json, schema: &Json) -> Json {
    if value.is_object() { accepted(value, schema) } else { value.clone() }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::super::{Call, check};
    use super::*;

    const WEATHER: &str = r#"{"name": "weather", "description": "d", "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]},
        "at": {"type": "array", "items": {"type": "object"}}}, "required": ["city"]}}"#;

    fn file(lines: &[String]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let lines: Vec<String> = lines.iter().map(|line| line.replace('\n', " ")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        (folder, path)
    }

    fn line(id: &str, query: &str, calls: &str) -> String {
        format!(
            r#"{{"id": "{id}", "query": "{query}", "functions": [{WEATHER}], "calls": {calls}}}"#
        )
    }

    const RIGHT: &str = r#"[{"name": "weather", "arguments": {"city": "Oslo", "at": [{"h": 3}]}}]"#;

    #[test]
    fn rows_are_kept_or_refused_by_reason() {
        let lines = [
            line("multiple_0", "q", RIGHT),
            line("multiple_1", " ", RIGHT),
            line("multiple_2", "q", "[]"),
            line("irrelevance_0", "q", "[]"),
            line("simple_java_0", "q", RIGHT),
            line("parallel_0", "q", RIGHT),
            "{".to_owned(),
            line("multiple_3", "q", RIGHT)
                .replace("\"type\": \"object\",", "\"type\": \"string\","),
        ];
        let (_folder, path) = file(&lines);
        let wanted = [Category::Multiple, Category::Irrelevance];
        let found = rows(&path, None, &wanted, None).unwrap();
        let ids: Vec<&str> = found.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["multiple_0", "irrelevance_0"]);
        assert!(Arc::ptr_eq(&found.rows[0].functions[0], &found.rows[1].functions[0]));
        let refused: Vec<(&str, usize)> =
            found.refused.iter().map(|(reason, ids)| (reason, ids.len())).collect();
        assert_eq!(
            refused,
            [
                ("a Java or JavaScript row wants source text, not values", 1),
                ("a function's parameters are no JSON Schema", 1),
                ("an empty query", 1),
                ("not a row of id, query, functions and calls", 1),
                ("wants a call, but has no right answer", 1),
            ]
        );
        let error = rows(&path, None, &[Category::LiveSimple], None).unwrap_err().to_string();
        assert!(error.contains("no usable row of live_simple"), "{error}");
    }

    #[test]
    fn without_the_benchmark_the_rows_one_answer_counts() {
        let (_folder, path) = file(&[line("multiple_0", "q", RIGHT)]);
        let row = rows(&path, None, &Category::ALL, None).unwrap().rows.remove(0);
        assert_eq!(row.source, Source::OneAnswer);
        for (arguments, right) in [
            (r#"{"city": "oslo.", "at": [{"h": 3}]}"#, true),
            (r#"{"city": "Oslo", "at": [{"h": 4}]}"#, false),
            (r#"{"city": "Oslo", "at": [{"h": 3}], "days": 2}"#, false),
            (r#"{"city": "Oslo"}"#, false),
            (r#"{"at": [{"h": 3}]}"#, false),
        ] {
            let arguments = serde_json::from_str(arguments).unwrap();
            let call = Call { name: "weather".into(), arguments };
            let outcome = check(row.category, &row.described, &row.answers, from_ref(&call));
            assert_eq!(outcome.is_ok(), right, "{call:?}: {outcome:?}");
        }
    }

    #[test]
    fn a_rows_own_answers_win_and_a_limit_is_spread() {
        let own = line("multiple_9", "q", RIGHT).replace(
            "\"calls\"",
            "\"ground_truth\": [{\"weather\": {\"city\": [\"Bergen\", \"\"]}}], \"calls\"",
        );
        let mut lines: Vec<String> =
            (0..9).map(|at| line(&format!("multiple_{at}"), "q", RIGHT)).collect();
        lines.push(own);
        lines.push(line("irrelevance_0", "q", "[]"));
        let (_folder, path) = file(&lines);
        let found = rows(&path, None, &Category::ALL, Some(2)).unwrap();
        let ids: Vec<&str> = found.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["multiple_0", "multiple_5", "irrelevance_0"]);
        let all = rows(&path, None, &Category::ALL, None).unwrap().rows;
        assert_eq!(all[9].source, Source::Row);
        assert_eq!(all[9].answers[0]["weather"]["city"][0], "Bergen");
    }

    #[test]
    fn the_benchmarks_own_folder_is_read_as_well() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("possible_answer")).unwrap();
        let message = |role: &str| format!(r#"{{"role": "{role}", "content": " {role} says "}}"#);
        let question = |id: usize, roles: &[&str]| {
            let turn: Vec<String> = roles.iter().map(|role| message(role)).collect();
            format!(
                r#"{{"id": "live_simple_{id}", "question": [[{}]], "function": [{}]}}"#,
                turn.join(", "),
                WEATHER.replace('\n', " ").replace("\"object\"", "\"dict\"")
            )
        };
        let questions = [
            question(0, &["user"]),
            question(1, &["system", "user"]),
            question(2, &["user", "assistant", "user"]),
        ];
        let answer = |id: usize| {
            format!(r#"{{"id": "live_simple_{id}", "ground_truth": [{{"weather": {{}}}}]}}"#)
        };
        let answers: Vec<String> = (0..3).map(answer).collect();
        let name = "BFCL_v4_live_simple.json";
        std::fs::write(folder.path().join(name), questions.join("\n")).unwrap();
        std::fs::write(folder.path().join("possible_answer").join(name), answers.join("\n"))
            .unwrap();
        let found = rows(folder.path(), None, &Category::ALL, None).unwrap();
        let queries: Vec<&str> = found.rows.iter().map(|row| row.query.as_str()).collect();
        assert_eq!(queries, ["user says", "system says\nuser says"]);
        assert!(found.rows.iter().all(|row| row.source == Source::Benchmark));
        assert_eq!(found.refused.total(), 1);
        // A file of rows is scored by the same answers, and rows that the benchmark lacks are
        // refused.
        let own = Answers::open(folder.path()).unwrap();
        let lines = [line("live_simple_1", "q", "[]"), line("live_simple_7", "q", RIGHT)];
        let (_file, path) = file(&lines);
        let found = rows(&path, Some(&own), &Category::ALL, None).unwrap();
        assert_eq!((found.rows.len(), found.rows[0].source), (1, Source::Benchmark));
        assert_eq!(found.refused.total(), 1);
    }
}
