//! Slots: what they read, refuse, write, and what their masks let through.

mod support;

use hyfunc_functions::template::{Slot, SlotType, Spelling};
use hyfunc_functions::types::{FloatType, IntType, StringType};
use hyfunc_functions::{Type, Value};
use proptest::prelude::*;
use proptest::test_runner::Config;
use regex::Regex;
use support::arbitrary::arb_value;

const BYTE: SlotType = SlotType::Int(IntType { min: 0, max: 255 });
const NUMBER: SlotType = SlotType::Float(FloatType { single: false, min: None, max: None });
const SINGLE: SlotType = SlotType::Float(FloatType { single: true, min: None, max: None });
const SHARE: SlotType =
    SlotType::Float(FloatType { single: false, min: Some(0.0), max: Some(1.0) });

fn text(
    format: Option<&str>,
    pattern: Option<&str>,
    chars_min: u32,
    chars_max: Option<u32>,
) -> SlotType {
    let (format, pattern) = (format.map(str::to_owned), pattern.map(str::to_owned));
    SlotType::String(StringType { format, pattern, chars_min, chars_max })
}

fn plain() -> SlotType {
    text(None, None, 0, None)
}

fn mask(slot: &SlotType, spelling: Spelling) -> Regex {
    Regex::new(&format!("^(?:{})$", slot.regex(spelling))).expect("a mask that compiles")
}

#[test]
fn reads_what_people_write_and_nothing_else() {
    let int = |value| Some(Value::Int(value));
    let float = |value| Some(Value::Float(value));
    let string = |value: &str| Some(Value::String(value.to_owned()));
    let wide = SlotType::Int(IntType::U64);
    let cases = [
        (BYTE, "0", int(0)),
        (BYTE, "255", int(255)),
        (BYTE, "256", None),
        (BYTE, "-1", None),
        (BYTE, " 7 ", int(7)),
        (BYTE, "7.0", int(7)),
        (BYTE, "7.5", None),
        (BYTE, "7.", None),
        (BYTE, "", None),
        (BYTE, "seven", None),
        (wide.clone(), "1,000,000", int(1_000_000)),
        (wide.clone(), "1,00", None),
        (wide.clone(), "18446744073709551615", int(i128::from(u64::MAX))),
        (wide, "18446744073709551616", None),
        (NUMBER, "-1,234.5", float(-1234.5)),
        (NUMBER, "1e3", float(1000.0)),
        (NUMBER, "inf", None),
        (NUMBER, "NaN", None),
        (NUMBER, "1e999", None),
        (SINGLE, "0.1", float(f64::from(0.1_f32))),
        (SINGLE, "1e39", None),
        (SHARE, "1", float(1.0)),
        (SHARE, "1.01", None),
        (SlotType::Char, "é", Some(Value::Char('é'))),
        (SlotType::Char, "ab", None),
        (SlotType::Char, "", None),
        (plain(), " as it is ", string(" as it is ")),
        (text(None, None, 2, Some(3)), "ab", string("ab")),
        (text(None, None, 2, Some(3)), "a", None),
        (text(None, None, 2, Some(3)), "éééé", None),
        (text(None, Some("^[a-z]+$"), 0, None), "abc", string("abc")),
        (text(None, Some("^[a-z]+$"), 0, None), "ab1", None),
        (text(Some("date"), None, 0, None), "tomorrow", string("tomorrow")),
        (SlotType::Bytes, "AQI=", Some(Value::Bytes(vec![1, 2]))),
        (SlotType::Bytes, "AQI", Some(Value::Bytes(vec![1, 2]))),
        (SlotType::Bytes, "A", None),
    ];
    for (slot, written, expected) in cases {
        assert_eq!(slot.parse(written).ok(), expected, "`{written}` as {slot}");
    }
}

#[test]
fn what_is_admitted_one_by_one_is_admitted_among_many() {
    let texts = ["", "a", "abc", "ab1", "éééé", "12"].map(|text| Value::String(text.to_owned()));
    let numbers = [Value::Int(7), Value::Int(256), Value::Float(0.5), Value::Float(2.0)];
    for slot in [
        BYTE,
        SHARE,
        SlotType::Char,
        SlotType::Key,
        plain(),
        text(None, None, 2, Some(3)),
        text(None, Some("^[a-z]+$"), 0, None),
        text(None, Some("[0-9]"), 2, Some(3)),
        text(None, Some("(?=a)a"), 0, None),
    ] {
        let admits = slot.admission();
        for value in texts.iter().chain(&numbers) {
            assert_eq!(admits(value), slot.admits(value), "{value:?} as {slot}");
        }
    }
}

