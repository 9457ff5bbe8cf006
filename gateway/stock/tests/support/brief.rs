//! A chat template that takes few tokens, where everything is read as host C++ or a context is short.

use hyfunc_stock::Chat;
use serde_json::Value as Json;

/// What an answer is written behind.
pub const OPENING: &str = "\nA:";

/// Names of functions, and what is said.
pub struct Brief;

impl Chat for Brief {
    fn render(
        &self,
        messages: &Json,
        tools: Option<&Json>,
        add_generation_prompt: bool,
    ) -> Result<String, String> {
        let mut text = String::from("F:");
        for tool in tools.and_then(Json::as_array).into_iter().flatten() {
            text += tool["function"]["name"].as_str().ok_or("no name")?;
            text.push(' ');
        }
        for message in messages.as_array().ok_or("no messages")? {
            text += "\nU:";
            text += message["content"].as_str().ok_or("no content")?;
        }
        if add_generation_prompt {
            text += OPENING;
        }
        Ok(text)
    }
}
