//! Which task a person means.

use crate::bindings::exports::hyfunc::todo::tasks::Task;

/// How many tasks are named when a wish fits several.
const NAMED_MAX: usize = 5;

/// The one task that `words` mean: its number, its whole title, or a part of it. A task that is
/// still open is meant before one that is done.
///
/// # Errors
/// When no task fits, or several do: the sentence names them.
pub fn find<'a>(tasks: &'a [Task], words: &str) -> Result<&'a Task, String> {
    let words = words.trim();
    if words.is_empty() {
        return Err("no task was named: give its words or its number".into());
    }
    let number = words.trim_start_matches(['#', ' ']).parse::<u32>().ok();
    if let Some(task) = tasks.iter().find(|task| Some(task.id) == number) {
        return Ok(task);
    }
    let wanted = words.to_lowercase();
    let same = |task: &Task| task.title.to_lowercase() == wanted;
    let part = |task: &Task| holds_words(&task.title, &wanted);
    for fits in [&same as &dyn Fn(&Task) -> bool, &part] {
        let mut found: Vec<&Task> = tasks.iter().filter(|task| fits(task)).collect();
        if found.iter().any(|task| !task.done) {
            found.retain(|task| !task.done);
        }
        match found.as_slice() {
            [] => continue,
            [task] => return Ok(task),
            several => {
                return Err(format!(
                    "several tasks fit `{}`: {}; give the number of one",
                    shorten(words),
                    named(several)
                ));
            }
        }
    }
    match tasks {
        [] => Err("the list is empty: add a task first".into()),
        _ => Err(format!(
            "no task fits `{}`; on the list: {}",
            shorten(words),
            named(&tasks.iter().collect::<Vec<_>>())
        )),
    }
}

/// Whether every wanted word is in the title.
fn holds_words(title: &str, wanted: &str) -> bool {
    let title = title.to_lowercase();
    wanted.split_whitespace().all(|word| title.contains(word))
}

fn named(tasks: &[&Task]) -> String {
    let mut names: Vec<String> = tasks
        .iter()
        .take(NAMED_MAX)
        .map(|task| format!("{}. {}", task.id, shorten(&task.title)))
        .collect();
    if tasks.len() > NAMED_MAX {
        names.push(format!("{} more", tasks.len() - NAMED_MAX));
    }
    names.join(", ")
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::exports::hyfunc::todo::tasks::Priority;

    fn tasks() -> Vec<Task> {
        let rows = [
            (1, "buy milk", true),
            (2, "Buy milk", false),
            (3, "call the dentist", false),
            (4, "call mum", false),
            (40, "pay 3 bills", false),
        ];
        rows.map(|(id, title, done)| Task {
            id,
            title: title.into(),
            due: None,
            priority: Priority::Normal,
            done,
        })
        .into()
    }

    #[test]
    fn tasks_are_found() {
        for (words, id) in [
            ("buy milk", 2),
            ("MILK", 2),
            ("3", 3),
            ("#4", 4),
            ("dentist", 3),
            ("the call", 3),
            ("bills", 40),
            ("1", 1),
        ] {
            assert_eq!(find(&tasks(), words).expect(words).id, id, "{words}");
        }
    }

    #[test]
    fn what_does_not_fit_is_explained() {
        let cases = [
            ("call", "3. call the dentist, 4. call mum"),
            ("bread", "no task fits `bread`"),
            ("  ", "no task was named"),
            ("99", "no task fits `99`"),
        ];
        for (words, part) in cases {
            let error = find(&tasks(), words).expect_err(words);
            assert!(error.contains(part), "{words}: {error}");
        }
        assert!(find(&[], "milk").expect_err("empty").contains("add a task first"));
        assert!(find(&tasks(), &"x".repeat(100_000)).expect_err("long").len() < 500);
    }
}
