//! Percentages: `5%` is 5 where a percentage is wanted and 0.05 where a share of one is.

use hyfunc_functions::template::{Slot, SlotType};

use crate::lexicon::split_identifier;

/// Words of a parameter that takes percentages.
const PERCENTAGE: [&str; 4] = ["percent", "percentage", "pct", "%"];

/// Words of one that takes shares, whatever else is said.
const DECIMAL: [&str; 2] = ["decimal", "fraction"];

/// The same in several words.
const RANGES: [&str; 2] = ["0 and 1", "0 to 1"];

/// Words of one that takes shares where nothing says that it takes percentages.
const SHARE: [&str; 8] =
    ["rate", "ratio", "probability", "proportion", "share", "interest", "discount", "yield"];

/// Whether a slot's percentages are shares of one, as far as its type, name and docs tell.
pub fn is_wanted(slot: &Slot) -> bool {
    if let SlotType::Float(float) = &slot.ty
        && let Some(max) = float.max
    {
        return max <= 1.0;
    }
    let told = format!("{} {}", split_identifier(&slot.subject), slot.doc).to_lowercase();
    let is_sign = |sign: char| !sign.is_alphanumeric() && sign != '%';
    let words: Vec<&str> = told.split(is_sign).filter(|word| !word.is_empty()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    // Neither *0 to 100* nor *10 to 1*, but *0 to 1.0*.
    let is_digit = |sign: char| sign.is_ascii_digit();
    let ranges = |range: &str| {
        told.match_indices(range).any(|(at, _)| {
            let rest = &told[at + range.len()..];
            let rest = rest.strip_prefix(".0").unwrap_or(rest);
            let goes_on = rest.strip_prefix('.').unwrap_or(rest).starts_with(is_digit);
            !told[..at].ends_with(is_digit) && !goes_on
        })
    };
    let is_percentage = has(&PERCENTAGE) || told.contains('%');
    has(&DECIMAL) || RANGES.iter().any(|range| ranges(range)) || !is_percentage && has(&SHARE)
}

/// Whether a percent sign, or the word, follows what ends at `end`.
pub fn is_percentage(query: &str, end: usize) -> bool {
    let rest = query.get(end..).unwrap_or_default().trim_start_matches([' ', '-']);
    ["%", "percent", "per cent", "pct"].iter().any(|mark| {
        rest.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark))
            && !rest[mark.len()..].starts_with(char::is_alphabetic)
    })
}

/// A hundredth as a decimal: of 4.1 it is 0.041, not 0.040999999999999995.
pub fn of(percentage: f64) -> f64 {
    let hundredth = percentage / 100.0;
    format!("{hundredth:.12}").parse().unwrap_or(hundredth)
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::template::Spelling;
    use hyfunc_functions::types::FloatType;

    use super::*;

    fn slot(subject: &str, doc: &str, max: Option<f64>) -> Slot {
        Slot {
            ty: SlotType::Float(FloatType { max, ..FloatType::default() }),
            subject: subject.into(),
            doc: doc.into(),
            terminator: String::new(),
            quoted: false,
            spelling: Spelling::Param,
        }
    }

    #[test]
    fn type_name_and_docs_tell_what_is_wanted() {
        for (subject, doc, max, expected) in [
            ("interest_rate", "", None, true),
            ("rate", "Annual rate in percent.", None, false),
            ("discount_percent", "", None, false),
            ("discountPercent", "As a decimal.", None, true),
            ("p", "Between 0 and 1.", None, true),
            ("p", "Between 0 and 100.", None, false),
            ("p", "0 to 1.5", None, false),
            ("p", "0.0 to 1.0", None, true),
            ("p", "10 to 1", None, false),
            ("", "", None, false),
            ("größe", "ß %", None, false),
            ("duration", "Generated for the operation.", None, false),
            ("amount", "", None, false),
            ("amount", "", Some(1.0), true),
            ("rate", "", Some(100.0), false),
        ] {
            let found = is_wanted(&slot(subject, doc, max));
            assert_eq!(found, expected, "{subject}: {doc} {max:?}");
        }
    }

    #[test]
    fn marks_follow_numbers() {
        for (query, end, expected) in [
            ("5%", 1, true),
            ("5 percent", 1, true),
            ("5 Per cent", 1, true),
            ("5-percent", 1, true),
            ("5 percentile", 1, false),
            ("5", 1, false),
            ("5é", 1, false),
            ("5", 9, false),
        ] {
            assert_eq!(is_percentage(query, end), expected, "{query}");
        }
        assert_eq!([of(4.1), of(5.0), of(0.0)], [0.041, 0.05, 0.0]);
    }
}
