// One request and its answer, told piece by piece to whoever watches.

import { post, servedModel, stream } from "./api.js";

// An answer piece by piece, with the templates of its calls while they are filled.
const STREAMED = { stream: true, stream_options: { include_pieces: true } };

/** The endpoint and the body of a request in plain words. */
export async function requestOf(query, runs) {
  if (!runs) {
    return { path: "/v1/route", body: { query } };
  }
  const messages = [{ role: "user", content: query }];
  return { path: "/v1/chat/completions", body: { model: await servedModel(), messages } };
}

/** Sends it. `tell` hears of the answer whenever more of it is known; the last one is returned. */
export async function exchange(query, runs, signal, tell) {
  const { path, body } = await requestOf(query, runs);
  const began = performance.now();
  const answer = {
    query,
    runs,
    path,
    body,
    content: "",
    drafts: [],
    own: null,
    tokens: null,
    requestId: null,
    traceId: null,
    tookMicros: null,
    finished: false,
  };
  const took = () => Math.round(1_000 * (performance.now() - began));
  const finish = () => {
    answer.tookMicros = took();
    answer.finished = true;
    tell(answer);
    return answer;
  };
  if (!runs) {
    const { json, ids } = await post(path, body, signal);
    Object.assign(answer, ids, { own: json });
    return finish();
  }
  const onOpen = (ids) => Object.assign(answer, ids);
  for await (const chunk of stream(path, { ...body, ...STREAMED }, signal, onOpen)) {
    takeDraft(answer.drafts, chunk.hyfunc_draft);
    answer.content += chunk.choices?.[0]?.delta?.content ?? "";
    answer.own = chunk.hyfunc ?? answer.own;
    tell(answer);
  }
  return finish();
}

/** Adds what more is known of a call that is being decided. */
function takeDraft(drafts, draft) {
  if (draft) {
    drafts[draft.index] ??= { name: draft.function, pieces: [] };
    drafts[draft.index].pieces.push(...draft.pieces);
  }
}

/** What GET /v1/recent/{id} remembers, in the same shape. */
export function remembered(record) {
  return {
    query: record.query,
    runs: record.kind !== "route",
    path: null,
    body: null,
    content: "",
    own: {
      ...record,
      calls: record.calls.map((call) => ({ ...call, pieces: call.pieces ?? [] })),
    },
    requestId: record.request_id,
    traceId: record.trace_id,
    tookMicros: record.took_us,
    finished: record.outcome !== "at_work",
  };
}
