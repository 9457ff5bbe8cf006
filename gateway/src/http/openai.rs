//! OpenAI's chat completions: what is read, what is refused by name, what is written.

mod calls;
mod candidate;
mod completion;
mod draft;
mod messages;
mod outcome;
mod own;
mod pieces;
mod properties;
mod read;
pub mod settings;
#[cfg(test)]
mod tests;
mod tools;
mod usage;
mod worded;

pub use calls::Awaited;
pub use candidate::CandidateJson;
pub use completion::{Completion, Message, fingerprint, nothing_said};
pub use draft::DraftJson;
pub use messages::Conversation;
pub use outcome::{CallJson, SandboxJson};
pub use own::OwnJson;
pub use pieces::PiecesJson;
pub use read::{ChatForm, read_chat};
pub use tools::{Chosen, Style, Tools, read_choice, read_tools};
pub use usage::{OutputDetails, TokensJson, UsageJson};
pub use worded::WordedJson;
