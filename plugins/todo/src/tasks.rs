//! The list itself. Each task has a key of its own, so that two calls at once spoil nothing.

use crate::bindings::exports::hyfunc::todo::tasks::{Priority, Status, Task};
use crate::shelf::Shelf;
use crate::wanted;

const PREFIX: &str = "task/";
const COUNTER: &str = "count";
const TITLE_CHARS_MAX: usize = 300;
const DUE_CHARS_MAX: usize = 100;
const TASKS_MAX: usize = 500;

/// Adds a task.
pub fn add(
    shelf: &impl Shelf,
    title: &str,
    due: Option<&str>,
    priority: Priority,
) -> Result<Task, String> {
    let title = checked(title, "title", TITLE_CHARS_MAX)?;
    let due = due
        .map(str::trim)
        .filter(|due| !due.is_empty())
        .map(|due| checked(due, "due date", DUE_CHARS_MAX))
        .transpose()?;
    if task_keys(shelf)?.len() >= TASKS_MAX {
        return Err(format!(
            "the list is full with {TASKS_MAX} tasks: clear the finished ones, then add this again"
        ));
    }
    let id = u32::try_from(shelf.count(COUNTER)?)
        .map_err(|_| "the list has run out of numbers".to_string())?;
    let task = Task { id, title, due, priority, done: false };
    put(shelf, &task)?;
    Ok(task)
}

/// Marks the task that `words` mean as done.
pub fn complete(shelf: &impl Shelf, words: &str) -> Result<Task, String> {
    let tasks = list(shelf, Status::All)?;
    let mut task = wanted::find(&tasks, words)?.clone();
    task.done = true;
    put(shelf, &task)?;
    Ok(task)
}

/// The tasks of one status: open before done, urgent before low, old before new.
pub fn list(shelf: &impl Shelf, status: Status) -> Result<Vec<Task>, String> {
    let mut tasks = Vec::new();
    for key in task_keys(shelf)? {
        // Another call may have taken it away since the keys were read.
        if let Some(bytes) = shelf.get(&key)? {
            let task: Task = serde_json::from_slice(&bytes).map_err(|error| {
                format!("the task under `{key}` cannot be read ({error}): clear the list")
            })?;
            tasks.push(task);
        }
    }
    tasks.retain(|task| fits(task, status));
    tasks.sort_by_key(|task| (task.done, std::cmp::Reverse(task.priority), task.id));
    Ok(tasks)
}

/// Takes away the task that `words` mean.
pub fn remove(shelf: &impl Shelf, words: &str) -> Result<Task, String> {
    let tasks = list(shelf, Status::All)?;
    let task = wanted::find(&tasks, words)?.clone();
    shelf.delete(&key(task.id))?;
    Ok(task)
}

/// Takes away all tasks of one status, and says how many there were.
pub fn clear(shelf: &impl Shelf, status: Status) -> Result<u32, String> {
    let keys = match status {
        // Not read first: a list with a broken entry can be cleared too.
        Status::All => task_keys(shelf)?,
        Status::Open | Status::Done => {
            list(shelf, status)?.iter().map(|task| key(task.id)).collect()
        }
    };
    let mut count = 0;
    for key in keys {
        shelf.delete(&key)?;
        count += 1;
    }
    Ok(count)
}

fn fits(task: &Task, status: Status) -> bool {
    match status {
        Status::Open => !task.done,
        Status::Done => task.done,
        Status::All => true,
    }
}

fn key(id: u32) -> String {
    format!("{PREFIX}{id}")
}

fn task_keys(shelf: &impl Shelf) -> Result<Vec<String>, String> {
    let mut keys = shelf.keys()?;
    keys.retain(|key| key.starts_with(PREFIX));
    Ok(keys)
}

fn put(shelf: &impl Shelf, task: &Task) -> Result<(), String> {
    let bytes =
        serde_json::to_vec(task).map_err(|error| format!("the task cannot be written: {error}"))?;
    shelf.set(&key(task.id), &bytes)
}

fn checked(text: &str, what: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(format!("the {what} is empty: say what is to be done")),
        chars if chars > chars_max => Err(format!(
            "the {what} has {chars} characters, at most {chars_max} are kept: shorten it"
        )),
        _ => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shelf::Memory;

    #[test]
    fn a_task_is_added_done_and_cleared() {
        let shelf = Memory::default();
        let milk = add(&shelf, " buy milk ", Some("tomorrow"), Priority::Normal).expect("added");
        assert_eq!(
            (milk.id, milk.title.as_str(), milk.due.as_deref(), milk.done),
            (1, "buy milk", Some("tomorrow"), false)
        );
        add(&shelf, "renew passport", Some("  "), Priority::Urgent).expect("added");
        let titles = |status| {
            list(&shelf, status)
                .expect("read")
                .into_iter()
                .map(|task| task.title)
                .collect::<Vec<_>>()
        };
        assert_eq!(titles(Status::Open), ["renew passport", "buy milk"]);
        assert!(complete(&shelf, "milk").expect("done").done);
        assert_eq!(titles(Status::Open), ["renew passport"]);
        assert_eq!(titles(Status::Done), ["buy milk"]);
        assert_eq!(clear(&shelf, Status::Done).expect("cleared"), 1);
        assert_eq!(remove(&shelf, "2").expect("removed").title, "renew passport");
        assert!(titles(Status::All).is_empty());
        assert_eq!(clear(&shelf, Status::All).expect("cleared"), 0);
        assert_eq!(
            add(&shelf, "again", None, Priority::Low).expect("added").id,
            3,
            "numbers are not given twice"
        );
    }

    #[test]
    fn lengths_are_checked() {
        let shelf = Memory::default();
        assert!(add(&shelf, &"é".repeat(TITLE_CHARS_MAX), None, Priority::Low).is_ok());
        let cases = [
            ("x".repeat(TITLE_CHARS_MAX + 1), None, "shorten it"),
            ("  ".into(), None, "the title is empty"),
            ("x".into(), Some("y".repeat(DUE_CHARS_MAX + 1)), "the due date has"),
        ];
        for (title, due, part) in cases {
            let error =
                add(&shelf, &title, due.as_deref(), Priority::Low).expect_err("out of bounds");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_full_list_takes_no_more() {
        let shelf = Memory::default();
        for number in 0..TASKS_MAX {
            add(&shelf, &format!("task {number}"), None, Priority::Low).expect("room left");
        }
        assert!(
            add(&shelf, "one more", None, Priority::Low)
                .expect_err("full")
                .contains("the list is full")
        );
    }

    #[test]
    fn a_broken_entry_is_named_and_can_be_cleared() {
        let shelf = Memory::default();
        shelf.set("task/9", b"{").expect("set");
        assert!(list(&shelf, Status::Open).expect_err("broken").contains("task/9"));
        assert_eq!(clear(&shelf, Status::All).expect("cleared"), 1);
        assert!(list(&shelf, Status::All).expect("read").is_empty());
    }
}
