//! A list of things to do, kept in the host's key-value store.

#![warn(missing_docs)]

mod shelf;
mod tasks;
mod wanted;

#[allow(missing_docs, unsafe_code, reason = "generated from the WIT")]
mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "todo",
        generate_all,
        additional_derives: [PartialEq],
        additional_type_attributes: {
            "hyfunc:todo/tasks@0.1.0/task": [#[derive(serde::Serialize, serde::Deserialize)]],
            "hyfunc:todo/tasks@0.1.0/priority": [#[derive(serde::Serialize, serde::Deserialize)]],
        },
    });
    use super::Todo;
    export!(Todo);
}

use bindings::exports::hyfunc::todo::tasks::{Guest, Priority, Status, Task};

struct Todo;

impl Guest for Todo {
    fn add(title: String, due: Option<String>, priority: Option<Priority>) -> Result<Task, String> {
        tasks::add(&shelf::open()?, &title, due.as_deref(), priority.unwrap_or(Priority::Normal))
    }

    fn complete(title: String) -> Result<Task, String> {
        tasks::complete(&shelf::open()?, &title)
    }

    fn list_items(status: Option<Status>) -> Result<Vec<Task>, String> {
        tasks::list(&shelf::open()?, status.unwrap_or(Status::Open))
    }

    fn remove(title: String) -> Result<Task, String> {
        tasks::remove(&shelf::open()?, &title)
    }

    fn clear(status: Option<Status>) -> Result<u32, String> {
        tasks::clear(&shelf::open()?, status.unwrap_or(Status::All))
    }
}
