//! What a command that judges comes to.

/// A report, and whether it is a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// To be printed, good or not.
    pub text: String,
    /// Whether the process should end with success.
    pub is_good: bool,
}
