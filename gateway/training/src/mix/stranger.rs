//! Rows that practise with plugins which are not of the bundled library: what is to be called depends
//! on the functions at hand, not on what is known by heart.

use std::sync::Arc;

use hyfunc_functions::Function;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{Mix, QUERY_BYTES_MAX, linked, typed};
use crate::data::Row;
use crate::phrases::Utterance;
use crate::practice::Plugin;

/// Share of rows that are not offered the functions of the plugin they are about: then nothing is
/// called, though the query stays a wish.
const UNMET_SHARE: f64 = 0.2;

/// Share of the others that ask for nothing that the plugin's functions do.
const NONE_SHARE: f64 = 0.15;

/// Share of wishes that are several for one function, one after another.
const REPEATED_SHARE: f64 = 0.08;

/// Fewest and most of these.
const REPEATED: (usize, usize) = (2, 5);

/// Fewest and most other plugins whose functions are offered, too.
const OTHERS: (usize, usize) = (3, 12);

/// Share of rows that are offered functions of the bundled library besides.
const BUNDLED_SHARE: f64 = 0.5;

/// Fewest and most such functions.
const BUNDLED: (usize, usize) = (5, 25);

impl Mix {
    /// A row about a plugin, offered with others that are not all of them the same from row to row.
    pub(super) fn stranger(&self, plugin: &Plugin, rng: &mut ChaCha8Rng) -> Row {
        let mut functions = self.others(plugin, rng);
        let is_unmet = !functions.is_empty() && rng.random_bool(UNMET_SHARE);
        let none = (!is_unmet && rng.random_bool(NONE_SHARE)).then(|| plugin.none(rng)).flatten();
        let said = match none {
            Some(text) => Utterance { text, calls: Vec::new() },
            None => wish(plugin, rng),
        };
        if !is_unmet {
            functions.extend(plugin.functions.iter().cloned());
        }
        functions.shuffle(rng);
        let place = |name: &str| functions.iter().position(|function| function.name == name);
        let calls = match is_unmet {
            true => Vec::new(),
            false => said
                .calls
                .into_iter()
                .filter_map(|(name, arguments)| Some((place(&name)?, arguments)))
                .collect(),
        };
        Row { id: String::new(), query: said.text, functions, calls, is_unmet }
    }

    /// Functions of other plugins, and in some rows of the bundled library.
    fn others(&self, plugin: &Plugin, rng: &mut ChaCha8Rng) -> Vec<Arc<Function>> {
        let count = rng.random_range(OTHERS.0..=OTHERS.1);
        // One more, since the plugin itself may be among them.
        let others = self.practice.choose_multiple(rng, count + 1);
        let others = others.filter(|other| other.name != plugin.name).take(count);
        let mut functions: Vec<Arc<Function>> =
            others.flat_map(|other| other.functions.iter().cloned()).collect();
        if rng.random_bool(BUNDLED_SHARE) {
            let count = rng.random_range(BUNDLED.0..=BUNDLED.1);
            functions.extend(self.bundled.choose_multiple(rng, count).cloned());
        }
        functions
    }

    /// So many rows about plugins that are not in the mix, which offer those of the mix beside them;
    /// every plugin as often. None when there are no such plugins.
    pub(crate) fn strangers(
        &self,
        plugins: &[Plugin],
        count: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Row> {
        let plugins = plugins.iter().cycle().take(count);
        plugins.map(|plugin| typed(self.stranger(plugin, rng), rng)).collect()
    }
}

/// Something that a plugin answers.
fn wish(plugin: &Plugin, rng: &mut ChaCha8Rng) -> Utterance {
    if !rng.random_bool(REPEATED_SHARE) {
        return plugin.wish(rng);
    }
    let count = rng.random_range(REPEATED.0..=REPEATED.1);
    let mut said = plugin.repeated(count, rng).into_iter();
    let Some(mut all) = said.next() else { return plugin.wish(rng) };
    for one in said {
        if all.text.len() + one.text.len() > QUERY_BYTES_MAX {
            break;
        }
        all.text = linked(&all.text, &one.text, rng);
        all.calls.extend(one.calls);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hyfunc_functions::schema::function_from_schema;
    use rand::SeedableRng;
    use serde_json::json;

    use super::*;
    use crate::mix::{DISTRACTED_SHARE, PRACTICE_SHARE};
    use crate::phrases::Phrases;
    use crate::practice;

    /// A mix of one bundled function, no imported rows and all practice plugins.
    fn mix() -> (Mix, Vec<Plugin>) {
        let text = "function f\nweather in {city}\nfunction f + f\nweather in {city} and {2.city}\n\
                    none\nsing a song\nfollow f\nweather in {_:city} // and {city}?\n\
                    pool city: Rome | Oslo | Lima\n";
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"}},
                            "required": ["city"]});
        let f = Arc::new(function_from_schema("f", "Tell the weather.", &schema).unwrap());
        let phrases = Phrases::parse(&[("test.txt", text)]).unwrap();
        let plugins = practice::plugins().unwrap();
        let mix = Mix::new(vec![f], phrases, Vec::new(), Vec::new());
        (mix.practising(plugins.clone()), plugins)
    }

