//! OpenAI's chat completions: what is read, what is refused by name, what is written.

mod messages;
mod read;
mod tools;
mod write;

pub use read::{ChatForm, read_chat};
pub use tools::{read_choice, read_tools};
pub use write::{
    Completion, call_json, candidates_json, nothing_said, pieces_json, ran_json, tokens_json,
    tool_call_json, usage_json,
};
