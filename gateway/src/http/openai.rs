//! OpenAI's chat completions: what is read, what is refused by name, what is written.

mod calls;
mod messages;
mod properties;
mod read;
pub mod settings;
mod tools;
mod write;

pub use calls::Awaited;
pub use messages::Conversation;
pub use read::{ChatForm, read_chat};
pub use tools::{Chosen, Style, read_choice, read_tools};
pub use write::{
    Completion, call_json, candidates_json, fingerprint, nothing_said, output_details, pieces_json,
    ran_json, sandbox_json, tokens_json, tool_call_json, usage_json, worded_json,
};
