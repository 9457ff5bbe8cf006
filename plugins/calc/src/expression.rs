//! Arithmetic as it is typed or said: `(4 + 5) / 3`, `129 divided by 12`, `15% of 80`.
//!
//! ```text
//! sum     = product (("+" | "-") product)*
//! product = sign (("*" | "/" | "%" | "of") sign)*
//! sign    = "-"* power
//! power   = postfix ("^" sign)?
//! postfix = atom ("!" | percent)*
//! atom    = number | constant | function "(" sum ")" | "(" sum ")"
//! ```
//! A `%` is a percentage unless a value follows it: `15% of 80`, but `17 % 5`.

mod token;

use token::{Operator, Token};

/// Most characters of an expression.
const CHARS_MAX: usize = 1_000;
/// Most brackets, signs and powers within each other: each takes stack.
const DEPTH_MAX: usize = 100;

/// The value of an expression.
///
/// # Errors
/// A sentence that says what cannot be read, or why there is no value.
pub fn evaluate(text: &str) -> Result<f64, String> {
    if text.chars().count() > CHARS_MAX {
        return Err(format!("the expression is longer than {CHARS_MAX} characters; shorten it"));
    }
    let mut parser = Parser { tokens: token::tokens(text)?, next: 0, depth: 0 };
    let value = parser.sum()?;
    if let Some(token) = parser.tokens.get(parser.next) {
        return Err(format!("I did not expect {token} there; write it like (4 + 5) / 3"));
    }
    if value.is_finite() {
        Ok(value)
    } else if value.is_nan() {
        Err("that has no real value, such as the root of a negative number".to_owned())
    } else {
        Err("that is too large to work out; use smaller numbers".to_owned())
    }
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, operator: Operator) -> bool {
        let taken = self.peek() == Some(&Token::Operator(operator));
        self.next += usize::from(taken);
        taken
    }

    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        loop {
            if self.take(Operator::Plus) {
                value += self.product()?;
            } else if self.take(Operator::Minus) {
                value -= self.product()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.sign()?;
        loop {
            if self.take(Operator::Times) {
                value *= self.sign()?;
            } else if self.take(Operator::Divide) {
                value /= divisor(self.sign()?)?;
            } else if self.take(Operator::Percent) {
                value %= divisor(self.sign()?)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn sign(&mut self) -> Result<f64, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!(
                "more than {DEPTH_MAX} brackets or signs within each other; simplify it"
            ));
        }
        let value = if self.take(Operator::Minus) {
            -self.sign()?
        } else if self.take(Operator::Plus) {
            self.sign()?
        } else {
            self.power()?
        };
        self.depth -= 1;
        Ok(value)
    }

    fn power(&mut self) -> Result<f64, String> {
        let base = self.postfix()?;
        if self.take(Operator::Power) { Ok(base.powf(self.sign()?)) } else { Ok(base) }
    }

    fn postfix(&mut self) -> Result<f64, String> {
        let mut value = self.atom()?;
        loop {
            if self.take(Operator::Factorial) {
                value = factorial(value)?;
            } else if self.take(Operator::Squared) {
                value *= value;
            } else if self.take(Operator::Cubed) {
                value = value.powi(3);
            } else if self.at_percentage() {
                self.next += 1;
                value /= 100.0;
            } else {
                return Ok(value);
            }
        }
    }

    /// Whether the next token is a `%` with no value behind it.
    fn at_percentage(&self) -> bool {
        let value_follows = match self.tokens.get(self.next + 1) {
            Some(Token::Operator(Operator::Open)) | Some(Token::Number(_) | Token::Function(_)) => {
                true
            }
            Some(Token::Operator(_)) | None => false,
        };
        self.peek() == Some(&Token::Operator(Operator::Percent)) && !value_follows
    }

    fn atom(&mut self) -> Result<f64, String> {
        let token = self.peek().cloned();
        self.next += 1;
        match token {
            Some(Token::Number(number)) => Ok(number),
            Some(Token::Operator(Operator::Open)) => {
                let value = self.sum()?;
                if self.take(Operator::Close) {
                    Ok(value)
                } else {
                    Err("a bracket is not closed; add a )".to_owned())
                }
            }
            // `sqrt 2` is how it is said, `sqrt(2)` how it is typed.
            Some(Token::Function(function)) => Ok(function.apply(self.sign()?)),
            Some(other) => {
                Err(format!("I did not expect {other} there; write it like (4 + 5) / 3"))
            }
            None => {
                Err("the expression ends where a number should follow; write it like (4 + 5) / 3"
                    .to_owned())
            }
        }
    }
}

