//! Rows and columns, for terminals and pages.

use std::fmt::Write as _;

use super::text::{escape, plain};

/// A table: the first column names its rows, the others hold figures.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One with these columns and no row.
    pub fn new(head: &[&str]) -> Self {
        Self { head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty, and cells beyond the head are left out.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Aligned columns, the first to the left.
    pub fn to_text(&self) -> String {
        let lines: Vec<Vec<String>> = std::iter::once(&self.head)
            .chain(&self.rows)
            .map(|row| row.iter().map(|cell| plain(cell)).collect())
            .collect();
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for line in &lines {
            let mut row = String::new();
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                let _ = match column {
                    0 => write!(row, "{cell:<width$}"),
                    _ => write!(row, "  {cell:>width$}"),
                };
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// `<table>…</table>`.
    pub fn to_html(&self) -> String {
        let mut html = String::from("<table>\n<thead><tr>");
        self.head.iter().for_each(|cell| {
            let _ = write!(html, "<th scope=\"col\">{}</th>", escape(cell));
        });
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let cell = escape(cell);
                let _ = match column {
                    0 => write!(html, "<th scope=\"row\">{cell}</th>"),
                    _ => write!(html, "<td>{cell}</td>"),
                };
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n</table>\n");
        html
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cells_escaped() {
        let mut table = Table::new(&["kind", "rows"]);
        assert!(table.is_empty());
        table.row(["ünï".to_owned(), "7".to_owned()]);
        table.row(["<b>\u{1b}".to_owned()]);
        table.row(["x".to_owned(), "10".to_owned(), "too many".to_owned()]);
        assert_eq!(table.to_text(), "kind  rows\nünï      7\n<b>\u{fffd}\nx       10\n");
        let html = table.to_html();
        assert!(html.contains("&lt;b&gt;\u{fffd}") && !html.contains("too many"), "{html}");
    }
}
