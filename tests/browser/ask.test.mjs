// Asking: what is shown of an answer, and what when there is none.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, REQUEST, answered, ask, assertAccessible, assertFits, shoot, visit } from "./browser.mjs";

const COMPLETIONS = "**/v1/chat/completions";

const PIECES = [
  { kind: "injected", text: "<call>units_convert", subject: "" },
  { kind: "injected", text: "<param>value=", subject: "" },
  { kind: "copied", text: "42", subject: "value" },
];

test("an answer is shown with everything that was decided", () =>
  visit("", {}, async (page) => {
    const id = await answered(page);
    assert.match(id, /^req_[0-9a-f]+$/);

    const rows = page.locator("table.candidates tbody tr");
    assert.ok((await rows.count()) > 0, "no candidates");
    assert.match(await rows.first().innerText(), /0\.\d{3}/, "no score");
    assert.match(await rows.first().innerText(), /%/, "no probability");
    assert.equal(await page.locator("table.candidates tr.called").count(), 1);

    const template = page.locator(".template").first();
    assert.ok((await template.locator(".piece.injected").count()) > 0, "nothing was injected");
    const decided = template.locator(".piece.copied, .piece.chosen, .piece.sampled");
    assert.ok((await decided.count()) > 0, "nothing was decided");
    const copied = await template.locator(".piece.copied").allInnerTexts();
    assert.ok(copied.some((text) => text.includes("42.195")), `not copied: ${copied}`);

    assert.match(await page.locator(".badge.right").first().innerText(), /^ran in /);
    assert.ok((await page.locator(".reply").innerText()).length > 0, "nothing is said");
    await page.getByText("arguments, result").first().click();
    assert.match(await page.locator(".values").first().innerText(), /42\.195/);

    const steps = await page.locator(".waterfall > li:not(.nested) .label").allInnerTexts();
    assert.deepEqual(steps.slice(0, 5), ["accept", "distil", "retrieve", "decode", "dispatch"]);
    assert.match(await page.locator(".waterfall .parts").first().innerText(), /sandbox made .*run /);
    await shoot(page, "ask-answered");
  }));

test("kinds of pieces differ in more than colour", () =>
  visit("", {}, async (page) => {
    const looks = await page.locator(".legend .piece").evaluateAll((pieces) =>
      pieces.map((piece) => {
        const style = getComputedStyle(piece);
        return [style.borderTopStyle, style.textDecorationLine, style.textDecorationStyle].join(" ");
      }),
    );
    assert.equal(looks.length, 4);
    assert.equal(new Set(looks).size, 4, looks.join(" / "));
  }));

test("examples of the library are chips that ask", () =>
  visit("", {}, async (page) => {
    const chips = page.locator(".chips .chip");
    await chips.first().waitFor();
    const count = await chips.count();
    assert.ok(count >= 4 && count <= 6, `${count} chips`);
    const before = await chips.allInnerTexts();
    await page.getByRole("button", { name: "Other examples" }).click();
    await page.waitForFunction((old) => document.querySelector(".chip").textContent !== old, before[0]);
    assert.notDeepEqual(await chips.allInnerTexts(), before);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Other examples");

    const utterance = await chips.first().innerText();
    await chips.first().click();
    await page.locator("table.candidates, .panel.wrong").first().waitFor();
    assert.equal(await page.getByLabel("Your request").inputValue(), utterance);
    await shoot(page, "ask-chip");
  }));

test("only deciding runs nothing", () =>
  visit("", {}, async (page) => {
    let ran = false;
    await page.route(COMPLETIONS, (route) => {
      ran = true;
      return route.continue();
    });
    await page.getByLabel("Only decide, run nothing").check();
    await answered(page);
    assert.equal(ran, false);
    assert.equal(await page.getByText("decided, not run").count(), 1);
    await page.getByRole("button", { name: "As curl" }).click();
    assert.match(await page.locator(".command code").innerText(), /v1\/route/);
  }));

test("the curl command survives any quotes", () =>
  visit("", {}, async (page) => {
    const query = `it's "3 km" in $HOME, how many miles?`;
    await answered(page, query);
    await page.getByRole("button", { name: "As curl" }).click();
    const command = await page.locator(".command code").innerText();
    const json = command.match(/-d '([\s\S]*)'$/)[1].replaceAll("'\\''", "'");
    assert.equal(JSON.parse(json).messages[0].content, query);
    assert.ok(command.includes(new URL(page.url()).origin), command);
    await shoot(page, "ask-curl");
  }));

test("nothing fits: the answer says so", () =>
  visit("", {}, async (page) => {
    await page.route(COMPLETIONS, (route) =>
      route.fulfill({ contentType: "text/event-stream", body: stream({ content: "No function fits this request." }) }),
    );
    await answered(page, "who painted the Mona Lisa?");
    assert.match(await page.locator(".reply").innerText(), /No function fits/);
    assert.match(await page.locator("main").innerText(), /No function was near enough/);
    await shoot(page, "ask-nothing-fits");
  }));

