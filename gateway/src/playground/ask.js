// The first page: ask in plain words.

import { asGatewayError, listFunctions } from "./api.js";
import { AnswerView } from "./answer.js";
import { element, replace } from "./dom.js";
import { exchange } from "./exchange.js";
import { legendView } from "./template.js";

const CHIPS_MAX = 6;

// Kept while the reader looks at other pages.
let lastAnswer = null;

/** The page. `query` is asked at once when the reader chose it on another page. */
export function askPage({ query, atOnce }) {
  const view = new AnswerView(2);
  const input = element("textarea", {
    id: "query",
    rows: 2,
    maxlength: 4000,
    autocomplete: "off",
    "aria-describedby": "query-help",
    placeholder: "turn off the kitchen light and lock the front door",
  });
  const send = element("button", { type: "submit", class: "main" }, "Ask");
  const stop = element("button", { type: "button", hidden: true }, "Stop");
  const only = element("input", { type: "checkbox", id: "only-decide" });
  let controller = null;

  async function ask() {
    const text = input.value.trim();
    if (text === "") {
      input.focus();
      return;
    }
    controller?.abort();
    const mine = new AbortController();
    controller = mine;
    stop.hidden = false;
    view.wait();
    try {
      const answer = await exchange(text, !only.checked, mine.signal, (answer) => {
        if (controller === mine) {
          view.show(answer);
        }
      });
      lastAnswer = answer;
    } catch (error) {
      if (controller === mine) {
        view.fail(asGatewayError(error), ask);
      }
    } finally {
      if (controller === mine) {
        controller = null;
        leaveStop();
      }
    }
  }

  // Hiding what has the focus would lose the reader's place.
  function leaveStop() {
    const hadFocus = document.activeElement === stop;
    stop.hidden = true;
    if (hadFocus) {
      input.focus();
    }
  }

  stop.addEventListener("click", () => controller?.abort());
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      ask();
    }
  });
  const form = element(
    "form",
    {
      class: "asking",
      onsubmit: (event) => {
        event.preventDefault();
        ask();
      },
    },
    element("label", { for: "query" }, "Your request"),
    element("div", { class: "field" }, input, element("div", { class: "buttons" }, stop, send)),
    element(
      "div",
      { class: "row between" },
      element("p", { id: "query-help", class: "quiet" }, "Enter asks, Shift and Enter begin a line."),
      element("label", { class: "check", for: "only-decide" }, only, "Only decide, run nothing"),
    ),
  );
  const chips = element("div", { class: "chips" });
  const choose = (utterance) => {
    input.value = utterance;
    ask();
  };
  // Without a key nothing here works: better to ask for it before a request than after it.
  const begin = () =>
    showChips(chips, 0, choose).then(
      () => {
        if (wantsKey) {
          wantsKey = false;
          replace(view.element, introduction());
        }
      },
      (error) => {
        if (controller === null && !view.element.querySelector(".reply")) {
          wantsKey = true;
          view.fail(error, begin);
        }
      },
    );
  let wantsKey = false;
  begin();
  if (query) {
    input.value = query;
  }
  if (lastAnswer && !atOnce) {
    input.value ||= lastAnswer.query;
    view.show({ ...lastAnswer, isOld: true });
  } else {
    replace(view.element, introduction());
  }
  if (query && atOnce) {
    queueMicrotask(ask);
  }
  return {
    title: "Ask",
    element: element(
      "div",
      {},
      element("h1", { tabindex: "-1" }, "Ask in plain words"),
      form,
      chips,
      view.element,
    ),
    focus: atOnce ? null : input,
    leave() {
      controller?.abort();
      view.stopClock();
    },
  };
}

async function showChips(chips, round, choose) {
  let functions;
  try {
    functions = await listFunctions();
  } catch (error) {
    if (error.status === 401) {
      throw error;
    }
    // The request itself will say what else is wrong with the gateway.
    return;
  }
  const examples = pick(functions, round);
  const shown = examples.map((utterance) =>
    element("li", {}, element("button", { type: "button", class: "chip", onclick: () => choose(utterance) }, utterance)),
  );
  const more = element("button", { type: "button", class: "plain" }, "Other examples");
  more.addEventListener("click", async () => {
    await showChips(chips, round + 1, choose).catch(() => {});
    chips.querySelector(":scope > button")?.focus();
  });
  replace(
    chips,
    element("p", { id: "chips-title", class: "label" }, "For example"),
    element("ul", { "aria-labelledby": "chips-title" }, shown),
    more,
  );
}

/** One example of each plugin in turn, other ones every round. */
export function pick(functions, round) {
  const byPlugin = new Map();
  for (const { plugin, examples } of functions) {
    const own = byPlugin.get(plugin) ?? [];
    own.push(...examples.map((example) => example.utterance));
    byPlugin.set(plugin, own);
  }
  const shelves = [...byPlugin.values()].filter((own) => own.length > 0);
  const picked = new Set();
  for (let at = 0; at < Math.min(CHIPS_MAX, shelves.length); at += 1) {
    const turn = round * CHIPS_MAX + at;
    const shelf = shelves[turn % shelves.length];
    // Steps of seven jump from one function's examples to another's.
    picked.add(shelf[(7 * Math.floor(turn / shelves.length) + 7 * round) % shelf.length]);
  }
  return [...picked];
}

function introduction() {
  const points = [
    ["Candidates", "the functions that are near the request, by meaning and by words"],
    ["Calls", "which of them are called, and how each call was written along its template"],
    ["Time", "what every step took, down to the sandbox of each call"],
  ];
  return element(
    "section",
    { class: "panel", "aria-labelledby": "introduction" },
    element("h2", { id: "introduction" }, "What you will see"),
    element(
      "dl",
      { class: "points" },
      points.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))),
    ),
    legendView(null),
  );
}
