// What came of asking the chat model: its name, its time, its tokens, or why it said nothing.

import { element } from "./dom.js";
import { count, duration } from "./format.js";

const REASONS = {
  upstream_unreachable: "It could not be reached.",
  upstream_key_refused: "It did not accept the gateway's key.",
  upstream_busy: "It was busy.",
  upstream_failed: "It reported an error.",
  upstream_late: "It took too long.",
  upstream_cut: "It broke off.",
  upstream_unreadable: "Its answer could not be read.",
  upstream_silent: "It had nothing to say.",
};

/** `hyfunc.upstream` of an answer. */
export function upstreamView(upstream) {
  const { first_byte: firstByte, total } = upstream.timings_us;
  const rows = [
    ["Model", element("code", {}, upstream.model)],
    ["Outcome", outcome(upstream)],
    ["Began after", firstByte === null ? "never" : duration(firstByte)],
    ["Ended after", duration(total)],
  ];
  if (upstream.tokens) {
    const { input, output } = upstream.tokens;
    rows.push(["Tokens", `${count(input, "token")} read, ${count(output, "token")} written`]);
  }
  return element(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function outcome({ error, cut }) {
  if (error) {
    return REASONS[error] ?? error;
  }
  return cut ? "Answered, and had more to say." : "Answered.";
}
