// One request of the past, and the same asked again beside it.

import { GatewayError, asGatewayError, get, post } from "./api.js";
import { errorPanel } from "./advice.js";
import { AnswerView } from "./answer.js";
import { announce, element, replace } from "./dom.js";
import { exchange, remembered } from "./exchange.js";
import { canonical, clock, duration } from "./format.js";

/** The page of the request with that request id or trace id. */
export function replayPage({ id }) {
  const body = element("div", { class: "stack" }, element("p", { class: "quiet" }, "Looking for the request."));
  const page = { title: "Request", focus: null, leave: () => controller.abort() };
  let controller = new AbortController();

  async function load() {
    try {
      const record = await get(`/v1/recent/${encodeURIComponent(id)}`, controller.signal);
      showRecord(record);
    } catch (error) {
      if (error.kind !== "stopped") {
        replace(body, errorPanel(asGatewayError(error), load));
      }
    }
  }

  function showRecord(record) {
    const then = new AnswerView(3, "then");
    const now = new AnswerView(3, "now");
    const before = remembered(record);
    then.show(before);
    const right = element("section", { hidden: true, "aria-labelledby": "now" }, element("h2", { id: "now" }, "Now"));
    const compared = element("div", {});
    right.append(now.element);
    const again = async (runs) => {
      controller.abort();
      controller = new AbortController();
      right.hidden = false;
      replace(compared);
      now.wait();
      try {
        const answer = await repeat(record, runs, controller.signal, (answer) => now.show(answer));
        now.show(answer);
        const lines = differences(before, answer);
        replace(compared, differencesView(lines));
        announce(lines.join(" "));
      } catch (error) {
        now.fail(asGatewayError(error), () => again(runs));
      }
    };
    replace(
      body,
      headView(record),
      buttonsView(record, again),
      compared,
      element(
        "div",
        { class: "replay" },
        element(
          "section",
          { "aria-labelledby": "then" },
          element("h2", { id: "then" }, `Then, ${clock(record.received_ms)}`),
          record.error ? element("p", { class: "panel wrong" }, errorText(record)) : null,
          then.element,
        ),
        right,
      ),
    );
  }

  load();
  page.element = element("div", {}, element("h1", { tabindex: "-1" }, "Request"), body);
  return page;
}

function differencesView(lines) {
  const items = lines.map((text) => element("li", {}, text));
  return element("ul", { class: "panel differences", "aria-label": "Differences" }, items);
}

function headView(record) {
  const words = record.query ?? record.calls[0]?.function ?? "What was asked is not remembered.";
  const left = record.left_out
    ? element("p", { class: "quiet" }, "Some of it was too long to be remembered (recent.request_bytes_max).")
    : null;
  return [element("blockquote", {}, words), left];
}

function errorText({ error, status }) {
  return `${status} ${error.code}${error.message ? `: ${error.message}` : ""}`;
}

function buttonsView(record, again) {
  if (record.kind === "function" ? !record.calls[0]?.arguments : !record.query) {
    const reason = record.keeps_content
      ? "it was too long to be remembered, or was never read whole"
      : "this gateway does not remember what is asked (recent.content)";
    return element("p", { class: "quiet" }, `It cannot be asked again: ${reason}.`);
  }
  const run = element("button", { type: "button", class: "main", onclick: () => again(true) }, "Run again");
  const decide = element("button", { type: "button", onclick: () => again(false) }, "Decide again");
  const note = "Running calls the functions once more; deciding runs nothing.";
  return element(
    "div",
    { class: "row" },
    run,
    record.kind === "function" ? null : decide,
    record.kind === "function" ? null : element("p", { class: "quiet" }, note),
  );
}

/** Sends the request once more, in the way in which it came. */
async function repeat(record, runs, signal, tell) {
  if (record.kind !== "function") {
    return exchange(record.query, runs, signal, tell);
  }
  const [call] = record.calls;
  const path = `/v1/functions/${encodeURIComponent(call.function)}`;
  const began = performance.now();
  const { json, ids } = await post(path, call.arguments, signal);
  if (!json.function) {
    throw new GatewayError("unreadable", "The answer names no function.");
  }
  return {
    query: null,
    runs: true,
    path,
    body: call.arguments,
    content: json.reply ?? "",
    own: { kind: "function", calls: [json], candidates: [], timings_us: { dispatch: json.timings_us.total } },
    ...ids,
    tookMicros: Math.round(1_000 * (performance.now() - began)),
    finished: true,
  };
}

/** What is not the same, in sentences. */
export function differences(before, after) {
  const then = before.own.calls;
  const now = after.own.calls;
  const names = (calls) => calls.map((call) => call.function ?? "a client's function");
  const lines = [];
  if (canonical(names(then)) !== canonical(names(now))) {
    lines.push(`Other calls: ${listed(names(then))} then, ${listed(names(now))} now.`);
  } else {
    const changed = now.filter((call, at) => differs(then[at].arguments, call.arguments));
    lines.push(
      changed.length === 0
        ? "The same calls with the same arguments."
        : `Other arguments: ${listed(names(changed))}.`,
    );
    const results = now.filter((call, at) => differs(then[at].result, call.result));
    if (results.length > 0) {
      lines.push(`Other results: ${listed(names(results))}.`);
    }
  }
  const steps = ["distil", "retrieve", "decode"];
  const sum = (own) => steps.reduce((total, step) => total + (own.timings_us[step] ?? 0), 0);
  if (sum(before.own) > 0 && sum(after.own) > 0) {
    lines.push(`Deciding took ${duration(sum(before.own))} then, ${duration(sum(after.own))} now.`);
  }
  return lines;
}

/** What only one side knows is no difference: it was not remembered, or not run. */
function differs(then, now) {
  const known = (value) => value !== undefined && value !== null;
  return known(then) && known(now) && canonical(then) !== canonical(now);
}

function listed(names) {
  return names.length === 0 ? "none" : names.join(", ");
}