    fn names(row: &Row) -> BTreeSet<&str> {
        row.functions.iter().map(|function| function.name.as_str()).collect()
    }

    #[test]
    fn the_plugin_is_offered_unless_the_wish_stays_unmet() {
        let (mix, plugins) = mix();
        let (mut unmet, mut none, mut with_bundled) = (0, 0, 0);
        let rows = 600;
        for seed in 0..rows {
            let plugin = &plugins[seed as usize % plugins.len()];
            let row = mix.stranger(plugin, &mut ChaCha8Rng::seed_from_u64(seed));
            let again = mix.stranger(plugin, &mut ChaCha8Rng::seed_from_u64(seed));
            assert_eq!((&row.query, &row.calls), (&again.query, &again.calls), "one seed, one row");
            let names = names(&row);
            assert_eq!(names.len(), row.functions.len(), "each once: {names:?}");
            for function in &plugin.functions {
                assert_eq!(names.contains(function.name.as_str()), !row.is_unmet, "{}", row.query);
            }
            let own =
                |at: usize| plugin.functions.iter().any(|f| Arc::ptr_eq(f, &row.functions[at]));
            assert!(row.calls.iter().all(|(at, _)| own(*at)), "{}", row.query);
            assert!(!row.is_unmet || row.calls.is_empty(), "{}", row.query);
            unmet += usize::from(row.is_unmet);
            none += usize::from(!row.is_unmet && row.calls.is_empty());
            with_bundled += usize::from(names.contains("f"));
        }
        for (count, share) in [
            (unmet, UNMET_SHARE),
            (none, (1.0 - UNMET_SHARE) * NONE_SHARE),
            (with_bundled, BUNDLED_SHARE),
        ] {
            let expected = rows as f64 * share;
            assert!((count as f64 - expected).abs() < expected * 0.4, "{count} for {expected}");
        }
    }

    #[test]
    fn a_share_practises_and_bundled_rows_are_distracted() {
        const ROWS: u32 = 2_000;
        let (mix, _) = mix();
        let (mut practised, mut distracted) = (0, 0);
        for seed in 0..ROWS {
            let row = mix.one(&mut ChaCha8Rng::seed_from_u64(seed.into()));
            let is_bundled = row.query.to_lowercase().contains("sing a song")
                || row.calls.iter().any(|(at, _)| row.functions[*at].name == "f");
            practised += u32::from(!is_bundled);
            distracted += u32::from(is_bundled && row.functions.len() > 1);
        }
        let bundled = 1.0 - PRACTICE_SHARE;
        for (count, share) in
            [(practised, PRACTICE_SHARE), (distracted, bundled * DISTRACTED_SHARE)]
        {
            let expected = f64::from(ROWS) * share;
            assert!((f64::from(count) - expected).abs() < expected * 0.2, "{count} for {expected}");
        }
    }

    #[test]
    fn what_is_unmet_stays_so_in_a_conversation() {
        let (mix, mut plugins) = mix();
        plugins.truncate(1);
        // The only plugin: whatever is offered beside an unmet wish is of the bundled library.
        let mix = Mix { practice: plugins, ..mix };
        let mut unmet = 0;
        for seed in 0..4000 {
            let row = mix.conversation(&mut ChaCha8Rng::seed_from_u64(seed));
            if row.is_unmet {
                assert!(row.calls.is_empty(), "{}", row.query);
                assert_eq!(names(&row), BTreeSet::from(["f"]), "{}", row.query);
                unmet += 1;
            }
        }
        assert!(unmet > 5, "{unmet}");
    }

    #[test]
    fn rows_of_plugins_that_are_kept_apart_call_nothing_else() {
        let (mix, plugins) = mix();
        let apart: Vec<Plugin> = plugins.iter().take(1).cloned().collect();
        let rest = plugins.into_iter().skip(1).collect();
        let mix = Mix { practice: rest, ..mix };
        let rows = mix.strangers(&apart, 40, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(rows.len(), 40);
        for row in rows.iter().filter(|row| !row.calls.is_empty()) {
            assert!(row.calls.iter().all(|(at, _)| {
                apart[0].functions.iter().any(|f| Arc::ptr_eq(f, &row.functions[*at]))
            }));
        }
        assert!(mix.strangers(&[], 40, &mut ChaCha8Rng::seed_from_u64(1)).is_empty());
    }
}
