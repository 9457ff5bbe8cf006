//! How far a part is: a bar in a terminal, a line elsewhere.

use indicatif::ProgressBar;

use super::Part;

/// A bar over so many steps of a part.
pub(super) fn bar(part: Part, steps: usize) -> ProgressBar {
    let bar = hyfunc_training::run::bar(part.name(), steps, 0);
    if bar.is_hidden() {
        eprintln!("measuring {}", part.name());
    } else {
        bar.tick();
    }
    bar
}
