//! Templates of Jinja that strangers wrote, rendered within bounds.
//!
//! The template engine's fuel pays for steps and for bytes, each once. It does not pay for what is
//! reached many times over: a list that holds another one twice, which holds another one twice, and
//! so on, is made in a few steps and is without end for whoever writes it, compares it or drops it.
//! So a template is not run as it was compiled: whatever makes a list, a map or a text is followed
//! by a filter that measures what came of it, as if it were written out, and whatever compares is
//! preceded by it. Nothing that a template holds is larger than [`VALUES_MAX`] and [`BYTES_MAX`].

pub mod tag;

use std::collections::BTreeSet;

use minijinja::machinery::{
    Instruction, Instructions, eval, get_compiled_template, make_string_output,
};
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Template};

/// Most values in one value, those in those included.
pub const VALUES_MAX: usize = 20_000;

/// Most text in one value (bytes).
pub const BYTES_MAX: usize = 1 << 20;

/// Deepest nesting of one value.
pub const DEPTH_MAX: usize = 100;

/// Values that are measured for one step of fuel.
const VALUES_A_STEP: usize = 2;

/// The filter that measures. Templates may use it, to no harm.
const MEASURED: &str = "measured";

/// Makes what a template may change; the only function whose result can hold itself.
const NAMESPACE: &str = "namespace";

/// Makes an environment one whose templates [`render`] renders. It needs fuel of its own.
pub fn guard(environment: &mut Environment<'_>) {
    environment.add_filter(MEASURED, measured);
    // Shows the whole state, and is there for template authors at their desks.
    environment.remove_global("debug");
}

/// Refuses a template's text that costs too much to read. How long it and its tags may be is to be
/// checked as well: see [`tag::measure`].
///
/// # Errors
/// A list that is repeated.
pub fn check_text(template: &str) -> Result<(), Error> {
    if tag::repeats_a_list(template) {
        return Err(refused("`*` beside a list: lists are not repeated here"));
    }
    Ok(())
}

/// Refuses a template that [`render`] would refuse whatever it is given.
///
/// # Errors
/// A namespace that is used for anything but its attributes.
pub fn check<'env>(template: &Template<'env, 'env>) -> Result<(), Error> {
    guarded(&get_compiled_template(template).instructions).map(drop)
}

/// Renders a template of a guarded environment.
///
/// # Errors
/// What [`check`] refuses; a value that is too large; too little fuel; whatever else fails.
pub fn render<'env>(
    environment: &'env Environment<'env>,
    template: &Template<'env, 'env>,
    scope: Value,
) -> Result<String, Error> {
    let compiled = get_compiled_template(template);
    let instructions = guarded(&compiled.instructions)?;
    let mut text = String::new();
    {
        let mut output = make_string_output(&mut text);
        let escape = compiled.initial_auto_escape.clone();
        eval(environment, &instructions, scope, &compiled.blocks, &mut output, escape)?;
    }
    Ok(text)
}

/// Gives a value back that is not too large, and pays for having looked.
fn measured(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    let mut room = Room { values: VALUES_MAX, bytes: BYTES_MAX };
    let fits = room.take(&value, 0);
    state.consume_fuel(((VALUES_MAX - room.values) / VALUES_A_STEP) as u64)?;
    fits.map(|()| value)
}

/// What is left for a value.
struct Room {
    values: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(refused(&format!("a value lies more than {DEPTH_MAX} deep in others")));
        }
        let Some(values) = self.values.checked_sub(1) else {
            return Err(refused(&format!("a value holds more than {VALUES_MAX} others")));
        };
        self.values = values;
        match value.kind() {
            ValueKind::String => {
                let bytes = value.as_str().unwrap_or_default().len();
                let Some(bytes) = self.bytes.checked_sub(bytes) else {
                    let told = format!("a value has more than {BYTES_MAX} bytes of text");
                    return Err(refused(&told));
                };
                self.bytes = bytes;
            }
            // What cannot be iterated over, such as a macro, holds nothing.
            ValueKind::Seq | ValueKind::Iterable => {
                for item in value.try_iter().into_iter().flatten() {
                    self.take(&item, depth + 1)?;
                }
            }
            ValueKind::Map => {
                for key in value.try_iter().into_iter().flatten() {
                    self.take(&key, depth + 1)?;
                    self.take(&value.get_item(&key)?, depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The same instructions with those that measure among them.
fn guarded<'source>(compiled: &Instructions<'source>) -> Result<Instructions<'source>, Error> {
    check_namespaces(compiled)?;
    let mut instructions = Instructions::new(compiled.name(), compiled.source());
    // Where each instruction went, and where one behind the last would.
    let (mut places, mut next) = (Vec::new(), 0_u32);
    for (at, instruction) in each(compiled) {
        places.push(next);
        let line = compiled.get_line(at).unwrap_or_default();
        let line = u16::try_from(line).unwrap_or(u16::MAX);
        let mut add = |instruction: Instruction<'source>| {
            next = instructions.add_with_line(instruction, line) + 1;
        };
        if compares(instruction) {
            add(measure());
        }
        add(instruction.clone());
        if makes(instruction) {
            add(measure());
        }
    }
    places.push(next);
    for at in 0..next {
        let Some(instruction) = instructions.get_mut(at) else { break };
        if let Instruction::Iterate(to)
        | Instruction::Jump(to)
        | Instruction::JumpIfFalse(to)
        | Instruction::JumpIfFalseOrPop(to)
        | Instruction::JumpIfTrueOrPop(to)
        | Instruction::BuildMacro(_, to, _) = instruction
            && let Some(&place) = places.get(*to as usize)
        {
            *to = place;
        }
    }
    Ok(instructions)
}

/// Measures what lies on top.
fn measure() -> Instruction<'static> {
    /// Filters that are looked up anew each time have this number.
    const NOT_KEPT: u8 = u8::MAX;
    Instruction::ApplyFilter(MEASURED, Some(1), NOT_KEPT)
}

