//! What the models read: a function as a block, a query, and the chunk that asks about a parameter.

use hyfunc_functions::Function;
use hyfunc_functions::types::{Field, RecordType, Type};

use crate::lexicon::split_identifier;
use crate::text::{Special, Token, Tokenizer};

/// Tokens of a function's block; queries start at this position, whatever the block's length.
pub const BLOCK_TOKENS_MAX: usize = 128;

/// Tokens of a function's description in its block.
const DESCRIPTION_TOKENS_MAX: usize = 18;

/// Tokens of a parameter's description in its block.
const PARAMETER_TOKENS_MAX: usize = 8;

/// Tokens of a parameter's name.
const NAME_TOKENS_MAX: usize = 8;

/// Options of a choice that its block spells out.
const OPTIONS_MAX: usize = 8;

/// Tokens of a function as the large model reads it.
const FUNCTION_TOKENS_MAX: usize = 48;

/// Bytes of the longest token; those of the vocabulary have some dozen.
const TOKEN_BYTES_MAX: usize = 64;

/// The block of a function: its name, what it does, and its parameters.
pub fn block(tokenizer: &Tokenizer, function: &Function) -> Vec<Token> {
    let mut tokens = vec![Token::special(Special::Function)];
    push(tokenizer, &mut tokens, &split_identifier(&function.name), NAME_TOKENS_MAX);
    push(tokenizer, &mut tokens, first_sentence(&function.description), DESCRIPTION_TOKENS_MAX);
    push_fields(tokenizer, &mut tokens, &function.parameters, "");
    tokens.truncate(BLOCK_TOKENS_MAX);
    tokens
}

/// What the large model reads of a function.
pub fn function(tokenizer: &Tokenizer, function: &Function) -> Vec<Token> {
    let mut tokens = vec![Token::special(Special::Function)];
    let text = function_text(function);
    tokens.extend(tokenizer.encode(beginning(&text, FUNCTION_TOKENS_MAX * TOKEN_BYTES_MAX)));
    tokens.truncate(FUNCTION_TOKENS_MAX);
    tokens
}

/// The words by which a function can be found: name, description, parameters.
pub fn function_text(function: &Function) -> String {
    let mut text = split_identifier(&function.name);
    text.push_str(". ");
    text.push_str(first_sentence(&function.description));
    for field in &function.parameters.fields {
        text.push_str(" , ");
        text.push_str(&split_identifier(&field.name));
    }
    text
}

/// The words that an index holds of a function: those by which it can be found, what its author
/// expects people to say, what its parameters are and which options they have.
pub fn index_text(function: &Function) -> String {
    let mut text = function_text(function);
    let mut add = |part: &str| {
        if !part.is_empty() {
            text.push_str(" . ");
            text.push_str(part);
        }
    };
    function.examples.iter().for_each(|example| add(&example.utterance));
    for field in &function.parameters.fields {
        add(&field.doc);
        options(&field.ty).iter().for_each(|option| add(&split_identifier(option)));
    }
    text
}

/// What the large model reads of a query; the last token's state is the soft token.
pub fn large_query(query: &[Token]) -> Vec<Token> {
    let mut tokens = vec![Token::special(Special::Query)];
    tokens.extend_from_slice(query);
    tokens.push(Token::special(Special::Open));
    tokens
}

/// Tokens before the query's own in [`small_query`].
pub const QUERY_OFFSET: usize = 1;

/// What the small model reads of a query: the words, the soft token, the values of earlier calls of
/// the same function, and the token whose state says whether there is one more.
pub fn small_query(query: &[Token], earlier: &[Vec<Token>]) -> Vec<Token> {
    let mut tokens = vec![Token::special(Special::Query)];
    tokens.extend_from_slice(query);
    tokens.push(Token::special(Special::Soft));
    for values in earlier {
        tokens.push(Token::special(Special::Call));
        tokens.extend_from_slice(values);
        tokens.push(Token::special(Special::CallEnd));
    }
    tokens.push(Token::special(Special::Call));
    tokens
}

