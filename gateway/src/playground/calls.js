// The calls of an answer: how each was written, and what came of it.

import { functionLink } from "./candidates.js";
import { element } from "./dom.js";
import { duration, percent, pretty } from "./format.js";
import { legendView, templateView } from "./template.js";

/** Every call, under the legend of their templates. */
export function callsView(answer, level) {
  const { calls, tokens, candidates } = answer.own;
  if (calls.length === 0) {
    const words = answer.own.kind === "function" ? "Nothing was called." : noneText(answer.own.p_call);
    return element("p", { class: "quiet" }, words);
  }
  const clients = new Set(
    (candidates ?? []).filter(({ origin }) => origin === "client").map(({ name }) => name),
  );
  const written = calls.some((call) => call.pieces?.length > 0);
  return [
    written ? legendView(tokens) : null,
    element(
      "ol",
      { class: "calls" },
      calls.map((call) => callView(call, answer, level, clients.has(call.function))),
    ),
  ];
}

function noneText(probability) {
  const known = probability !== null && probability !== undefined;
  return known
    ? `No call: the probability that anything is to be called was ${percent(probability)}.`
    : "No call.";
}

function callView(call, answer, level, isClients) {
  const head = element(
    `h${level}`,
    {},
    functionLink(call.function, isClients ? "client" : null),
    call.score === null || call.score === undefined
      ? null
      : element("span", { class: "quiet" }, ` ${percent(call.score)} sure`),
  );
  return element(
    "li",
    {},
    element("div", { class: "row between" }, head, stateView(call, answer, isClients)),
    call.pieces?.length > 0 ? templateView(call.function ?? "the call", call.pieces) : null,
    outcomeView(call, answer),
    valuesView(call),
  );
}

function stateView(call, answer, isClients) {
  if (call.error) {
    return element("span", { class: "badge wrong" }, `failed: ${call.error.kind}`);
  }
  if (call.timings_us) {
    return element("span", { class: "badge right" }, `ran in ${duration(call.timings_us.total)}`);
  }
  if (isClients) {
    return element("span", { class: "badge" }, "for the client to run");
  }
  if (!answer.runs) {
    return element("span", { class: "badge" }, "decided, not run");
  }
  return element("span", { class: "badge" }, answer.finished ? "did not end" : "running");
}

/** What the answer says already is not said again. */
function outcomeView(call, answer) {
  if (call.error?.message) {
    return element("p", { class: "failure" }, call.error.message);
  }
  const isNew = call.reply && call.reply.trim() !== answer.content.trim();
  return isNew ? element("p", {}, call.reply) : null;
}

function valuesView(call) {
  const values = [
    ["Arguments", call.arguments],
    ["Result", call.result],
    ["Log", call.logs?.join("\n")],
  ].filter(([, value]) => value !== undefined && value !== null);
  if (values.length === 0) {
    return null;
  }
  const shown = values.map(([name, value]) =>
    element(
      "div",
      {},
      element("p", { class: "label" }, name),
      element("pre", {}, element("code", {}, typeof value === "string" ? value : pretty(value))),
    ),
  );
  return element(
    "details",
    {},
    element("summary", {}, values.map(([name]) => name.toLowerCase()).join(", ")),
    element("div", { class: "values" }, shown),
  );
}
