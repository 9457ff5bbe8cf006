//! Functions and types as their WIT has them, on one line.

use hyfunc_functions::Function;
use hyfunc_functions::types::{IntType, RecordType, Type};

/// `name(city: string, days?: u8) -> result<report, string>`, with the types written out.
pub(super) fn signature(function: &Function) -> String {
    let returns = function.returns.as_ref().map(|ty| format!(" -> {}", spell(ty)));
    let parameters = fields(&function.parameters);
    format!("{}({parameters}){}", function.name, returns.unwrap_or_default())
}

/// Parameters or fields; an optional one by a question mark instead of its `option`.
fn fields(record: &RecordType) -> String {
    let field = |field: &hyfunc_functions::types::Field| match &field.ty {
        Type::Option(some) => format!("{}?: {}", field.name, spell(some)),
        ty if field.required => format!("{}: {}", field.name, spell(ty)),
        ty => format!("{}?: {}", field.name, spell(ty)),
    };
    record.fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

/// A type, written out.
pub(super) fn spell(ty: &Type) -> String {
    let list = |types: &[Type]| types.iter().map(spell).collect::<Vec<_>>().join(", ");
    match ty {
        Type::Null => "null".into(),
        Type::Bool => "bool".into(),
        Type::Int(int) => integer(int),
        Type::Float(float) => String::from(if float.single { "f32" } else { "f64" }),
        Type::Char => "char".into(),
        Type::String(_) => "string".into(),
        Type::Bytes => "list<u8>".into(),
        Type::Enum(cases) => {
            cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>().join(" | ")
        }
        Type::Literals(literals) => {
            literals.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
        }
        Type::List(items) => format!("list<{}>", spell(&items.element)),
        Type::Tuple(types) => format!("tuple<{}>", list(types)),
        Type::Record(record) => format!("{{{}}}", fields(record)),
        Type::Option(some) => format!("option<{}>", spell(some)),
        Type::Variant(cases) => {
            let case = |case: &hyfunc_functions::types::VariantCase| match &case.payload {
                Some(payload) => format!("{}({})", case.name, spell(payload)),
                None => case.name.clone(),
            };
            cases.iter().map(case).collect::<Vec<_>>().join(" | ")
        }
        Type::Flags(cases) => {
            let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            format!("flags<{}>", names.join(", "))
        }
        Type::Result { ok, err } => {
            let side = |side: &Option<Box<Type>>| side.as_deref().map_or("_".into(), spell);
            format!("result<{}, {}>", side(ok), side(err))
        }
        Type::Map(values) => format!("map<string, {}>", spell(values)),
        Type::OneOf(types) => types.iter().map(spell).collect::<Vec<_>>().join(" | "),
        Type::Any => "any".into(),
    }
}

/// `u8` to `s64` where the bounds are those, else the bounds.
fn integer(int: &IntType) -> String {
    for bits in [8, 16, 32, 64] {
        let values = 1i128 << bits;
        if (int.min, int.max) == (0, values - 1) {
            return format!("u{bits}");
        }
        if (int.min, int.max) == (-values / 2, values / 2 - 1) {
            return format!("s{bits}");
        }
    }
    format!("{}..={}", int.min, int.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_wit_is_written_out() {
        let bytes = hyfunc_plugins::fixture("types").unwrap();
        let component = hyfunc_functions::component::read_component("types", bytes).unwrap();
        let signatures: Vec<String> = component.functions.iter().map(signature).collect();
        for part in [
            "(value: u8) -> u8",
            "(value: s64) -> s64",
            "(value: f32) -> f32",
            "(value: char) -> char",
            "(value: list<string>) -> list<string>",
            "(value: list<u8>) -> list<u8>",
            "tuple<",
            "flags<",
            "result<s32, string>",
            "circle(f64)",
            "(value?: ",
        ] {
            assert!(
                signatures.iter().any(|signature| signature.contains(part)),
                "`{part}` is not in {signatures:#?}"
            );
        }
    }

    #[test]
    fn bounds_that_are_no_type_of_wit_are_shown() {
        assert_eq!(integer(&IntType { min: 1, max: 16 }), "1..=16");
        assert_eq!(integer(&IntType::U64), "u64");
        assert_eq!(integer(&IntType::S64), "s64");
    }
}
