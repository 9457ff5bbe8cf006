//! Controls of the soft token: what an evaluation may put in its place.

use hyfunc_cascade::Intent;

/// Which soft token the small model reads beside each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SoftToken {
    /// What the large model made of this request.
    #[default]
    Own,
    /// Zeros: the small model is on its own.
    None,
    /// What the large model made of the request before; the first keeps its own.
    Shuffled,
}

impl SoftToken {
    /// As it is written on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::None => "none",
            Self::Shuffled => "shuffled",
        }
    }
}

/// Puts a soft token in another's place; the query's vector and the probability of a call stay.
#[derive(Clone, Debug, Default)]
pub struct Control {
    soft: SoftToken,
    before: Option<Vec<f32>>,
}

impl Control {
    /// Of requests that come one after the other.
    pub fn new(soft: SoftToken) -> Self {
        Self { soft, before: None }
    }

    /// Changes what was made of one request.
    pub fn put(&mut self, intent: &mut Intent) {
        match self.soft {
            SoftToken::Own => {}
            SoftToken::None => intent.soft_token.fill(0.0),
            SoftToken::Shuffled => {
                if let Some(before) = self.before.replace(intent.soft_token.clone()) {
                    intent.soft_token = before;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_puts_what_it_says() {
        for (soft, expected) in [
            (SoftToken::Own, [1.0, 2.0, 3.0]),
            (SoftToken::None, [0.0, 0.0, 0.0]),
            (SoftToken::Shuffled, [1.0, 1.0, 2.0]),
        ] {
            let mut control = Control::new(soft);
            let read = [1.0, 2.0, 3.0].map(|value| {
                let (soft_token, query_vector) = (vec![value], vec![value]);
                let mut intent = Intent { soft_token, query_vector, p_call: 0.5 };
                control.put(&mut intent);
                assert_eq!((intent.query_vector[0], intent.p_call), (value, 0.5));
                intent.soft_token[0]
            });
            assert_eq!(read, expected, "{}", soft.name());
        }
    }
}