/// The chunk that asks about a parameter; its last token's state answers.
pub fn chunk(tokenizer: &Tokenizer, subject: &str, answer: Special) -> Vec<Token> {
    let mut tokens = vec![Token::special(Special::Param)];
    push(tokenizer, &mut tokens, &split_identifier(subject), NAME_TOKENS_MAX);
    tokens.push(Token::special(answer));
    tokens
}

/// Token ids of an option's label as the options head is given them.
pub fn label(tokenizer: &Tokenizer, label: &str) -> Vec<u32> {
    let words = split_identifier(label);
    let tokens = tokenizer.encode(beginning(&words, NAME_TOKENS_MAX * TOKEN_BYTES_MAX));
    tokens.iter().map(|token| token.id).take(NAME_TOKENS_MAX).collect()
}

/// What kind of answer a type asks for: the last token of its chunk.
pub fn answer(ty: &Type) -> Special {
    match ty {
        Type::Int(_) | Type::Float(_) => Special::Number,
        Type::Bool
        | Type::Enum(_)
        | Type::Literals(_)
        | Type::Variant(_)
        | Type::OneOf(_)
        | Type::Any => Special::Choice,
        Type::List(_) | Type::Flags(_) | Type::Map(_) => Special::List,
        Type::Option(inner) => answer(inner),
        Type::Null
        | Type::Char
        | Type::String(_)
        | Type::Bytes
        | Type::Tuple(_)
        | Type::Record(_)
        | Type::Result { .. } => Special::Text,
    }
}

fn push_fields(tokenizer: &Tokenizer, tokens: &mut Vec<Token>, record: &RecordType, prefix: &str) {
    for field in &record.fields {
        // Whatever follows would be cut: a function may have a thousand of them.
        if tokens.len() >= BLOCK_TOKENS_MAX {
            return;
        }
        let path =
            if prefix.is_empty() { field.name.clone() } else { format!("{prefix}.{}", field.name) };
        match inner(&field.ty) {
            Type::Record(nested) => push_fields(tokenizer, tokens, nested, &path),
            ty => push_field(tokenizer, tokens, field, &path, ty),
        }
    }
}

fn push_field(
    tokenizer: &Tokenizer,
    tokens: &mut Vec<Token>,
    field: &Field,
    path: &str,
    ty: &Type,
) {
    tokens.extend(chunk(tokenizer, path, answer(ty)));
    if !field.required {
        tokens.push(Token::special(Special::Optional));
    }
    push(tokenizer, tokens, first_sentence(&field.doc), PARAMETER_TOKENS_MAX);
    for option in options(ty).into_iter().take(OPTIONS_MAX) {
        tokens.push(Token::special(Special::Item));
        push(tokenizer, tokens, &split_identifier(&option), NAME_TOKENS_MAX);
    }
}

/// Names that a value of this type, or an element of it, is one of.
pub fn options(ty: &Type) -> Vec<String> {
    match ty {
        Type::Enum(cases) | Type::Flags(cases) => {
            cases.iter().map(|case| case.name.clone()).collect()
        }
        Type::Variant(cases) => cases.iter().map(|case| case.name.clone()).collect(),
        Type::List(list) => options(&list.element),
        Type::Option(ty) => options(ty),
        _ => Vec::new(),
    }
}

/// The type without `option<…>` around it.
pub fn inner(ty: &Type) -> &Type {
    match ty {
        Type::Option(ty) => inner(ty),
        ty => ty,
    }
}

fn push(tokenizer: &Tokenizer, tokens: &mut Vec<Token>, text: &str, tokens_max: usize) {
    let mut encoded = tokenizer.encode(beginning(text, tokens_max * TOKEN_BYTES_MAX));
    encoded.truncate(tokens_max);
    tokens.extend(encoded);
}

/// As much of a text as has at most so many bytes: it may have a megabyte.
pub(crate) fn beginning(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Up to the first full stop that ends a sentence.
fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    text.find(". ").map_or(text, |end| &text[..end])
}
