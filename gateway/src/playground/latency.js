// The last minutes: how long requests took, by step, and which they were.

import { asGatewayError, get } from "./api.js";
import { errorPanel } from "./advice.js";
import { chartView } from "./chart.js";
import { element, measure, replace } from "./dom.js";
import { clock, count, duration } from "./format.js";
import { byStep, within } from "./statistics.js";

const REFRESH_MS = 5_000;
const ROWS_MAX = 50;
const MINUTE_MS = 60_000;

const WINDOWS = [
  ["1", "last minute", MINUTE_MS],
  ["5", "last 5 minutes", 5 * MINUTE_MS],
  ["15", "last 15 minutes", 15 * MINUTE_MS],
  ["all", "all that is remembered", null],
];

const OUTCOMES = { at_work: "at work", answered: "answered", failed: "failed", hung_up: "hung up" };

/** The page. */
export function latencyPage() {
  const body = element("div", { class: "stack" }, element("p", { class: "quiet" }, "Loading the last requests."));
  const updated = element("p", { class: "quiet" });
  const select = element(
    "select",
    { id: "window" },
    WINDOWS.map(([value, text]) => element("option", { value, selected: value === "5" }, text)),
  );
  const pause = element("button", { type: "button", class: "plain", "aria-pressed": "false" }, "Pause");
  let list = null;
  let timer = null;
  let controller = null;
  let isPaused = false;

  const show = () => {
    const [, name, milliseconds] = WINDOWS.find(([value]) => value === select.value);
    showList(body, list, name, milliseconds);
  };

  async function refresh() {
    clearTimeout(timer);
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    try {
      const newer = await get("/v1/recent", mine.signal);
      if (controller !== mine) {
        return;
      }
      // Whoever reads a row with the keyboard keeps it.
      if (list === null || !body.contains(document.activeElement)) {
        list = newer;
        updated.textContent = `As of ${clock(list.now_ms)}`;
        show();
      }
    } catch (error) {
      if (controller !== mine || error.kind === "stopped") {
        return;
      }
      // The same news is told once, not every time.
      if (list !== null || body.querySelector("[role=alert]") === null) {
        replace(body, errorPanel(asGatewayError(error), refresh));
      }
      list = null;
    }
    if (!isPaused && controller === mine) {
      timer = setTimeout(refresh, REFRESH_MS);
    }
  }

  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    clearTimeout(timer);
    if (!isPaused) {
      refresh();
    }
  });
  select.addEventListener("change", () => list && show());
  refresh();
  return {
    title: "Latency",
    focus: null,
    element: element(
      "div",
      {},
      element("h1", { tabindex: "-1" }, "Latency"),
      element(
        "div",
        { class: "row between" },
        element("div", { class: "row" }, element("label", { for: "window" }, "Requests of the"), select),
        element("div", { class: "row" }, updated, pause),
      ),
      finder(),
      body,
    ),
    leave() {
      clearTimeout(timer);
      controller?.abort();
      controller = null;
    },
  };
}

/** A request id or trace id from a log or a header leads to its request. */
function finder() {
  const input = element("input", { id: "find", type: "text", autocomplete: "off", spellcheck: "false" });
  const submit = (event) => {
    event.preventDefault();
    const id = input.value.trim();
    if (id) {
      location.hash = `#request/${encodeURIComponent(id)}`;
    } else {
      input.focus();
    }
  };
  return element(
    "form",
    { class: "row finding", onsubmit: submit },
    element("label", { for: "find" }, "Find a request by its trace id or request id"),
    input,
    element("button", { type: "submit" }, "Find"),
  );
}

function showList(body, list, name, milliseconds) {
  if (list.requests_max === 0) {
    replace(body, emptyView("Nothing is remembered here: recent.requests_max is 0."));
    return;
  }
  const requests = within(list.data, list.now_ms, milliseconds);
  if (requests.length === 0) {
    const words = milliseconds === null ? "No request yet." : `No request in the ${name}.`;
    replace(body, emptyView(words, element("a", { href: "#ask" }, "Ask something")));
    return;
  }
  const timed = requests.filter((one) => Object.keys(one.timings_us).length > 0);
  replace(
    body,
    tilesView(requests),
    timed.length > 0 ? sectionOf("Over time", chartView(timed)) : null,
    timed.length > 0 ? sectionOf("By step", stepsView(byStep(timed))) : null,
    sectionOf("Requests", requestsView(requests, list.now_ms), privacyNote(list)),
  );
}

function emptyView(text, ...children) {
  return element("section", { class: "panel" }, element("p", {}, text), children);
}

function sectionOf(title, ...children) {
  return element("section", { class: "panel", "aria-label": title }, element("h2", {}, title), children);
}

function tilesView(requests) {
  const failed = requests.filter((one) => one.outcome === "failed").length;
  const left = requests.filter((one) => one.outcome === "hung_up").length;
  const whole = byStep(requests).find((row) => row.step === "whole");
  const tiles = [
    ["Requests", String(requests.length)],
    ["Failed", String(failed)],
    ["Hung up", String(left)],
    ["Half within", whole ? duration(whole.half) : "–"],
    ["99 % within", whole ? duration(whole.nearlyAll) : "–"],
  ];
  return element(
    "dl",
    { class: "tiles" },
    tiles.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
  );
}

function stepsView(rows) {
  const longest = Math.max(1, ...rows.map((row) => row.nearlyAll));
  const heads = ["Step", "50 %", "90 %", "99 %"];
  const cell = (step, micros) => {
    const fill = measure(element("span", { class: `fill step ${step}` }), "--length", `${(100 * micros) / longest}%`);
    return element(
      "td",
      {},
      element("span", { class: "gauge", "aria-hidden": "true" }, fill),
      element("span", { class: "value" }, duration(micros)),
    );
  };
  return element(
    "table",
    { class: "steps" },
    element("caption", { class: "unseen" }, "Share of the requests that took at most so long"),
    element("thead", {}, element("tr", {}, heads.map((text) => element("th", { scope: "col" }, text)))),
    element(
      "tbody",
      {},
      rows.map((row) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, row.step),
          cell(row.step, row.half),
          cell(row.step, row.most),
          cell(row.step, row.nearlyAll),
        ),
      ),
    ),
  );
}

function requestsView(requests, now) {
  const shown = requests.slice(0, ROWS_MAX);
  const more = requests.length - shown.length;
  return [
    element("ol", { class: "requests" }, shown.map((one) => requestView(one, now))),
    more > 0 ? element("p", { class: "quiet" }, `${count(more, "older request")} not shown.`) : null,
  ];
}

function requestView(one, now) {
  const called = one.calls.map((call) => call.function ?? "a client's function").join(", ");
  const words = one.query ?? (called || "a request");
  const state = OUTCOMES[one.outcome] ?? one.outcome;
  return element(
    "li",
    {},
    element("a", { href: `#request/${encodeURIComponent(one.request_id)}` }, words),
    element("span", { class: one.outcome === "failed" ? "badge wrong" : "badge" }, one.error?.code ?? state),
    element(
      "span",
      { class: "quiet" },
      [
        clock(one.received_ms),
        one.took_us === null ? `for ${duration(1_000 * (now - one.received_ms))}` : duration(one.took_us),
        one.query && called ? called : null,
        one.kind === "route" ? "decided only" : null,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}

function privacyNote(list) {
  const kept = list.keeps_content
    ? "What was asked is remembered too, in memory only; recent.content = never turns that off."
    : "What was asked is not remembered; recent.content = always changes that.";
  return element("p", { class: "quiet" }, `The last ${list.requests_max} requests are remembered. ${kept}`);
}
