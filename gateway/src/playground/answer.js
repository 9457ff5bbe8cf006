// An answer as it comes: waiting, decided, said, or failed.

import { errorPanel } from "./advice.js";
import { callsView } from "./calls.js";
import { candidatesView } from "./candidates.js";
import { commandView } from "./command.js";
import { announce, element, freshId, replace } from "./dom.js";
import { DraftsView } from "./drafts.js";
import { count, duration } from "./format.js";
import { upstreamView } from "./upstream.js";
import { waterfallView } from "./waterfall.js";

// When waiting becomes worth a word, in milliseconds.
const SLOW_MS = 3_000;
const CLOCK_MS = 100;

/** A place that shows one answer. `level` is that of its headings; `nameId` is the id of a heading
 * that tells it from another one beside it. */
export class AnswerView {
  constructor(level, nameId = null) {
    this.level = level;
    this.nameId = nameId;
    this.element = element("div", { class: "answer" });
    this.timer = null;
    this.drafts = null;
  }

  /** Nothing is known yet. */
  wait() {
    this.drafts = null;
    const began = performance.now();
    const elapsed = element("span", { class: "elapsed" }, "0.0 s");
    const note = element("p", { class: "quiet" });
    const shown = element(
      "div",
      { class: "panel waiting" },
      element("p", {}, element("span", { class: "pulse", "aria-hidden": "true" }), "At work ", elapsed),
      note,
    );
    this.stopClock();
    this.timer = setInterval(() => {
      const waited = performance.now() - began;
      elapsed.textContent = `${(waited / 1_000).toFixed(1)} s`;
      if (waited > SLOW_MS && note.textContent === "") {
        note.textContent =
          "This takes long: the gateway may be busy. It gives up when its deadline passes; you can stop before.";
        announce("Still at work.");
      }
    }, CLOCK_MS);
    replace(this.element, shown);
    announce("At work.");
  }

  /** All that is known by now. */
  show(answer) {
    if (!answer.own) {
      this.showDrafts(answer.drafts ?? []);
      return;
    }
    this.stopClock();
    const called = new Set(answer.own.calls.map((call) => call.function));
    const command = answer.path && answer.finished ? commandView(answer.path, answer.body) : null;
    replace(
      this.element,
      this.reply(answer),
      this.section("Calls", callsView(answer, this.level + 1)),
      element(
        "div",
        { class: "beside" },
        answer.own.kind === "function"
          ? null
          : this.section("Candidates", candidatesView(answer.own.candidates, called)),
        answer.own.upstream ? this.section("Chat model", upstreamView(answer.own.upstream)) : null,
        this.section("Time", waterfallView(answer.own.timings_us, answer.own.calls, tookText(answer))),
      ),
      element("div", { class: "row between" }, identity(answer), command),
    );
    if (answer.finished && answer.path && !answer.isOld) {
      announce(summary(answer));
    }
  }

  /** Calls that are being decided, under the clock, which goes on. */
  showDrafts(drafts) {
    if (drafts.length === 0) {
      return;
    }
    if (this.drafts === null) {
      this.drafts = new DraftsView(this.level + 1);
      this.element.append(this.section("Calls", this.drafts.elements));
    }
    this.drafts.show(drafts);
  }

  /** There is no answer. */
  fail(error, retry) {
    this.stopClock();
    replace(this.element, errorPanel(error, retry));
    if (error.kind === "stopped") {
      announce("Stopped.");
    }
  }

  /** Nobody looks any more. */
  stopClock() {
    clearInterval(this.timer);
    this.timer = null;
  }

  reply(answer) {
    if (answer.content) {
      const { calls, upstream } = answer.own;
      const isEmpty = answer.finished && calls.length === 0 && (!upstream || upstream.error !== null);
      return element("p", { class: isEmpty ? "reply none" : "reply" }, answer.content);
    }
    const { calls } = answer.own;
    if (!answer.finished) {
      return element("p", { class: "reply quiet" }, `Decided on ${count(calls.length, "call")}; running.`);
    }
    return answer.runs
      ? null
      : element("p", { class: "reply quiet" }, `Decided on ${count(calls.length, "call")}; nothing was run.`);
  }

  section(title, ...children) {
    const id = freshId("section");
    return element(
      "section",
      { class: "panel", "aria-labelledby": this.nameId ? `${this.nameId} ${id}` : id },
      element(`h${this.level}`, { id }, title),
      children,
    );
  }
}

function summary(answer) {
  const time = `in ${duration(answer.tookMicros)}`;
  return answer.content
    ? `Answered ${time}: ${answer.content}`
    : `Decided on ${count(answer.own.calls.length, "call")} ${time}.`;
}

function tookText({ tookMicros, path }) {
  if (!tookMicros) {
    return "";
  }
  return path
    ? `, ${duration(tookMicros)} as this page saw it`
    : `, ${duration(tookMicros)} from its head to its end`;
}

function identity(answer) {
  const rows = [
    ["Request", answer.requestId ?? answer.own.request_id],
    ["Trace", answer.traceId],
  ].filter(([, id]) => id);
  return element(
    "dl",
    { class: "facts" },
    rows.map(([name, id]) => [
      element("dt", {}, name),
      element(
        "dd",
        {},
        element("a", { href: `#request/${encodeURIComponent(id)}` }, element("code", {}, id)),
      ),
    ]),
  );
}