fn divisor(value: f64) -> Result<f64, String> {
    if value == 0.0 { Err("nothing can be divided by zero".to_owned()) } else { Ok(value) }
}

fn factorial(value: f64) -> Result<f64, String> {
    if value < 0.0 || value.fract() != 0.0 || value > 170.0 {
        return Err(format!("{value}! cannot be worked out; give a whole number from 0 to 170"));
    }
    let mut product = 1.0;
    let mut factor = 2.0;
    while factor <= value {
        product *= factor;
        factor += 1.0;
    }
    Ok(product)
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn works_out_what_people_type_and_say() {
        let cases = [
            ("17 * 23", 391.0),
            ("(4 + 5) / 3 - 2^3", -5.0),
            ("129 divided by 12", 10.75),
            ("1,250.40 - 87.95", 1_162.45),
            ("15% of 80", 12.0),
            ("15 percent of 80", 12.0),
            ("200 + 10%", 200.1),
            ("17 % 5", 2.0),
            ("17 mod 5", 2.0),
            ("-2^2", -4.0),
            ("(-2)^2", 4.0),
            ("2^3^2", 512.0),
            ("2^-1", 0.5),
            ("--3", 3.0),
            ("5!", 120.0),
            ("7 squared", 49.0),
            ("2 cubed minus 1", 7.0),
            ("six times seven", 42.0),
            ("3 × 4 ÷ 2 − 1", 5.0),
            ("2 x 3", 6.0),
            ("sqrt(16) + sqrt 9", 7.0),
            ("square root of 81", 9.0),
            ("2 to the power of 10", 1_024.0),
            ("abs(-3.5)", 3.5),
            ("2x3", 6.0),
            ("log(1000) + log10(10)", 4.0),
            ("ln(e)", 1.0),
            ("round(2.5) + floor(2.9) + ceil(2.1)", 8.0),
            ("1e3 + 1.5e-1", 1_000.15),
            ("what is 2 + 2?", 4.0),
            ("= 8 / 4 =", 2.0),
            (".5 * 4", 2.0),
        ];
        for (text, expected) in cases {
            let value = evaluate(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!((value - expected).abs() < 1e-9, "{text}: {value}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("", "ends where a number"),
            ("2 +", "ends where a number"),
            ("(2 + 3", "add a )"),
            ("2 3", "did not expect"),
            (")", "did not expect"),
            ("1 / 0", "divided by zero"),
            ("5 % 0", "divided by zero"),
            ("sqrt(-1)", "no real value"),
            ("10^400", "too large"),
            ("171!", "from 0 to 170"),
            ("banana + 1", "banana"),
            ("1.2.3", "1.2.3"),
        ];
        for (text, reason) in cases {
            let error = evaluate(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn hostile_depth_and_length_are_refused() {
        assert!(evaluate(&"(".repeat(900)).expect_err("deep").contains("simplify"));
        assert!(evaluate(&"-".repeat(900)).expect_err("deep").contains("simplify"));
        assert!(evaluate(&"2^".repeat(450)).expect_err("deep").contains("simplify"));
        assert!(evaluate(&"1".repeat(1_001)).expect_err("long").contains("shorten"));
    }
}
