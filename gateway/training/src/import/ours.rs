//! Rows as hyfunc has them: `{"id", "query", "functions", "calls"}`.

use serde::Deserialize;
use serde_json::Value as Json;

use super::format::Fault;
use crate::data::RawRow;

/// Reads one.
pub(super) fn read(row: &Json) -> Result<RawRow, Fault> {
    RawRow::deserialize(row).map_err(|error| Fault::field(error.to_string()))
}
