// The functions that a request could have called, with their scores as bars.

import { breakable, element, measure, unseen } from "./dom.js";
import { percent, score } from "./format.js";

/** A table, best first. `called` holds the names of those that were called. */
export function candidatesView(candidates, called) {
  if (candidates.length === 0) {
    return element("p", { class: "quiet" }, "No function was near enough to be a candidate.");
  }
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, "Function"),
    element("th", { scope: "col" }, "Score", unseen(" of the retriever")),
    element("th", { scope: "col" }, "Chance of a call"),
  );
  const rows = candidates.map((candidate) => rowView(candidate, called.has(candidate.name)));
  return element(
    "table",
    { class: "candidates" },
    element("caption", { class: "unseen" }, "Candidates, best first"),
    element("thead", {}, head),
    element("tbody", {}, rows),
  );
}

function rowView(candidate, isCalled) {
  const mark = isCalled ? element("span", { class: "badge" }, "called") : null;
  return element(
    "tr",
    { class: isCalled ? "called" : null },
    element(
      "th",
      { scope: "row" },
      functionLink(candidate.name, candidate.origin),
      " ",
      mark,
      element("span", { class: "quiet origin" }, candidate.origin),
    ),
    cell(candidate.score, score(candidate.score)),
    candidate.p_call === null || candidate.p_call === undefined
      ? element("td", {}, element("span", { class: "quiet" }, "–", unseen("not weighed")))
      : cell(candidate.p_call, percent(candidate.p_call)),
  );
}

function cell(value, text) {
  const fill = element("span", { class: "fill" });
  measure(fill, "--length", `${100 * Math.min(1, Math.max(0, value))}%`);
  return element(
    "td",
    {},
    element("span", { class: "gauge", "aria-hidden": "true" }, fill),
    element("span", { class: "value" }, text),
  );
}

/** The name of a function; those of the library lead to their page. */
export function functionLink(name, origin) {
  if (!name) {
    return element("span", { class: "quiet" }, "a client's function");
  }
  const code = element("code", {}, breakable(name));
  return origin === "client" ? code : element("a", { href: `#library/${encodeURIComponent(name)}` }, code);
}
