//! "Did you mean …": the nearest of the known names.

/// The known name nearest to `unknown`, when it is near enough to be a slip of the hand.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = fold(unknown);
    known
        .into_iter()
        .map(|name| (distance(&wanted, &fold(name)), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// ` (did you mean …?)`, or nothing.
pub fn hint(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!(" (did you mean `{name}`?)"),
        None => String::new(),
    }
}

/// Separators and case are what people mix up first.
fn fold(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(NAME_CHARS_MAX)
        .collect()
}

/// Characters of a name that are compared: the distance costs their product.
const NAME_CHARS_MAX: usize = 64;

/// Edits (insert, delete, replace, swap of neighbours) between two names.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["server.address", "server.deadline_ms", "sandbox.memory_bytes_max"];
        for (unknown, suggestion) in [
            ("server.adress", Some("server.address")),
            ("server.deadlinems", Some("server.deadline_ms")),
            ("SERVER_ADDRESS", Some("server.address")),
            ("server.addresss", Some("server.address")),
            ("sandbox.mempry_byte_max", Some("sandbox.memory_bytes_max")),
            ("telemetry.colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(unknown, known), suggestion, "{unknown}");
        }
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("model"), &chars("mdoel")), 1);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
        assert_eq!(distance(&chars("abc"), &chars("abc")), 0);
    }
}
