//! Sizes of both models, and how much of everything a request has.

use hyfunc_kernels::Float;
use hyfunc_kernels::model::Shape;

/// The cascade as it is measured.
#[derive(Clone, Debug)]
pub struct Shapes {
    /// What the sizes are those of, in words.
    pub name: &'static str,
    /// Distils the request into one state.
    pub large: Shape,
    /// Writes the values.
    pub small: Shape,
    /// Of the vectors by which functions are found.
    pub index_width: usize,
    /// Tokens of a query, for either model.
    pub query_tokens: usize,
    /// Tokens of a function in the library that the large model may have before the query.
    pub library_tokens: usize,
    /// A library of more tokens is not put before the query.
    pub library_tokens_max: usize,
    /// Functions whose schemas the small model reads.
    pub candidates: usize,
    /// Tokens of a function's schema.
    pub schema_tokens: usize,
    /// Sets of functions whose schemas the small model has read before.
    pub sets: usize,
    /// Values of a call.
    pub slots: usize,
    /// Tokens of fixed text before each value.
    pub fixed_tokens: usize,
    /// Tokens of each value.
    pub value_tokens: usize,
    /// Rows of the head that a token of a value is chosen from.
    pub value_rows: usize,
    /// Tokens that one forward reads of all requests.
    pub batch_tokens_max: usize,
    /// Tokens of a page of keys and values.
    pub page_tokens: usize,
    /// Bytes that are copied to measure how fast that goes.
    pub copied_bytes: usize,
    /// Width of the matrices that are multiplied, likewise.
    pub product_width: usize,
}

impl Shapes {
    /// Those of the paper: Llama-3.1-8B and Qwen3-0.6B, and a call of 60 tokens, 20 of them values.
    #[must_use]
    pub fn paper() -> Self {
        let small = Shape {
            float: Float::Bf16,
            vocabulary: 151_936,
            hidden: 1024,
            inner: 3072,
            layers: 28,
            heads: 16,
            heads_kv: 8,
            width: 128,
            context: 4096,
            epsilon: 1e-6,
        };
        let large = Shape {
            vocabulary: 128_256,
            hidden: 4096,
            inner: 14_336,
            layers: 32,
            heads: 32,
            context: 16_384,
            epsilon: 1e-5,
            ..small.clone()
        };
        Self {
            name: "Llama-3.1-8B and Qwen3-0.6B",
            large,
            small,
            index_width: 512,
            query_tokens: 80,
            library_tokens: 35,
            library_tokens_max: 8192,
            candidates: 5,
            schema_tokens: 140,
            sets: 16,
            slots: 4,
            fixed_tokens: 10,
            value_tokens: 5,
            value_rows: 2000,
            batch_tokens_max: 512,
            page_tokens: 16,
            copied_bytes: 1 << 30,
            product_width: 8192,
        }
    }

    /// So small that the host runs them in the place of a device: every line of the measurement, and
    /// no number that means anything.
    #[must_use]
    pub fn tiny() -> Self {
        let small = Shape {
            float: Float::Bf16,
            vocabulary: 48,
            hidden: 16,
            inner: 24,
            layers: 2,
            heads: 4,
            heads_kv: 2,
            width: 8,
            context: 64,
            epsilon: 1e-6,
        };
        Self {
            name: "tiny models",
            large: Shape { hidden: 24, vocabulary: 40, ..small.clone() },
            small,
            index_width: 8,
            query_tokens: 5,
            library_tokens: 2,
            library_tokens_max: 32,
            candidates: 2,
            schema_tokens: 7,
            sets: 2,
            slots: 2,
            fixed_tokens: 2,
            value_tokens: 2,
            value_rows: 20,
            batch_tokens_max: 12,
            page_tokens: 4,
            copied_bytes: 1 << 12,
            product_width: 8,
        }
    }

    /// Tokens of the schemas that the small model has read before a request.
    #[must_use]
    pub fn schemas_tokens(&self) -> usize {
        self.candidates * self.schema_tokens
    }

    /// Pages of the large model: a library, and whatever queries one forward reads.
    pub(super) fn pages_large(&self) -> usize {
        let queries = self.queries_together() * self.pages_of(self.query_tokens);
        self.pages_of(self.library_tokens_max) + queries
    }

    /// Pages of the small model: the kept sets, and so many requests at once. A branch begins with
    /// pages of its own.
    pub(super) fn pages_small(&self, requests: usize) -> usize {
        // The query, the soft token and, slot after slot, all that is written.
        let written = self.slots * (self.fixed_tokens + self.value_tokens);
        let in_turn = self.pages_of(self.query_tokens + 1 + written);
        let branch = self.pages_of(self.fixed_tokens + self.value_tokens) + 1;
        let request = in_turn + self.slots * branch;
        // And one set more, that is read anew.
        (self.sets + 1) * self.pages_of(self.schemas_tokens()) + requests * request
    }

    /// Queries that one forward of the large model reads, one at least.
    pub(super) fn queries_together(&self) -> usize {
        (self.batch_tokens_max / self.query_tokens).max(1)
    }

    /// Pages of a text, and one that it may begin anew.
    fn pages_of(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.page_tokens) + 1
    }

    /// In words.
    pub(super) fn about(&self) -> String {
        format!(
            "{} with random weights of bf16: a query of {} tokens, {} schemas of {} tokens that were \
             read before, a call of {} tokens in {} slots with {} tokens of values",
            self.name,
            self.query_tokens,
            self.candidates,
            self.schema_tokens,
            self.slots * (self.fixed_tokens + self.value_tokens),
            self.slots,
            self.slots * self.value_tokens,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_the_paper_are_those_of_its_models_and_its_call() {
        let shapes = Shapes::paper();
        let body = |shape: &Shape| {
            let projected = shape.vectors() * shape.width + shape.queries();
            shape.layers * shape.hidden * (projected + 3 * shape.inner)
        };
        // Without embeddings: 440 M and 6.98 G.
        assert_eq!(body(&shapes.small), 440_401_920);
        assert_eq!(body(&shapes.large), 6_979_321_856);
        // Keys and values of a token: 112 KiB and 128 KiB.
        assert_eq!(shapes.small.page_bytes(1), 112 << 10);
        assert_eq!(shapes.large.page_bytes(1), 128 << 10);
        assert_eq!(shapes.slots * (shapes.fixed_tokens + shapes.value_tokens), 60);
        assert_eq!(shapes.slots * shapes.value_tokens, 20);
        assert!(shapes.about().contains("a call of 60 tokens in 4 slots with 20 tokens of values"));
    }

    #[test]
    fn whatever_is_read_fits_the_contexts_and_the_forwards() {
        for shapes in [Shapes::paper(), Shapes::tiny()] {
            let written = shapes.slots * (shapes.fixed_tokens + shapes.value_tokens);
            let read = shapes.schemas_tokens() + shapes.query_tokens + 1 + written;
            assert!(read <= shapes.small.context, "{}", shapes.name);
            let library = shapes.library_tokens_max + shapes.query_tokens;
            assert!(library <= shapes.large.context, "{}", shapes.name);
            assert!(shapes.query_tokens < shapes.batch_tokens_max, "{}", shapes.name);
            let branches = shapes.slots * shapes.fixed_tokens;
            assert!(branches <= shapes.batch_tokens_max, "{}", shapes.name);
            assert!(shapes.value_rows <= shapes.small.vocabulary, "{}", shapes.name);
            assert!(shapes.page_tokens > 0 && shapes.sets > 0);
        }
    }
}