#[test]
fn masks_let_through_what_they_should() {
    let cases = [
        (text(Some("date"), None, 0, None), "2026-03-01", true),
        (text(Some("date"), None, 0, None), "2026-13-01", false),
        (text(Some("date-time"), None, 0, None), "2026-03-01T10:00:00Z", true),
        (text(Some("time"), None, 0, None), "25:00:00Z", false),
        (text(Some("email"), None, 0, None), "a.b@example.org", true),
        (text(Some("email"), None, 0, None), "a.b", false),
        (text(Some("uuid"), None, 0, None), "123e4567-e89b-12d3-a456-426614174000", true),
        (text(Some("ipv4"), None, 0, None), "256.1.1.1", false),
        (text(Some("uri"), None, 0, None), "https://example.org/a?b=c", true),
        (text(Some("nobody knows"), None, 0, None), "anything", true),
        (text(None, Some("^[a-z]{2}$"), 0, None), "abc", false),
        (text(None, Some("[0-9]"), 0, None), "a1\nb", true),
        (text(None, Some("[0-9]"), 0, None), "ab", false),
        (text(None, Some("^a|b$"), 0, None), "anything", true),
        (text(None, Some("(?=a)a"), 0, None), "anything", true),
        (text(None, Some("(a"), 0, None), "anything", true),
        (text(None, None, 2, Some(3)), "abcd", false),
        (text(None, None, 2, Some(3)), "é\n", true),
        (text(None, None, 0, Some(100_000)), "anything", true),
        (NUMBER, "01", false),
        (NUMBER, "-0.5e-7", true),
        (SHARE, "-0.5", false),
        (SlotType::Bytes, "AQI", false),
    ];
    for (slot, written, expected) in cases {
        let mask = mask(&slot, Spelling::Param);
        assert_eq!(mask.is_match(written), expected, "`{written}` by {mask}");
    }
}

#[test]
fn a_hermes_mask_stays_inside_its_quotes() {
    let mask = mask(&plain(), Spelling::Hermes);
    for (written, expected) in [
        ("a", true),
        (r#"\""#, true),
        (r"\n", true),
        (r"\u0000", true),
        ("\"", false),
        ("\\", false),
        ("\n", false),
        (r"\ud800", false),
    ] {
        assert_eq!(mask.is_match(written), expected, "{written:?}");
    }
}

#[test]
fn specials_inside_text_are_escaped_in_param() {
    for (plain_text, spelled) in [
        ("a", "a"),
        (r"C:\dir", r"C:\dir"),
        ("</param>", r"<\/param>"),
        (r"<\/param>", r"<\\/param>"),
        ("<<item>", r"<<\item>"),
        ("<b>", "<b>"),
    ] {
        let value = Value::String(plain_text.to_owned());
        assert_eq!(plain().spell(&value, Spelling::Param), spelled);
        let slot = slot(plain(), Spelling::Param);
        assert_eq!(slot.parse(spelled), Ok(value));
    }
}

fn slot(ty: SlotType, spelling: Spelling) -> Slot {
    let quoted =
        spelling == Spelling::Hermes && !matches!(ty, SlotType::Int(_) | SlotType::Float(_));
    let (subject, doc, terminator) = (String::new(), String::new(), "\"".to_owned());
    Slot { ty, subject, doc, terminator, quoted, spelling }
}

fn arb_slot() -> impl Strategy<Value = (SlotType, Value)> {
    let ints = (any::<i64>(), any::<i64>())
        .prop_map(|(a, b)| IntType { min: i128::from(a.min(b)), max: i128::from(a.max(b)) });
    let types = prop_oneof![
        ints.prop_map(SlotType::Int),
        Just(SlotType::Int(IntType::U64)),
        Just(NUMBER),
        Just(SINGLE),
        Just(SHARE),
        Just(SlotType::Char),
        Just(SlotType::Bytes),
        Just(plain()),
        Just(text(None, None, 1, Some(4))),
        Just(text(None, Some("^[a-z]{2,4}$"), 0, None)),
    ];
    types.prop_flat_map(|slot| {
        let ty = match &slot {
            SlotType::Int(int) => Type::Int(*int),
            SlotType::Float(float) => Type::Float(*float),
            SlotType::Char => Type::Char,
            SlotType::Bytes => Type::Bytes,
            SlotType::String(string) => Type::String(string.clone()),
            SlotType::Key => Type::String(StringType::default()),
        };
        (Just(slot), arb_value(&ty))
    })
}

proptest! {
    #![proptest_config(Config { cases: 1000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_is_written_is_read_and_passes_the_mask((ty, value) in arb_slot()) {
        for spelling in [Spelling::Param, Spelling::Hermes] {
            let slot = slot(ty.clone(), spelling);
            let written = slot.spell(&value);
            let read = slot.parse(&written);
            prop_assert_eq!(read.as_ref(), Ok(&value));
            let escaped = spelling == Spelling::Param && written.contains("<\\");
            prop_assert!(escaped || mask(&ty, spelling).is_match(&written), "{}", written);
        }
    }

    #[test]
    fn an_integer_mask_is_its_range(a in -2000_i128..2000, b in -2000_i128..2000, probe in -2500_i128..2500) {
        let int = IntType { min: a.min(b), max: a.max(b) };
        let mask = mask(&SlotType::Int(int), Spelling::Param);
        prop_assert_eq!(mask.is_match(&probe.to_string()), (int.min..=int.max).contains(&probe));
    }

    #[test]
    fn an_integer_mask_knows_its_bounds(a in any::<i64>(), b in any::<i64>()) {
        let int = IntType { min: i128::from(a.min(b)), max: i128::from(a.max(b)) };
        let mask = mask(&SlotType::Int(int), Spelling::Param);
        for (probe, inside) in [(int.min, true), (int.max, true), (int.min - 1, false), (int.max + 1, false)] {
            prop_assert_eq!(mask.is_match(&probe.to_string()), inside, "{}", probe);
        }
    }
}
