//! One page of HTML that needs nothing beside it: no script, no file, no network.

use std::fmt::Write as _;

use super::refused::listed;
use super::text::escape;
use super::{Examples, Refused, Table};

/// Nothing may be loaded and nothing may run, whatever the rows say.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0.3rem; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1rem 1rem; }
dt { opacity: 0.7; }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.7rem; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child { text-align: left; }
svg { width: 100%; max-width: 760px; font: 12px system-ui, sans-serif; margin: 0.6rem 0; }
svg text { fill: currentColor; }
svg .title { font-weight: 600; font-size: 13px; }
svg .grid { stroke: currentColor; opacity: 0.15; }
svg .whisker { stroke: currentColor; fill: none; stroke-width: 1.2; }
details { margin: 0.4rem 0; }
summary { cursor: pointer; font-weight: 600; }
article { border-left: 3px solid #8886; padding-left: 0.8rem; margin: 0.9rem 0; }
article p { margin: 0; overflow-wrap: anywhere; }
article .query { font-weight: 600; }
.dim { opacity: 0.7; }
code { font: 13px ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
";

/// A page that is written from top to bottom. Every text is escaped; pictures come from this crate.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// An empty page.
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), body: format!("<h1>{}</h1>\n", escape(title)) }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.body, "<h2>{}</h2>", escape(text));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
    }

    /// Names and what they stand for, a line each.
    pub fn facts(&mut self, facts: &[(&str, String)]) {
        self.body.push_str("<dl>\n");
        for (name, fact) in facts {
            let _ = writeln!(self.body, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(fact));
        }
        self.body.push_str("</dl>\n");
    }

    /// A table, unless it is empty.
    pub fn table(&mut self, table: &Table) {
        if !table.is_empty() {
            let _ = writeln!(self.body, "<div class=\"scroll\">\n{}</div>", table.to_html());
        }
    }

    /// A picture that [`super::bars`], [`super::stacks`] or [`super::counts`] drew.
    pub fn picture(&mut self, svg: &str) {
        let _ = writeln!(self.body, "<figure>\n{svg}</figure>");
    }

    /// The worst examples under their headings.
    pub fn examples(&mut self, examples: &Examples) {
        for (at, (heading, total, kept)) in examples.iter().enumerate() {
            let open = if at == 0 { " open" } else { "" };
            let _ = writeln!(
                self.body,
                "<details{open}>\n<summary>{}: {} of {total}, the worst first</summary>",
                escape(heading),
                kept.len()
            );
            for example in kept {
                let _ = writeln!(
                    self.body,
                    "<article>\n<p class=\"query\">{}</p>\n<p class=\"dim\">{}, {}</p>",
                    escape(&example.query),
                    escape(&example.id),
                    escape(&example.group)
                );
                for (label, line) in &example.lines {
                    let (label, line) = (escape(label), escape(line));
                    let _ = writeln!(
                        self.body,
                        "<p><span class=\"dim\">{label}</span> <code>{line}</code></p>"
                    );
                }
                self.body.push_str("</article>\n");
            }
            self.body.push_str("</details>\n");
        }
    }

    /// What was left out, and why.
    pub fn refused(&mut self, refused: &Refused) {
        if refused.is_empty() {
            self.paragraph("Every line was read.");
            return;
        }
        self.body.push_str("<ul>\n");
        for (reason, ids) in refused.iter() {
            let _ = writeln!(
                self.body,
                "<li>{} × {}: <span class=\"dim\">{}</span></li>",
                ids.len(),
                escape(reason),
                escape(&listed(ids))
            );
        }
        self.body.push_str("</ul>\n");
    }

    /// The whole page.
    pub fn finish(&self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
            escape(&self.title),
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Estimate, Example, bars};
    use super::*;

    const HOSTILE: &str =
        "</title></style><script>alert(1)</script><img src=x onerror='x'>\u{1b}[2J";

    fn page() -> String {
        let mut page = Page::new(HOSTILE);
        page.heading(HOSTILE);
        page.paragraph(HOSTILE);
        page.facts(&[("file", HOSTILE.to_owned())]);
        let mut table = Table::new(&[HOSTILE, "share"]);
        table.row([HOSTILE.to_owned(), HOSTILE.to_owned()]);
        page.table(&table);
        page.picture(&bars(HOSTILE, &[HOSTILE], &[(HOSTILE.into(), vec![Estimate::of(1, 2)])]));
        let mut examples = Examples::default();
        let example = Example {
            id: HOSTILE.into(),
            group: HOSTILE.into(),
            query: HOSTILE.into(),
            lines: vec![("got", HOSTILE.into())],
            weight: 1.0,
        };
        examples.add(HOSTILE, example);
        page.examples(&examples);
        let mut refused = Refused::default();
        refused.add(HOSTILE, HOSTILE);
        page.refused(&refused);
        page.finish()
    }

    #[test]
    fn hostile_rows_change_nothing_of_the_page() {
        let page = page();
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        assert!(!page.contains('\u{1b}'), "{page}");
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
        for tag in ["html", "head", "body", "title", "style", "table", "svg", "details", "article"]
        {
            let (opened, closed) = (format!("<{tag}"), format!("</{tag}>"));
            let ends = |rest: &str| rest.starts_with([' ', '>', '\n']);
            let opened = page.split(&opened).skip(1).filter(|rest| ends(rest)).count();
            assert_eq!(opened, page.matches(&closed).count(), "{tag}: {page}");
        }
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = page();
        assert!(page.contains(POLICY), "{page}");
        // The one address is the name of SVG's namespace.
        assert_eq!(page.matches("http").count(), page.matches("http-equiv").count() + 1, "{page}");
        for loading in [" src=\"", " href=", "url(", "@import"] {
            assert!(!page.contains(loading), "{loading}: {page}");
        }
    }

    #[test]
    fn an_empty_page_is_a_page() {
        let mut page = Page::new("none");
        page.table(&Table::new(&["kind"]));
        page.examples(&Examples::default());
        page.refused(&Refused::default());
        let html = page.finish();
        assert!(!html.contains("<table") && html.contains("Every line was read."), "{html}");
    }
}
