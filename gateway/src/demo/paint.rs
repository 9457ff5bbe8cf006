//! Colours where they are welcome, marks where they are not.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use anstyle::{AnsiColor, Style};

use super::{Piece, PieceKind};

const HEADING: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const CHOSEN: Style = AnsiColor::Magenta.on_default().bold();
const SAMPLED: Style = AnsiColor::Yellow.on_default().bold();
const COPIED: Style = AnsiColor::Cyan.on_default().bold();

/// How text is told apart.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    colours: bool,
}

impl Paint {
    /// Colours, or marks alone.
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// Colours in a terminal that has them, unless NO_COLOR or `plain` says otherwise.
    pub fn for_stdout(plain: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self::of(plain, is_terminal, environment)
    }

    fn of(plain: bool, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self::new(!plain && set("NO_COLOR").is_none() && !is_dumb && is_terminal)
    }

    /// A heading.
    pub fn heading(self, text: &str) -> String {
        self.styled(HEADING, text)
    }

    /// What matters less.
    pub fn faint(self, text: &str) -> String {
        self.styled(FAINT, text)
    }

    /// Good news, or bad news.
    pub fn verdict(self, is_good: bool, text: &str) -> String {
        self.styled(if is_good { GOOD } else { BAD }, text)
    }

    /// A piece of a template: by colour, or between the marks of its kind.
    pub fn piece(self, piece: &Piece) -> String {
        self.marked(piece.kind, &piece.text)
    }

    /// The same for any text, for a legend.
    pub fn marked(self, kind: PieceKind, text: &str) -> String {
        let (style, open, close) = match kind {
            PieceKind::Injected => (FAINT, "", ""),
            PieceKind::Chosen => (CHOSEN, "⟦", "⟧"),
            PieceKind::Sampled => (SAMPLED, "⟨", "⟩"),
            PieceKind::Copied => (COPIED, "«", "»"),
        };
        if self.colours { self.styled(style, text) } else { format!("{open}{text}{close}") }
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.colours { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_there_are_marks_and_no_escapes() {
        for (kind, plain) in [
            (PieceKind::Injected, "x"),
            (PieceKind::Chosen, "⟦x⟧"),
            (PieceKind::Sampled, "⟨x⟩"),
            (PieceKind::Copied, "«x»"),
        ] {
            let piece = Piece { kind, text: "x".into() };
            assert_eq!(Paint::new(false).piece(&piece), plain);
            let coloured = Paint::new(true).piece(&piece);
            assert!(coloured.starts_with('\x1b') && coloured.ends_with("\x1b[0m"), "{coloured:?}");
            assert!(coloured.contains('x') && !coloured.contains('⟦'), "{coloured:?}");
        }
        assert_eq!(Paint::new(false).heading("x"), "x");
        assert_eq!(Paint::new(false).faint("x"), "x");
        assert_eq!(Paint::new(false).verdict(true, "x"), "x");
    }

    #[test]
    fn injected_text_is_dimmed_and_every_other_kind_has_a_colour_of_its_own() {
        let of = |kind| Paint::new(true).marked(kind, "x");
        assert_eq!(of(PieceKind::Injected), "\x1b[2mx\x1b[0m");
        let others = [PieceKind::Chosen, PieceKind::Sampled, PieceKind::Copied].map(of);
        for (at, other) in others.iter().enumerate() {
            assert!(!other.contains("\x1b[2m"), "{other:?} is dimmed");
            assert!(other.contains("\x1b[3"), "{other:?} has no colour");
            assert!(!others[..at].contains(other), "{other:?} stands for two kinds");
        }
    }

    #[test]
    fn colours_are_for_terminals_that_have_them_and_want_them() {
        for (plain, is_terminal, variables, coloured) in [
            (false, true, [("TERM", "xterm-256color"), ("NO_COLOR", "")], true),
            (false, true, [("TERM", ""), ("NO_COLOR", "")], true),
            (false, true, [("TERM", "dumb"), ("NO_COLOR", "")], false),
            (false, true, [("TERM", "xterm"), ("NO_COLOR", "1")], false),
            (false, false, [("TERM", "xterm"), ("NO_COLOR", "")], false),
            (true, true, [("TERM", "xterm"), ("NO_COLOR", "")], false),
        ] {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let paint = Paint::of(plain, is_terminal, variable);
            let expected = if coloured { "\x1b[2mx\x1b[0m" } else { "x" };
            let case = format!("{plain}, {is_terminal}, {variables:?}");
            assert_eq!(paint.marked(PieceKind::Injected, "x"), expected, "{case}");
        }
    }
}
