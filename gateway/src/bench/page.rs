//! The report as a page: one file, no script, nothing fetched.

use std::fmt::Write as _;

use hyfunc_training::report::escape;

use super::picture::Picture;
use super::report::{COLUMNS, PartReport, Report, cells};
use super::row::Row;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut body = String::from("<h1>hyfunc bench</h1>\n<dl>\n");
    for (name, value) in report.facts() {
        let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
    }
    body.push_str("</dl>\n");
    report.parts.iter().for_each(|part| section(&mut body, part));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>hyfunc bench, {}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n",
        escape(&report.machine.date)
    )
}

fn section(body: &mut String, part: &PartReport) {
    let (name, about) = (part.part.name(), escape(&part.about));
    let _ = writeln!(body, "<section>\n<h2 id=\"{name}\">{name}</h2>\n<p>{about}</p>");
    part.pictures.iter().for_each(|picture| figure(body, picture));
    body.push_str(
        "<div class=\"wide\" tabindex=\"0\">\n<table>\n<thead><tr><th scope=\"col\"></th>",
    );
    for column in COLUMNS {
        let _ = write!(body, "<th scope=\"col\">{column}</th>");
    }
    body.push_str("<th scope=\"col\">beside, and what else was found</th></tr></thead>\n<tbody>\n");
    part.rows.iter().for_each(|row| line(body, row));
    body.push_str("</tbody>\n</table>\n</div>\n");
    for note in &part.notes {
        let _ = writeln!(body, "<p class=\"note\">{}</p>", escape(note));
    }
    body.push_str("</section>\n");
}

/// A picture with nothing in it is left out.
fn figure(body: &mut String, picture: &Picture) {
    if let Some(svg) = picture.svg() {
        let title = escape(picture.title());
        let _ = writeln!(body, "<figure>\n<figcaption>{title}</figcaption>\n{svg}</figure>");
    }
}

fn line(body: &mut String, row: &Row) {
    let _ = write!(body, "<tr><th scope=\"row\">{}</th>", escape(&row.label()));
    for cell in cells(row) {
        let _ = write!(body, "<td>{cell}</td>");
    }
    let more: Vec<String> = [row.beside_text(), row.figures_text()]
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| escape(text))
        .collect();
    let _ = writeln!(body, "<td>{}</td></tr>", more.join("<br>"));
}

#[cfg(test)]
mod tests {
    use crate::bench::report::tests::report;

    #[test]
    fn a_page_is_whole_in_itself_and_escapes_what_it_is_told() {
        let page = report().to_html();
        for part in [
            "<!doctype html>",
            "<title>hyfunc bench, 2026-11-22T18:10:00Z</title>",
            "<h2 id=\"http\">http</h2>",
            "bare &lt;axum&gt;, 64 connections",
            "<td>150 µs</td>",
            "1.50 times the p50",
            "<svg ",
            "how to read it",
        ] {
            assert!(page.contains(part), "`{part}` is not in {page}");
        }
        for outside in
            ["<script", "src=", "href=", "url(", "@import", "<axum>", "http://", "https://"]
        {
            assert!(!page.contains(outside), "`{outside}` is in {page}");
        }
    }

    #[test]
    fn every_element_that_is_opened_is_closed() {
        let page = report().to_html();
        for element in ["section", "table", "tbody", "tr", "td", "th", "figure", "svg", "div", "dl"]
        {
            let opened = page.matches(&format!("<{element}>")).count()
                + page.matches(&format!("<{element} ")).count();
            let closed = page.matches(&format!("</{element}>")).count();
            assert!(opened > 0 && opened == closed, "{element}: {opened} and {closed}");
        }
    }
}
