//! The benchmark's own files: its questions, its functions, and the answers that it accepts.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value as Json;

use super::Category;
use crate::error::TrainingError;
use crate::lines::Lines;

/// What the benchmark knows of one row.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Its turns: a list of lists of messages.
    pub question: Json,
    /// Functions as the benchmark describes them.
    pub functions: Vec<Json>,
    /// Its `ground_truth`; empty for rows that want no call.
    pub answers: Vec<Json>,
}

/// The rows of `bfcl_eval`'s folder `data`, in the order of its files.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    ids: Vec<String>,
    asked: HashMap<String, Asked>,
}

impl Answers {
    /// Reads the folder `data` of the Python package `bfcl_eval`.
    ///
    /// # Errors
    /// A folder without any of the benchmark's files, a file that cannot be read, or a line of one
    /// that is not what the benchmark writes.
    pub fn open(folder: &Path) -> Result<Self, TrainingError> {
        let mut answers = Self::default();
        for category in Category::ALL {
            let file = format!("BFCL_v4_{}.json", category.name());
            let questions = folder.join(&file);
            if !questions.exists() {
                continue;
            }
            for_each(&questions, |id, row| answers.question(id, row))?;
            if category.has_answers() {
                let path = folder.join("possible_answer").join(&file);
                for_each(&path, |id, row| answers.answer(id, row))?;
            }
        }
        if answers.ids.is_empty() {
            return Err(TrainingError::Unusable {
                path: folder.display().to_string(),
                reason: "it holds no BFCL_v4_*.json; install the benchmark with `pip install \
                         --no-deps bfcl-eval==2026.3.23` and name its folder bfcl_eval/data"
                    .into(),
            });
        }
        Ok(answers)
    }

    /// What is known of a row.
    pub fn get(&self, id: &str) -> Option<&Asked> {
        self.asked.get(id)
    }

    /// Every row, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Asked)> {
        self.ids.iter().filter_map(|id| Some((id.as_str(), self.asked.get(id)?)))
    }

    fn question(&mut self, id: String, mut row: Json) -> Result<(), &'static str> {
        let Json::Array(functions) = row["function"].take() else {
            return Err("a row without `function`");
        };
        let asked = Asked { question: row["question"].take(), functions, answers: Vec::new() };
        self.ids.push(id.clone());
        self.asked.insert(id, asked);
        Ok(())
    }

    fn answer(&mut self, id: String, mut row: Json) -> Result<(), &'static str> {
        let Json::Array(answers) = row["ground_truth"].take() else {
            return Err("an answer without `ground_truth`");
        };
        let asked = self.asked.get_mut(&id).ok_or("an answer to no question")?;
        asked.answers = answers;
        Ok(())
    }
}

fn for_each(
    path: &Path,
    mut each: impl FnMut(String, Json) -> Result<(), &'static str>,
) -> Result<(), TrainingError> {
    for line in Lines::open(path)? {
        let line = line?;
        let name = line.name();
        let outcome = line.text.map_err(str::to_owned).and_then(|text| {
            let row: Json = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let id = row["id"].as_str().ok_or("a row without `id`")?.to_owned();
            each(id, row).map_err(str::to_owned)
        });
        outcome.map_err(|reason| TrainingError::Unusable {
            path: path.display().to_string(),
            reason: format!("{name}: {reason}"),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_or_refused_with_the_line() {
        let question = r#"{"id": "multiple_0", "question": [[{"role": "user", "content": "q"}]], "function": [{"name": "f"}]}"#;
        let answer = r#"{"id": "multiple_0", "ground_truth": [{"f": {"a": [1, ""]}}]}"#;
        for (questions, answers, outcome) in [
            (question, answer, Ok(())),
            (question, "", Ok(())),
            ("{", answer, Err("BFCL_v4_multiple.json cannot be used: line 1")),
            (r#"{"function": []}"#, answer, Err("without `id`")),
            (r#"{"id": "multiple_0"}"#, answer, Err("without `function`")),
            (question, r#"{"id": "multiple_0"}"#, Err("without `ground_truth`")),
            (question, r#"{"id": "multiple_1", "ground_truth": []}"#, Err("to no question")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("possible_answer")).unwrap();
            let file = "BFCL_v4_multiple.json";
            std::fs::write(folder.path().join(file), questions).unwrap();
            std::fs::write(folder.path().join("possible_answer").join(file), answers).unwrap();
            match (Answers::open(folder.path()), outcome) {
                (Ok(found), Ok(())) => {
                    let asked = found.get("multiple_0").unwrap();
                    assert_eq!(asked.functions.len(), 1);
                    assert_eq!(asked.answers.len(), usize::from(!answers.is_empty()));
                    assert_eq!(found.iter().count(), 1);
                }
                (Err(error), Err(part)) => {
                    assert!(error.to_string().contains(part), "{error}");
                }
                (found, _) => panic!("{questions} {answers}: {:?}", found.is_ok()),
            }
        }
    }

    #[test]
    fn a_folder_of_something_else_says_what_to_install() {
        let folder = tempfile::tempdir().unwrap();
        let error = Answers::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("pip install"), "{error}");
    }
}
