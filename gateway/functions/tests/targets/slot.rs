//! Slots: the input is one byte for the type, sixteen for each of two bounds, and the text that a
//! model wrote.

use hyfunc_functions::json::{from_json, to_json};
use hyfunc_functions::schema::to_schema;
use hyfunc_functions::template::SlotType;
use hyfunc_functions::template::spell::{unescape_json, unescape_text};
use hyfunc_functions::types::{FloatType, IntType, StringType};
use hyfunc_functions::{Spelling, Type};

/// What a slot reads it admits, and spells so that it reads the same again.
pub fn check(data: &[u8]) {
    let Some((head, text)) = data.split_at_checked(33) else { return };
    let text = String::from_utf8_lossy(text);
    let (low, high) = (bound(&head[1..17]), bound(&head[17..33]));
    let (min, max) = (low.min(high), low.max(high));
    check_integer(IntType { min, max });
    let ty = match head[0] % 6 {
        0 => SlotType::Int(IntType { min, max }),
        1 => SlotType::Float(float(head)),
        2 => SlotType::Char,
        3 => SlotType::Bytes,
        4 => SlotType::Key,
        _ => SlotType::String(StringType {
            chars_min: u32::from(head[1]),
            chars_max: (head[2] > 0).then_some(u32::from(head[2])),
            ..StringType::default()
        }),
    };
    for spelling in [Spelling::Param, Spelling::Hermes, Spelling::Bracket] {
        assert!(!ty.regex(spelling).is_empty(), "nothing is masked");
    }
    let value = match ty.parse(&text) {
        Ok(value) => value,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(ty.admits(&value), "{value:?} was read as {ty}");
    for spelling in [Spelling::Param, Spelling::Hermes, Spelling::Bracket] {
        let spelled = ty.spell(&value, spelling);
        let plain = match spelling {
            Spelling::Param => unescape_text(&spelled),
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => {
                unescape_json(&spelled).expect("the inside of a JSON string")
            }
        };
        assert_eq!(ty.parse(&plain).ok().as_ref(), Some(&value), "{spelled:?}, for {ty}");
    }
}

fn bound(bytes: &[u8]) -> i128 {
    i128::from_le_bytes(bytes.try_into().expect("sixteen bytes"))
}

/// Finite bounds, or none.
fn float(head: &[u8]) -> FloatType {
    let at = |from: usize| {
        let bytes = head[from..from + 8].try_into().expect("eight bytes");
        Some(f64::from_le_bytes(bytes)).filter(|double| double.is_finite())
    };
    FloatType { single: head[0] >= 128, min: at(1), max: at(9) }
}

/// Bounds of any size are written, masked and read.
fn check_integer(int: IntType) {
    let ty = Type::Int(int);
    assert!(to_schema(&ty).is_object());
    for bound in [int.min, int.max] {
        let value = hyfunc_functions::Value::Int(bound);
        let json = to_json(&ty, &value);
        assert_eq!(from_json(&ty, &json).as_ref(), Ok(&value), "{json}");
    }
}
