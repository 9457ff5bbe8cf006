//! Pages of `tools/list`, in the order of the tools' names.
//!
//! A cursor is the last name of a page: whatever is loaded or unloaded between two pages, no tool
//! that stays is left out or listed twice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rmcp::ErrorData;
use rmcp::model::{ListToolsResult, Tool};

use super::tool::Tools;

/// The page that begins after a cursor, or the first.
///
/// # Errors
/// A cursor that was never given out.
pub fn list(
    tools: &Tools<'_>,
    cursor: Option<&str>,
    tools_max: usize,
) -> Result<ListToolsResult, ErrorData> {
    let after = cursor.map(decode).transpose()?;
    let names = tools.names();
    let (page, is_last) = slice(&names, after.as_deref(), tools_max);
    let described: Vec<Tool> = page.iter().filter_map(|name| tools.describe(name)).collect();
    let next_cursor = page.last().filter(|_| !is_last).map(|name| encode(name));
    Ok(ListToolsResult { next_cursor, ..ListToolsResult::with_all_items(described) })
}

/// At most so many names after one, and whether they are the last ones.
fn slice<'a>(names: &'a [String], after: Option<&str>, tools_max: usize) -> (&'a [String], bool) {
    let begin = after.map_or(0, |after| names.partition_point(|name| name.as_str() <= after));
    let rest = &names[begin..];
    let page = &rest[..rest.len().min(tools_max)];
    (page, page.len() == rest.len())
}

fn encode(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

fn decode(cursor: &str) -> Result<String, ErrorData> {
    let name = URL_SAFE_NO_PAD.decode(cursor).ok();
    name.and_then(|name| String::from_utf8(name).ok()).ok_or_else(|| {
        let message = "`cursor` was not given out by this server: send the `nextCursor` of the \
                       page before, or leave it out to begin again";
        ErrorData::invalid_params(message, None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_every_name_once() {
        let names: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        for (after, tools_max, page, is_last) in [
            (None, 2, "a b", false),
            (Some("b"), 2, "c d", false),
            (Some("d"), 2, "e", true),
            (Some("e"), 2, "", true),
            (None, 5, "a b c d e", true),
            (None, 99, "a b c d e", true),
            // The tool that ended the page before is gone.
            (Some("bb"), 1, "c", false),
        ] {
            let (found, found_last) = slice(&names, after, tools_max);
            assert_eq!(found.join(" "), page, "{after:?}");
            assert_eq!(found_last, is_last, "{after:?}");
        }
        assert!(slice(&[], None, 3).1, "nothing is the last page");
    }

    #[test]
    fn cursors_come_back_as_they_were_and_others_are_refused() {
        for name in ["a", "units_convert", &"x".repeat(64)] {
            assert_eq!(decode(&encode(name)).unwrap(), name);
        }
        for cursor in ["!", "a b", "_w", "YQ=="] {
            assert!(decode(cursor).is_err(), "{cursor}");
        }
    }
}