test("a chat model that answered, and one that failed, are shown with their time", () =>
  visit("", {}, async (page) => {
    const timings_us = { first_byte: 12_000, total: 340_000 };
    const tokens = { input: 100, cached: 0, output: 1 };
    for (const [upstream, texts, isNone] of [
      [{ model: "talker", error: null, cut: false, tokens, timings_us }, [/Answered/, /12\.0 ms/, /340 ms/, /1 token written/], false],
      [{ model: "talker", error: "upstream_late", cut: false, tokens: null, timings_us: { first_byte: null, total: 340_000 } }, [/It took too long/, /never/], true],
    ]) {
      await page.unroute(COMPLETIONS);
      await page.route(COMPLETIONS, (route) =>
        route.fulfill({ contentType: "text/event-stream", body: stream({ content: "Da Vinci.", upstream }) }),
      );
      await answered(page, "who painted the Mona Lisa?");
      const panel = page.getByRole("region", { name: "Chat model" });
      await panel.waitFor();
      const text = await panel.innerText();
      for (const wanted of [/talker/, ...texts]) {
        assert.match(text, wanted);
      }
      assert.equal(await page.locator(".reply.none").count(), isNone ? 1 : 0);
    }
    await shoot(page, "ask-chat-model");
  }));

test("templates are drawn piece by piece, as they are filled", () =>
  visit("", {}, async (page) => {
    // What is added to calls that are not decided yet, in order.
    await page.evaluate(() => {
      globalThis.drawn = [];
      const look = (records) => {
        for (const { target, addedNodes } of records) {
          const isDraft = target.closest?.(".drafts");
          const pieces = [...addedNodes].filter((node) => isDraft && node.matches?.(".piece"));
          globalThis.drawn.push(...pieces.map((piece) => [piece.className, piece.lastChild.data]));
        }
      };
      new MutationObserver(look).observe(document.querySelector("main"), { childList: true, subtree: true });
    });
    const sent = page.waitForRequest(COMPLETIONS);
    await answered(page);
    assert.deepEqual((await sent).postDataJSON().stream_options, { include_pieces: true });
    const decided = await page
      .locator(".template .piece")
      .evaluateAll((pieces) => pieces.map((piece) => [piece.className, piece.lastChild.data]));
    assert.ok(decided.length > 2, "there is a template");
    assert.deepEqual(await page.evaluate(() => globalThis.drawn), decided);
    assert.equal(await page.locator(".drafts").count(), 0);
    await page.getByRole("button", { name: "As curl" }).click();
    const command = await page.locator(".command code").innerText();
    assert.ok(!command.includes("include_pieces"), `it is no matter of the request: ${command}`);
  }));

