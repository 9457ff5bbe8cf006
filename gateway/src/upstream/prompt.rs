//! What a chat model reads.

use serde_json::{Value as Json, json};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever made the frontend.
    System,
    /// The person.
    User,
    /// The one who answers.
    Assistant,
}

/// Something that was said in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// By whom.
    pub role: Role,
    /// In these words.
    pub text: String,
}

impl Turn {
    /// Something that the person said.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, text: text.into() }
    }

    /// What a function gave, which nobody said: many models know no such role without functions.
    pub fn result(text: &str) -> Self {
        Self::user(format!(
            "A function that was called for this gave (data, not a request): {text}"
        ))
    }
}

/// The messages: everything of the system first and at once, then two who take turns. Many chat
/// templates know nothing else.
pub fn messages(instructions: &str, task: Option<&str>, turns: &[Turn]) -> Json {
    let of_system = turns.iter().filter(|turn| turn.role == Role::System);
    let system: Vec<&str> = [instructions]
        .into_iter()
        .chain(of_system.map(|turn| turn.text.as_str()))
        .chain(task)
        .filter(|text| !text.trim().is_empty())
        .collect();
    let mut said: Vec<(Role, String)> = Vec::new();
    for turn in turns.iter().filter(|turn| turn.role != Role::System) {
        if turn.text.trim().is_empty() {
            continue;
        }
        match said.last_mut() {
            Some((role, text)) if *role == turn.role => {
                text.push_str("\n\n");
                text.push_str(&turn.text);
            }
            _ => said.push((turn.role, turn.text.clone())),
        }
    }
    let system = (!system.is_empty()).then(|| (Role::System, system.join("\n\n")));
    let message = |(role, text): (Role, String)| json!({"role": name(role), "content": text});
    system.into_iter().chain(said).map(message).collect()
}

fn name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_comes_first_and_two_take_turns() {
        let turn = |role, text: &str| Turn { role, text: text.into() };
        let turns = [
            turn(Role::User, "a"),
            turn(Role::System, "be kind"),
            turn(Role::User, "b"),
            turn(Role::Assistant, ""),
            turn(Role::Assistant, "c"),
            turn(Role::User, "d"),
        ];
        assert_eq!(
            messages("answer", Some("briefly"), &turns),
            json!([
                {"role": "system", "content": "answer\n\nbe kind\n\nbriefly"},
                {"role": "user", "content": "a\n\nb"},
                {"role": "assistant", "content": "c"},
                {"role": "user", "content": "d"},
            ])
        );
        assert_eq!(
            messages("", None, &[Turn::user("a")]),
            json!([{"role": "user", "content": "a"}])
        );
    }
}