fn each<'i, 'source>(
    instructions: &'i Instructions<'source>,
) -> impl Iterator<Item = (u32, &'i Instruction<'source>)> {
    (0_u32..).map_while(move |at| Some((at, instructions.get(at)?)))
}

/// Whether it compares two values: no longer than the one on top is, which is measured first.
fn compares(instruction: &Instruction<'_>) -> bool {
    matches!(
        instruction,
        Instruction::Eq
            | Instruction::Ne
            | Instruction::Gt
            | Instruction::Gte
            | Instruction::Lt
            | Instruction::Lte
            | Instruction::In
            | Instruction::CompareAndPreserve(_)
    )
}

/// Whether it leaves a value on top that may be larger than those it was made of.
fn makes(instruction: &Instruction<'_>) -> bool {
    matches!(
        instruction,
        Instruction::BuildList(_)
            | Instruction::BuildMap(_)
            | Instruction::BuildTuple(_)
            | Instruction::Add
            | Instruction::Mul
            | Instruction::StringConcat
            | Instruction::ApplyFilter(..)
            | Instruction::CallFunction(..)
            | Instruction::CallMethod(..)
            | Instruction::CallObject(_)
    )
}

/// A namespace could be put into itself, and what holds itself has no size: so it has one name, and
/// only its attributes are used.
fn check_namespaces(compiled: &Instructions<'_>) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for (at, instruction) in each(compiled) {
        match (instruction, compiled.get(at + 1)) {
            (Instruction::CallFunction(NAMESPACE, _), Some(Instruction::StoreLocal(name))) => {
                names.insert(*name);
            }
            (Instruction::CallFunction(NAMESPACE, _) | Instruction::Lookup(NAMESPACE), _) => {
                return Err(refused("`namespace` is for `{% set name = namespace(…) %}`"));
            }
            _ => {}
        }
    }
    for (at, instruction) in each(compiled) {
        let Instruction::Lookup(name) = instruction else { continue };
        let is_attribute = matches!(
            (compiled.get(at + 1), compiled.get(at + 2)),
            (Some(Instruction::GetAttr(_) | Instruction::SetAttr(_)), _)
                | (Some(Instruction::LoadConst(_)), Some(Instruction::GetItem))
        );
        if names.contains(name) && !is_attribute {
            let told = format!("the namespace `{name}` may be used for its attributes only");
            return Err(refused(&told));
        }
    }
    Ok(())
}

