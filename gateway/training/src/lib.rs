//! Data, synthesis, the trainers of the tiny models, and evaluation on held-out rows.

pub mod bfcl;
pub mod calibrate;
pub mod card;
pub mod data;
pub mod encode;
pub mod error;
pub mod eval;
pub mod import;
pub mod large;
pub mod lines;
pub mod load;
pub mod losses;
pub mod mix;
pub mod optimizer;
pub mod phrases;
pub mod report;
pub mod rows;
pub mod run;
pub mod sample;
pub mod small;
pub mod soft;
pub mod synthesis;
pub mod tiny;
pub mod vocabulary;

pub use error::TrainingError;
