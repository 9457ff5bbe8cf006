//! Attention of ragged rows over pages.

use super::dot;

/// A page in the list of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of the cache.
    pub page: i32,
    /// Tokens of the page that hold anything.
    pub count: i32,
    /// Order of its first token in the row.
    pub start: i32,
    /// 0: every query sees it; else queries of that branch alone.
    pub branch: i32,
}

/// What one query token sees: tokens of order below `limit`, on pages of branch 0 or its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Beyond the last order that it sees.
    pub limit: i32,
    /// Its own branch.
    pub branch: i32,
}

/// Queries, the cache, and who sees what.
pub struct Attended<'a> {
    /// `[tokens, heads, width]`.
    pub queries: &'a [f32],
    /// `[pages, heads_kv, page_tokens, width]`.
    pub keys: &'a [f32],
    /// Likewise.
    pub values: &'a [f32],
    /// Of queries.
    pub heads: usize,
    /// Of keys and values.
    pub heads_kv: usize,
    /// Of a head.
    pub width: usize,
    /// Tokens of a page.
    pub page_tokens: usize,
    /// Of the scores.
    pub scale: f32,
    /// `[rows + 1]`.
    pub row_tokens: &'a [u32],
    /// `[rows + 1]`.
    pub row_entries: &'a [u32],
    /// Of all rows.
    pub entries: &'a [Entry],
    /// `[tokens]`.
    pub sights: &'a [Sight],
}

/// The answers, `[tokens, heads, width]`: zeros where nothing is seen.
#[must_use]
pub fn attention(attended: &Attended<'_>) -> Vec<f32> {
    let mut out = Vec::with_capacity(attended.queries.len());
    let rows = attended.row_tokens.windows(2).zip(attended.row_entries.windows(2));
    for (tokens, entries) in rows {
        let entries = &attended.entries[entries[0] as usize..entries[1] as usize];
        for token in tokens[0] as usize..tokens[1] as usize {
            for head in 0..attended.heads {
                out.extend(answer(attended, token, head, entries));
            }
        }
    }
    out
}

fn answer(attended: &Attended<'_>, token: usize, head: usize, entries: &[Entry]) -> Vec<f32> {
    let width = attended.width;
    let query = &attended.queries[(token * attended.heads + head) * width..][..width];
    let head_kv = head / (attended.heads / attended.heads_kv);
    let page = attended.page_tokens * width;
    let pages = attended.keys.len() / (page * attended.heads_kv);
    let sight = attended.sights[token];
    // Where the visible tokens' keys and values begin.
    let mut seen = Vec::new();
    for entry in entries {
        let Some(at) = usize::try_from(entry.page).ok().filter(|at| *at < pages) else { continue };
        let mine = entry.branch == 0 || entry.branch == sight.branch;
        let held = usize::try_from(entry.count).unwrap_or(0).min(attended.page_tokens);
        let orders = (entry.start..).take(held).enumerate();
        let visible = orders.filter(|(_, order)| mine && *order < sight.limit);
        let first = (at * attended.heads_kv + head_kv) * page;
        seen.extend(visible.map(|(offset, _)| first + offset * width));
    }
    let scale = f64::from(attended.scale);
    let score = |at: &usize| dot(query, &attended.keys[*at..][..width]) * scale;
    let scores: Vec<f64> = seen.iter().map(score).collect();
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
    let total: f64 = weights.iter().sum();
    let dimension = |d: usize| {
        let parts = seen.iter().zip(&weights);
        let sum: f64 = parts.map(|(at, w)| w * f64::from(attended.values[at + d])).sum();
        if seen.is_empty() { 0.0 } else { (sum / total) as f32 }
    };
    (0..width).map(dimension).collect()
}