fn refused(told: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, told.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use minijinja::value::Serde;
    use serde_json::json;

    use super::*;

    const FUEL: u64 = 100_000;

    fn environment() -> Environment<'static> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        guard(&mut environment);
        environment
    }

    fn scope() -> Value {
        Value::from(Serde(&json!({
            "name": "Ada",
            "items": [3, 1, 2],
            "tree": [{"n": 1, "under": [{"n": 2, "under": []}]}],
            "record": {"a": 1, "b": ["x", "y"]},
        })))
    }

    fn rendered(template: &str) -> Result<String, Error> {
        let environment = environment();
        check_text(template)?;
        let template = environment.template_from_str(template)?;
        check(&template)?;
        render(&environment, &template, scope())
    }

    #[test]
    fn what_is_within_bounds_is_rendered_as_ever() {
        for template in [
            "",
            "plain {{ name }} {{ nothing }}",
            "{% for i in items %}{{ loop.index }}:{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "{% for i in items if i > 1 %}{{ i }}{% else %}none{% endfor %}",
            "{% for i in items if i > 9 %}{{ i }}{% else %}none{% endfor %}",
            "{% for i in items if i > 9 %}{{ i }}{% endfor %}{{ 'after' }}",
            "{% for k, v in record|items %}{{ k }}={{ v }};{% endfor %}",
            "{% for t in tree recursive %}{{ t.n }}({{ loop(t.under) }}){% endfor %}",
            "{% if items and name == 'Ada' and 3 in items %}yes{% elif name %}no{% endif %}",
            "{{ name if items|length > 2 else 'few' }}{{ 1 < items[0] < 5 }}{{ 1 < 9 < 5 }}",
            "{{ (items or name) ~ '!' }}{{ nothing or [1] + items }}{{ items and (name or 1) }}",
            "{% set a = [1, (2, 3), {'k': items}] %}{{ a }}{{ a[1][0] + a[2].k[0] }}",
            "{% set ns = namespace(n=0) %}{% for i in items %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ ns['n'] }}",
            "{% macro f(x, y=[name]) %}<{{ x }}{{ y }}>{% endmacro %}{{ f(1) }}{{ f(items, 2)|upper }}",
            "{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}{{ name }}{% endcall %}",
            "{% macro f(x) %}{{ x }}{% endmacro %}{% set g = f|default(1) %}{{ [g, 1]|length }}{{ g(2) }}",
            "{% set x %}a{% for i in items %}{{ i * 2 }}{% endfor %}{% endset %}{{ x|replace('a', x) }}",
            "{% with a = items|sort %}{{ a|join(', ') }}{{ a[::-1] }}{{ a == [1, 2, 3] }}{% endwith %}",
            "{% filter upper %}{{ name }}{% endfilter %}{{ 'x' * 3 }}{{ -items[0] }}{{ 7 // 2 }}",
            "{{ dict(a=1, **record) }}{{ [3, 1]|map('string')|list }}{{ record.b is sequence }}",
            "{{ range(3)|list }}{{ items is defined and nothing is not defined }}",
        ] {
            let plain = Environment::new();
            let expected = plain.render_str(template, scope()).unwrap();
            assert_eq!(rendered(template).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn what_grows_without_end_is_refused_before_it_has_grown() {
        let doubled = |with: &str, then: &str| {
            let names: Vec<String> = (0..60).map(|n| format!("v{n}")).collect();
            let first = format!("{{% set v0 = {with} %}}");
            let next = |pair: &[String]| {
                let (old, new) = (&pair[0], &pair[1]);
                format!("{{% set {new} = [{old}, {old}] %}}")
            };
            first + &names.windows(2).map(next).collect::<String>() + then
        };
        let looped = |change: &str, then: &str| {
            format!(
                "{{% set ns = namespace(a=[1], b=1, t='x') %}}{{% for i in range(99) %}}\
                 {{% set {change} %}}{{% endfor %}}{then}"
            )
        };
        for template in [
            doubled("[1]", "{{ v59 }}"),
            doubled("'x'", "{{ v59 ~ '' }}"),
            doubled("[1]", "{{ v59 == v58 }}{{ {v59: 1} }}{{ v59|string|length }}"),
            looped("ns.a = [ns.a, ns.a]", "{{ ns.a }}"),
            looped("ns.a = {'l': ns.a, 'r': ns.a}", "{{ ns.a|length }}"),
            looped("ns.a = (ns.a, ns.a)", "{{ ns.a|join }}"),
            looped("ns.a = ns.a + ns.a", "{{ ns.a|length }}"),
            looped("ns.a = ns.a * 9", "{{ ns.a|length }}"),
            looped("ns.a = ns.a|zip(ns.a)", "{{ ns.a|length }}"),
            looped("ns.a = ns.a|batch(9, ns.a)|list", "{{ ns.a|length }}"),
            looped("ns.a = dict(l=ns.a, r=ns.a)", "{{ ns.a|length }}"),
            looped("ns.t = ns.t ~ ns.t", "{{ ns.t|length }}"),
            looped("ns.t = ns.t + ns.t", "{{ ns.t|length }}"),
            looped("ns.t = ns.t|replace('', ns.t)", "{{ ns.t|length }}"),
            looped("ns.t = [ns.t, ns.t]|join(ns.t)", "{{ ns.t|length }}"),
            looped("ns.a = [[[[ns.a]]]]", "deep"),
            "{% set a = items * 99999999 %}{{ a ~ '' }}".to_owned(),
            "{{ [1] * 99999999 ~ '' }}".to_owned(),
            "{{ ((1,) * 32, 1) * 32 ~ '' }}".to_owned(),
            "{{ 'x' * 99999999 }}{{ 'x'|indent(99999999, true) }}".to_owned(),
            "{{ '%999999999d'|format(1) }}".to_owned(),
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"
                .to_owned(),
            "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}".to_owned(),
            "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}".to_owned(),
            "{% set ns = namespace() %}{{ [ns] }}".to_owned(),
            "{% set n = namespace %}{{ n() }}".to_owned(),
            "{{ namespace() ~ '' }}".to_owned(),
        ] {
            assert!(rendered(&template).is_err(), "{template}");
        }
    }

    #[test]
    fn a_value_of_just_the_limit_passes_and_one_more_does_not() {
        // The list itself counts, too.
        let list = |len: usize| format!("{{{{ range({len})|list|length }}}}");
        assert_eq!(rendered(&list(VALUES_MAX - 1)).unwrap(), (VALUES_MAX - 1).to_string());
        assert!(rendered(&list(VALUES_MAX)).unwrap_err().to_string().contains("more than 20000"));
        let text = |bytes: usize| format!("{{{{ ('x' * {bytes})|length }}}}");
        assert_eq!(rendered(&text(BYTES_MAX)).unwrap(), BYTES_MAX.to_string());
        assert!(rendered(&text(BYTES_MAX + 1)).unwrap_err().to_string().contains("1048576 bytes"));
    }
}