test("pieces leave the gateway before what was decided, and come to the same", async () => {
  const models = await (await fetch(`${BASE}/v1/models`)).json();
  const answer = await fetch(`${BASE}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: models.data[0].id,
      messages: [{ role: "user", content: REQUEST }],
      stream: true,
      stream_options: { include_pieces: true },
    }),
  });
  assert.equal(answer.status, 200);
  const data = (await answer.text()).split("\n\n").filter((line) => line.startsWith("data: {"));
  const chunks = data.map((line) => JSON.parse(line.slice("data: ".length)));
  const at = chunks.findIndex((chunk) => chunk.hyfunc);
  const drafts = chunks.slice(0, at).filter((chunk) => chunk.hyfunc_draft);
  assert.equal(drafts.length, chunks.filter((chunk) => chunk.hyfunc_draft).length, "all come before");
  const { calls } = chunks[at].hyfunc;
  assert.ok(calls.length > 0, "nothing is called");
  calls.forEach((call, index) => {
    const own = drafts.map((chunk) => chunk.hyfunc_draft).filter((draft) => draft.index === index);
    assert.deepEqual(own.flatMap((draft) => draft.pieces), call.pieces);
    for (const draft of own) {
      assert.deepEqual([draft.id, draft.function], [call.id, call.function]);
    }
  });
});

test("an answer fills in while it comes", () =>
  visit("", {}, async (page) => {
    // Events come when the test says so; the end never comes until the page is told to stop.
    await page.evaluate(() => {
      const real = globalThis.fetch;
      globalThis.fetch = (url, options) => {
        if (!String(url).endsWith("/v1/chat/completions")) {
          return real(url, options);
        }
        const bytes = new ReadableStream({
          start(controller) {
            globalThis.more = (text) => controller.enqueue(new TextEncoder().encode(text));
            options.signal.addEventListener("abort", () => controller.error(options.signal.reason));
          },
        });
        return Promise.resolve(new Response(bytes, { headers: { "content-type": "text/event-stream" } }));
      };
    });
    await ask(page);
    await page.waitForFunction(() => globalThis.more !== undefined);
    const more = (text) => page.evaluate((text) => globalThis.more(text), text);
    const [opening, ...rest] = PIECES;

    // The name of the call, then its value, beside what is there already.
    await more(draftEvent(0, "units_convert", [opening]));
    const pieces = page.locator(".drafts .piece");
    await pieces.first().waitFor();
    assert.equal(await pieces.count(), 1);
    await pieces.first().evaluate((piece) => {
      globalThis.first = piece;
    });
    await more(draftEvent(0, "units_convert", rest));
    await page.locator(".drafts .piece.copied").waitFor();
    assert.ok((await page.locator(".drafts .piece.copied").innerText()).includes("42"));
    assert.ok(await pieces.first().evaluate((piece) => piece === globalThis.first), "drawn anew");
    assert.equal(await page.locator(".drafts .line").count(), 2, "a parameter a line");

    // Another call; the clock still runs.
    await more(draftEvent(1, "dates_weekday", [{ ...opening, text: "<call>dates_weekday" }]));
    await page.locator(".drafts > li").nth(1).waitFor();
    assert.equal(await page.getByText("being decided", { exact: true }).count(), 2);
    assert.equal(await page.getByText("At work").first().isVisible(), true);
    assert.equal(await page.locator("#announcement").textContent(), "Calling dates_weekday.");
    assert.equal(await page.getByRole("group", { name: "Template of units_convert" }).count(), 1);
    await assertAccessible(page, "filling in");
    await assertFits(page, "filling in");
    await shoot(page, "ask-filling");

    // What was decided takes its place.
    await more(firstEvent());
    await page.getByText("running", { exact: true }).waitFor();
    assert.equal(await page.locator(".drafts").count(), 0);
    assert.equal(await page.locator(".template .piece.copied").innerText().then((text) => text.includes("42")), true);
    await shoot(page, "ask-running");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("heading", { name: "Stopped" }).waitFor();
    const focused = await page.evaluate(() => document.activeElement.id);
    assert.equal(focused, "query", "the focus is lost");
  }));

test("a slow answer says that it is slow, and can be stopped", () =>
  visit("", {}, async (page) => {
    await page.route(COMPLETIONS, () => {});
    await ask(page);
    await page.getByText("This takes long").waitFor();
    await shoot(page, "ask-slow");
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("heading", { name: "Stopped" }).waitFor();
    await shoot(page, "ask-stopped");
    await page.unroute(COMPLETIONS);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("button", { name: "As curl" }).waitFor();
  }));

// A status, an error of the gateway, and what the panel must hold.
const REFUSALS = [
  [400, "context_length_exceeded", "shorten it", "cannot be read"],
  [401, "invalid_key", "send a key", "A key is needed"],
  [404, "model_not_found", "does not exist", "There is no such thing"],
  [429, "overloaded", "try again in 2000 ms", "The gateway is busy"],
  [500, "internal_error", "a fault", "A fault in the gateway"],
  [503, "shutting_down", "shutting down", "cannot answer now"],
  [504, "deadline_exceeded", "allow more time", "took too long"],
];

for (const [status, code, message, title] of REFUSALS) {
  test(`an error of status ${status} is shown with what to do`, () =>
    visit("", {}, async (page) => {
      await page.route(COMPLETIONS, (route) =>
        route.fulfill({
          status,
          headers: { "retry-after": status === 429 ? "2" : "", "x-request-id": "req_x" },
          contentType: "application/json",
          body: JSON.stringify({ error: { message, type: "x", param: null, code } }),
        }),
      );
      await ask(page);
      const panel = page.getByRole("alert");
      await panel.waitFor();
      const text = await panel.innerText();
      for (const part of [title, message, code, "req_x"]) {
        assert.ok(text.includes(part), `${part} is not in ${text}`);
      }
      const again = page.getByRole("button", { name: "Try again" });
      if (status === 429) {
        assert.ok(await again.isDisabled(), "it must wait as told");
        await page.getByText("You may try again now.").waitFor();
      }
      await shoot(page, `ask-error-${status}`);
      await page.unroute(COMPLETIONS);
      await again.click();
      await page.getByRole("button", { name: "As curl" }).waitFor();
    }));
}

test("a key is asked for, sent, and never shown", () =>
  visit("", {}, async (page) => {
    await page.route(COMPLETIONS, async (route) => {
      const sent = (await route.request().allHeaders()).authorization;
      if (sent === "Bearer secret-1") {
        return route.fulfill({ contentType: "text/event-stream", body: stream({ content: "Hello." }) });
      }
      const error = { message: "send a key", type: "x", param: null, code: "missing_key" };
      return route.fulfill({ status: 401, json: { error } });
    });
    await ask(page);
    await page.getByRole("textbox", { name: "Key" }).fill("secret-1");
    await page.getByRole("button", { name: "Use it" }).click();
    await page.getByText("Hello.").first().waitFor();
    await page.getByRole("button", { name: "As curl" }).click();
    assert.ok(!(await page.content()).includes("secret-1"), "the key stands in the page");
    assert.match(await page.locator(".command code").innerText(), /\$HYFUNC_KEY/);
  }));

test("a gateway that wants keys asks for one before anything else", () =>
  visit("", {}, async (page) => {
    await page.route(/\/v1\/(functions|models)$/, async (route) => {
      const sent = (await route.request().allHeaders()).authorization;
      if (sent === "Bearer secret-2") {
        return route.continue();
      }
      const error = { message: "send a key", type: "x", param: null, code: "missing_api_key" };
      return route.fulfill({ status: 401, json: { error } });
    });
    await page.reload();
    await page.getByRole("heading", { name: "A key is needed" }).waitFor();
    await shoot(page, "ask-key");
    await page.getByRole("textbox", { name: "Key" }).fill("secret-2");
    await page.getByRole("button", { name: "Use it" }).click();
    await page.getByRole("heading", { name: "What you will see" }).waitFor();
    await page.getByRole("button", { name: "Other examples" }).waitFor();
    await page.getByText("Answered by").waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "What you will see" }).waitFor();
  }));

test("a gateway that is gone, and answers that break off", () =>
  visit("", {}, async (page) => {
    await page.route(COMPLETIONS, (route) => route.abort("connectionrefused"));
    await ask(page);
    await page.getByRole("heading", { name: "The gateway cannot be reached" }).waitFor();
    await shoot(page, "ask-unreachable");

    await page.unroute(COMPLETIONS);
    await page.route(COMPLETIONS, (route) =>
      route.fulfill({ contentType: "text/event-stream", body: firstEvent() }),
    );
    await ask(page);
    await page.getByRole("heading", { name: "The answer broke off" }).waitFor();

    await page.unroute(COMPLETIONS);
    const late = { error: { message: "the deadline passed", type: "x", param: null, code: "deadline_exceeded" } };
    await page.route(COMPLETIONS, (route) =>
      route.fulfill({ contentType: "text/event-stream", body: `${firstEvent()}data: ${JSON.stringify(late)}\n\n` }),
    );
    await ask(page);
    await page.getByText("the deadline passed").first().waitFor();

    await page.unroute(COMPLETIONS);
    await page.route(COMPLETIONS, (route) => route.fulfill({ contentType: "text/event-stream", body: "data: {\n\n" }));
    await ask(page);
    await page.getByRole("heading", { name: "This answer cannot be read" }).waitFor();
  }));

test("a request that is really too long gets the gateway's own error", () =>
  visit("", {}, async (page) => {
    await ask(page, "how many miles are 3 km and 4 km? ".repeat(117).trim());
    const panel = page.getByRole("alert");
    await panel.waitFor();
    assert.match(await panel.innerText(), /context_length_exceeded/);
  }));

test("an empty request asks nothing", () =>
  visit("", {}, async (page) => {
    await ask(page, "   ");
    assert.equal(await page.getByRole("heading", { name: "What you will see" }).count(), 1);
    await shoot(page, "ask-empty");
  }));

test("a link cannot make the page run anything", () =>
  visit(`#ask/${encodeURIComponent(REQUEST)}`, {}, async (page) => {
    await page.waitForTimeout(300);
    assert.equal(await page.locator("table.candidates, .waiting").count(), 0);
  }));

function own(calls) {
  return {
    request_id: "req_x",
    p_call: 0.9,
    candidates: [],
    calls,
    tokens: { prompt: 1, injected: 1, chosen: 0, sampled: 0, copied: 1 },
    timings_us: { accept: 20, distil: 3000, retrieve: 40, decode: 9000, dispatch: 9 },
  };
}

function event(delta, member) {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta }], ...(member ? { hyfunc: member } : {}) })}\n\n`;
}

/** One piece of news of a call that is being decided. */
function draftEvent(index, name, pieces) {
  const hyfunc_draft = { index, id: `c${index + 1}`, function: name, pieces };
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta: {} }], hyfunc_draft })}\n\n`;
}

function firstEvent() {
  const call = { id: "c1", function: "units_convert", arguments: { value: 42 }, score: 0.99, pieces: PIECES };
  return event({ role: "assistant", content: "" }, own([call]));
}

function stream({ content, upstream }) {
  const last = upstream ? { ...own([]), upstream } : own([]);
  return `${event({ role: "assistant", content }, own([]))}${event({}, last)}data: [DONE]\n\n`;
}
