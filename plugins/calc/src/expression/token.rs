//! The words and signs of an expression.

use std::fmt;

/// One word or sign.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Function(Function),
    Operator(Operator),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    Percent,
    Power,
    Squared,
    Cubed,
    Factorial,
    Open,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Sqrt,
    Abs,
    Ln,
    Log,
    Exp,
    Sin,
    Cos,
    Tan,
    Round,
    Floor,
    Ceil,
}

impl Function {
    /// Angles are in radians, `log` is to base ten.
    pub(super) fn apply(self, value: f64) -> f64 {
        match self {
            Self::Sqrt => value.sqrt(),
            Self::Abs => value.abs(),
            Self::Ln => value.ln(),
            Self::Log => value.log10(),
            Self::Exp => value.exp(),
            Self::Sin => value.sin(),
            Self::Cos => value.cos(),
            Self::Tan => value.tan(),
            Self::Round => value.round(),
            Self::Floor => value.floor(),
            Self::Ceil => value.ceil(),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Function(function) => write!(out, "{function:?}"),
            Self::Operator(Operator::Open) => out.write_str("("),
            Self::Operator(Operator::Close) => out.write_str(")"),
            Self::Operator(operator) => write!(out, "{operator:?}"),
        }
    }
}

/// Splits a text into its tokens. Words that carry nothing are left out.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let text = said(&text.to_lowercase());
    let mut tokens = Vec::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let end = if first.is_ascii_digit() || first == '.' {
            let end = number_end(rest);
            tokens.push(Token::Number(number(&rest[..end])?));
            end
        } else if first.is_alphabetic() {
            let end = word_end(rest);
            tokens.extend(word(&rest[..end])?);
            end
        } else if rest.starts_with("**") {
            tokens.push(Token::Operator(Operator::Power));
            2
        } else {
            tokens.extend(sign(first)?);
            first.len_utf8()
        };
        rest = &rest[end..];
    }
    Ok(tokens)
}

/// Phrases of several words, as the one word or sign that they mean.
fn said(text: &str) -> String {
    const PHRASES: [(&str, &str); 9] = [
        ("divided by", "/"),
        ("multiplied by", "*"),
        ("to the power of", "^"),
        ("raised to", "^"),
        ("the square root of", "sqrt"),
        ("square root of", "sqrt"),
        ("what is", ""),
        ("what's", ""),
        ("how much is", ""),
    ];
    PHRASES.iter().fold(text.to_owned(), |text, (phrase, meaning)| text.replace(phrase, meaning))
}

/// Where a number ends: digits, points, commas between digits, an exponent.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while digit(end)
        || bytes.get(end) == Some(&b'.')
        || (bytes.get(end) == Some(&b',') && digit(end + 1))
    {
        end += 1;
    }
    let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
    if bytes.get(end) == Some(&b'e') && digit(end + 1 + signed) {
        end += 2 + signed;
        while digit(end) {
            end += 1;
        }
    }
    end
}

/// Where a word ends: its letters, so that `2x3` is a product; `log10` alone has digits.
fn word_end(text: &str) -> usize {
    if text.starts_with("log10(") {
        return 5;
    }
    text.find(|letter: char| !letter.is_alphabetic()).unwrap_or(text.len())
}

fn number(text: &str) -> Result<f64, String> {
    text.replace(',', "")
        .parse()
        .map_err(|_| format!("{text} is not a number; write it like 1,250.40"))
}

fn word(word: &str) -> Result<Option<Token>, String> {
    const NUMBERS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    let operator = |operator| Ok(Some(Token::Operator(operator)));
    let function = |function| Ok(Some(Token::Function(function)));
    match word {
        "the" | "equals" | "is" => Ok(None),
        "plus" | "and" => operator(Operator::Plus),
        "minus" => operator(Operator::Minus),
        "times" | "x" | "of" => operator(Operator::Times),
        "over" => operator(Operator::Divide),
        "percent" | "mod" | "modulo" => operator(Operator::Percent),
        "squared" => operator(Operator::Squared),
        "cubed" => operator(Operator::Cubed),
        "pi" | "π" => Ok(Some(Token::Number(std::f64::consts::PI))),
        "e" => Ok(Some(Token::Number(std::f64::consts::E))),
        "sqrt" => function(Function::Sqrt),
        "abs" => function(Function::Abs),
        "ln" => function(Function::Ln),
        "log" | "log10" => function(Function::Log),
        "exp" => function(Function::Exp),
        "sin" => function(Function::Sin),
        "cos" => function(Function::Cos),
        "tan" => function(Function::Tan),
        "round" => function(Function::Round),
        "floor" => function(Function::Floor),
        "ceil" => function(Function::Ceil),
        _ => match NUMBERS.iter().zip(0_u8..).find(|(name, _)| **name == word) {
            Some((_, number)) => Ok(Some(Token::Number(f64::from(number)))),
            None => Err(format!(
                "I cannot calculate with \"{word}\"; use numbers, + - * / ^ % and brackets"
            )),
        },
    }
}

fn sign(sign: char) -> Result<Option<Token>, String> {
    let operator = match sign {
        '+' => Operator::Plus,
        '-' | '−' | '–' => Operator::Minus,
        '*' | '×' | '·' => Operator::Times,
        '/' | '÷' | ':' => Operator::Divide,
        '%' => Operator::Percent,
        '^' => Operator::Power,
        '²' => Operator::Squared,
        '³' => Operator::Cubed,
        '!' => Operator::Factorial,
        '√' => return Ok(Some(Token::Function(Function::Sqrt))),
        '(' | '[' => Operator::Open,
        ')' | ']' => Operator::Close,
        ' ' | '\t' | '\n' | '\r' | '\u{a0}' | '=' | '?' | '$' | '€' | '£' => return Ok(None),
        other => {
            return Err(format!(
                "I cannot calculate with {other}; use numbers, + - * / ^ % and brackets"
            ));
        }
    };
    Ok(Some(Token::Operator(operator)))
}
