//! Where a value stands: its path, and the text around it.

use std::sync::Arc;

use crate::template::{Slot, SlotType, Spelling, spell};

#[derive(Clone, Debug)]
pub(in crate::template) struct Place {
    /// Path of the value, for whoever is asked about it.
    pub(super) path: String,
    /// What the author said about the nearest field or case.
    pub(super) doc: Arc<str>,
    /// What the value writes after itself.
    pub(super) close: String,
    /// In Param, whether the innermost open group is this value's alone: then its items need no
    /// group of their own.
    pub(super) grouped: bool,
    /// In Param, what stands before the names of a flattened record's fields.
    pub(super) prefix: String,
    /// How many arrays and objects of free JSON enclose the value.
    pub(super) depth: u32,
}

impl Place {
    /// Of a call's arguments; `close` follows them.
    pub(in crate::template) fn root(close: String) -> Self {
        Self {
            path: String::new(),
            doc: Arc::from(""),
            close,
            grouped: true,
            prefix: String::new(),
            depth: 0,
        }
    }

    /// Of a value inside this one that stands in a group, or between delimiters, of its own.
    pub(super) fn inside(&self, path: String, close: String) -> Self {
        let (doc, depth) = (Arc::clone(&self.doc), self.depth);
        Self { path, doc, close, grouped: true, prefix: String::new(), depth }
    }

    /// Of the item at an index: its end shows in what follows.
    pub(super) fn item(&self, index: usize) -> Self {
        let inside = self.inside(self.index(index), String::new());
        Self { grouped: false, ..inside }
    }

    /// The path of a key of this value.
    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The path of an item of this value.
    pub(super) fn index(&self, index: usize) -> String {
        format!("{}[{index}]", self.path)
    }

    /// What opens and closes a value that is made of items; the latter includes `close`.
    pub(super) fn brackets(&self, spelling: Spelling, json: [&str; 2]) -> (String, String) {
        match spelling {
            Spelling::Param if self.grouped => (String::new(), self.close.clone()),
            Spelling::Param => (anonymous_group(), spell::GROUP_CLOSE.to_owned() + &self.close),
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => {
                (json[0].to_owned(), json[1].to_owned() + &self.close)
            }
        }
    }

    /// A slot for a value that stands here.
    pub(super) fn slot(&self, ty: SlotType, spelling: Spelling) -> Slot {
        let quoted = spelling != Spelling::Param && ty.is_text();
        let terminator = match spelling {
            Spelling::Param => spell::GROUP_CLOSE,
            _ if quoted => "\"",
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => ",",
        };
        Slot {
            ty,
            subject: self.path.clone(),
            doc: self.doc.to_string(),
            terminator: terminator.to_owned(),
            quoted,
            spelling,
        }
    }
}

/// What opens a group that has no path.
pub(super) fn anonymous_group() -> String {
    spell::GROUP_OPEN.to_owned() + "="
}

/// What stands before an item, of which `before` were written.
pub(super) fn separator(spelling: Spelling, before: usize) -> &'static str {
    match spelling {
        Spelling::Param => spell::ITEM,
        _ if before == 0 => "",
        Spelling::Hermes | Spelling::Llama | Spelling::Bracket => ", ",
    }
}
