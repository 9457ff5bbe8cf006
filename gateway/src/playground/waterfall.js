// Where the time went: the steps one after the other, the calls inside their step.

import { breakable, element, measure } from "./dom.js";
import { duration } from "./format.js";

/** The steps of a request, in their order. */
export const STEPS = ["accept", "distil", "retrieve", "decode", "dispatch", "respond"];

const PARTS = [
  ["queue", "waiting"],
  ["instantiate", "sandbox made"],
  ["run", "run"],
];

/** Bars for timings in microseconds, and for the calls that ran. `took` says how long it was in all,
 * as somebody else saw it. */
export function waterfallView(timings, calls, took) {
  const rows = layOut(timings, calls);
  const end = Math.max(1, ...rows.map((row) => row.start + row.micros));
  const items = rows.map((row) => rowView(row, end));
  const total = element(
    "p",
    { class: "quiet" },
    `${duration(end)} in the gateway`,
    took,
  );
  return [element("ol", { class: "waterfall" }, items), total];
}

/** Rows with their starts. In a stream the step ends at once and the calls go on: it lasts as long
 * as they do. */
export function layOut(timings, calls) {
  const rows = [];
  let start = 0;
  for (const step of STEPS) {
    if (timings[step] === undefined) {
      continue;
    }
    const ran = step === "dispatch" ? calls.filter((call) => call.timings_us) : [];
    const micros = Math.max(timings[step], ...ran.map((call) => call.timings_us.total));
    rows.push({ name: step, step, start, micros, parts: null });
    for (const call of ran) {
      const total = call.timings_us.total;
      rows.push({
        name: call.function ?? "a client's function",
        step,
        start,
        micros: total,
        parts: call.timings_us,
      });
    }
    start += micros;
  }
  return rows;
}

function rowView(row, end) {
  const track = element("span", { class: "track", "aria-hidden": "true" });
  let start = row.start;
  const bars = row.parts ? partsOf(row.parts) : [[row.step, row.micros]];
  for (const [kind, micros] of bars) {
    const bar = element("span", { class: `bar ${row.parts ? "part" : "step"} ${kind}` });
    measure(bar, "--start", `${(100 * start) / end}%`);
    measure(bar, "--length", `${(100 * micros) / end}%`);
    track.append(bar);
    start += micros;
  }
  return element(
    "li",
    { class: row.parts ? "nested" : null },
    element("span", { class: "label" }, breakable(row.name)),
    track,
    element("span", { class: "value" }, duration(row.micros)),
    row.parts ? element("span", { class: "parts quiet" }, spelled(row.parts)) : null,
  );
}

function partsOf(timings) {
  const parts = PARTS.filter(([name]) => timings[name] !== undefined);
  return parts.length > 0 ? parts.map(([name]) => [name, timings[name]]) : [["run", timings.total]];
}

function spelled(timings) {
  const parts = PARTS.filter(([name]) => timings[name] !== undefined);
  return parts.map(([name, words]) => `${words} ${duration(timings[name])}`).join(", ");
}
