//! Which words of a query speak of a parameter: *2 bathrooms*, *a height of 12 ft*, *the player
//! LeBron James* each stand beside a word of the parameter that they are for.

use hyfunc_functions::types::RecordType;

use crate::lexicon::{Word, split_identifier, words};

/// How much a word says of what stands so many words before it.
const AFTER: [f32; 3] = [1.0, 0.6, 0.3];

/// How much a word says of what stands so many words after it.
const BEFORE: [f32; 4] = [1.0, 0.8, 0.5, 0.3];

/// How much a word of a parameter's docs says beside one of its name.
const DOC_SHARE: f32 = 0.5;

/// Words of every parameter of a function.
#[derive(Clone, Debug, Default)]
pub struct Spoken {
    /// Of every parameter, stems of its name and of its docs, sorted, each with what it says: less
    /// where other parameters have it, too.
    parameters: Vec<Vec<(u32, f32)>>,
}

impl Spoken {
    /// Reads the parameters of a function.
    pub fn new(parameters: &RecordType) -> Self {
        let read = |text: &str| -> Vec<u32> {
            let mut stems: Vec<u32> = words(&split_identifier(text))
                .into_iter()
                .map(|word| word.stem)
                .filter(|stem| *stem != 0)
                .collect();
            stems.sort_unstable();
            stems.dedup();
            stems
        };
        let each: Vec<(Vec<u32>, Vec<u32>)> =
            parameters.fields.iter().map(|field| (read(&field.name), read(&field.doc))).collect();
        let shared = |stem: u32| {
            let has = |(name, doc): &&(Vec<u32>, Vec<u32>)| {
                name.binary_search(&stem).is_ok() || doc.binary_search(&stem).is_ok()
            };
            each.iter().filter(has).count().max(1) as f32
        };
        let weighed = |(name, doc): &(Vec<u32>, Vec<u32>)| {
            let own = name.iter().map(|stem| (*stem, 1.0 / shared(*stem)));
            let told = doc.iter().filter(|stem| name.binary_search(stem).is_err());
            let mut all: Vec<(u32, f32)> =
                own.chain(told.map(|stem| (*stem, DOC_SHARE / shared(*stem)))).collect();
            all.sort_unstable_by_key(|(stem, _)| *stem);
            all
        };
        Self { parameters: each.iter().map(weighed).collect() }
    }

    /// How much every word of a query says of a parameter, 0 to 1.
    pub fn of(&self, parameter: usize, words: &[Word]) -> Vec<f32> {
        let known = self.parameters.get(parameter).map_or(&[][..], Vec::as_slice);
        let place = |word: &Word| known.binary_search_by_key(&word.stem, |(stem, _)| *stem);
        words.iter().map(|word| place(word).map_or(0.0, |at| known[at].1)).collect()
    }
}

/// How much the words before word `place` say of a value that begins with it, 0 to 1; `said` is of
/// every word how much it says.
pub fn before(said: &[f32], place: usize) -> f32 {
    let words = said[..place.min(said.len())].iter().rev();
    BEFORE.iter().zip(words).map(|(share, said)| share * said).fold(0.0, f32::max)
}

/// The same of the words after word `place`, with which a value ends.
pub fn after(said: &[f32], place: usize) -> f32 {
    let words = said.get(place + 1..).unwrap_or_default();
    AFTER.iter().zip(words).map(|(share, said)| share * said).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::Type;
    use hyfunc_functions::types::{Field, StringType};

    use super::*;

    /// Names and docs of parameters.
    type Fields<'a> = &'a [(&'a str, &'a str)];

    fn spoken(fields: Fields<'_>) -> Spoken {
        let field = |(name, doc): &(&str, &str)| Field {
            name: (*name).into(),
            doc: (*doc).into(),
            required: true,
            default: None,
            ty: Type::String(StringType::default()),
        };
        Spoken::new(&RecordType { fields: fields.iter().map(field).collect() })
    }

    #[test]
    fn words_speak_of_the_parameters_that_have_them() {
        let player = [
            ("player_name", "Full name of the player"),
            ("teamName", "Team the player is in"),
            ("height", "in feet"),
        ];
        let query = "full names of players in a team, 6 feet";
        let cases: [(Fields<'_>, usize, &str, &[f32]); 9] = [
            // A name's word says more than a doc's, and less where others have it, too.
            (&player, 0, query, &[0.5, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]),
            (&player, 1, query, &[0.0, 0.5, 0.0, 0.25, 0.0, 0.0, 1.0, 0.0, 0.0]),
            (&player, 2, query, &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5]),
            // There is no such parameter, no word, no parameter at all.
            (&player, 3, query, &[0.0; 9]),
            (&player, 0, "", &[]),
            (&[], 0, "Oslo", &[0.0]),
            // Stop words say nothing.
            (&[("to", "")], 0, "to Oslo", &[0.0, 0.0]),
            (&[("ID", "")], 0, "id 5", &[1.0, 0.0]),
            (&[("größe", "")], 0, "Größe 5", &[1.0, 0.0]),
        ];
        for (fields, parameter, query, expected) in cases {
            let found = spoken(fields).of(parameter, &words(query));
            assert_eq!(found, expected, "{parameter}: {query}");
        }
    }

    #[test]
    fn nearer_words_say_more() {
        let said = [1.0, 0.0, 0.0, 0.0, 0.0, 0.5];
        for (place, first, last) in [
            (0, 0.0, 0.0),
            (1, BEFORE[0], 0.0),
            (2, BEFORE[1], AFTER[2] * 0.5),
            (3, BEFORE[2], AFTER[1] * 0.5),
            (4, BEFORE[3], AFTER[0] * 0.5),
            (5, 0.0, 0.0),
            (6, 0.5, 0.0),
            // Beyond the end.
            (99, 0.5, 0.0),
        ] {
            assert_eq!((before(&said, place), after(&said, place)), (first, last), "{place}");
        }
        // Of several the one that says most.
        assert_eq!(before(&[1.0, 0.1], 2), BEFORE[1]);
        assert_eq!(after(&[0.0, 0.1, 1.0], 0), AFTER[1]);
        assert_eq!((before(&[], 0), after(&[], 0)), (0.0, 0.0));
    }
}
