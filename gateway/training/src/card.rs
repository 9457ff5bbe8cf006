//! The model card that a run writes beside its models.

use std::fmt::Write as _;

use hyfunc_cascade::config::TinyConfig;

use crate::calibrate::Calibration;
use crate::run::Settings;

/// The card, in Markdown.
pub fn write(
    config: &TinyConfig,
    settings: &Settings,
    found: &Calibration,
    seconds: f64,
) -> String {
    let mut data = String::new();
    for (file, hash) in &settings.data {
        let _ = writeln!(data, "- `{file}`, SHA-256 `{hash}`");
    }
    let began = match settings.from.as_slice() {
        [] => String::new(),
        from => format!(
            "The run began with the tokenizer and the weights of an earlier run (`--from`; SHA-256 {}).\n\n",
            from.join(", ")
        ),
    };
    let table = config.words_sha256.as_ref().map_or_else(String::new, |sha256| {
        format!(
            "Beside them a table of word vectors by `hyfunc train words`, distilled from a sentence \
             encoder and trained on the same rows; `words.safetensors`, SHA-256 `{sha256}`.\n\n"
        )
    });
    format!(
        "# {id}\n\n\
         Two small transformers trained from scratch by `hyfunc train {step}` \
         (version {version}).\n\n\
         | | layers | width | vocabulary |\n|---|---|---|---|\n\
         | large: distils a request into one soft token | {ll} | {lw} | {vocab} |\n\
         | small: decides calls and fills their slots | {sl} | {sw} | {vocab} |\n\n\
         {table}\
         ## Data\n\nPhrases and documented examples of the bundled library; requests synthesized from \
         catalogues' signatures; imported rows:\n\n{data}\n\
         `train_en` merges nlu_eval (CC-BY-4.0), snips (CC0), hammerbench, seal-tools, glaive demo \
         (Apache-2.0), star (MIT), toolrl, openfunctions, api-bank and rotbench. `toucan` is MIT. \
         BFCL, `sealtools_out_domain` and retrieval queries were not trained on. The weights are \
         under the project's licence.\n\n\
         ## Command\n\n`hyfunc train {step} --seed {seed} {steps}` with the files above; \
         {minutes:.0} minutes on two cores.\n\n{began}\
         ## Scores of calibration\n\n\
         {found}\n\
         Fresh samples of the phrases are of functions and wordings seen in training; the held-out \
         rows are unseen rows of the imported data, most of functions that were seen. Scores on \
         the held-out requests over the bundled library are in the project's README.\n",
        id = config.id,
        step = settings.step,
        version = settings.version,
        ll = config.large.num_hidden_layers,
        lw = config.large.hidden_size,
        sl = config.small.num_hidden_layers,
        sw = config.small.hidden_size,
        vocab = config.small.vocab_size,
        seed = settings.seed,
        steps = steps(settings),
        minutes = seconds / 60.0,
    )
}

/// How long each model was trained, as it is typed.
fn steps(settings: &Settings) -> String {
    let (large, small) = (settings.steps_large, settings.steps_small);
    match settings.step.as_str() {
        "lms" => format!("--steps {small}"),
        _ => format!("--steps-large {large} --steps-small {small}"),
    }
}
