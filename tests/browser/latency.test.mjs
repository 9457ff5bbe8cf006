// The last requests: how long they took, and the same asked again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, REQUEST, answered, shoot, visit } from "./browser.mjs";

const RECENT = "**/v1/recent";

test("requests of the last minutes are listed with their latency by step", () =>
  visit("", {}, async (page) => {
    await answered(page);
    await page.getByRole("link", { name: "Latency" }).click();
    const requests = page.locator(".requests li");
    await requests.first().waitFor();
    assert.match(await requests.first().innerText(), new RegExp(REQUEST.replace("?", "\\?")));
    const steps = await page.locator("table.steps tbody th").allInnerTexts();
    for (const step of ["accept", "distil", "retrieve", "decode", "dispatch", "whole"]) {
      assert.ok(steps.includes(step), `${step} is not in ${steps}`);
    }
    const chart = page.getByRole("img", { name: /Latency of the last \d+ requests/ });
    assert.ok((await chart.locator("rect").count()) >= 5, "no columns");
    assert.match(await page.locator(".tiles").innerText(), /Half within\s+[\d.]+ (µs|ms|s)/);
    await page.getByLabel("Requests of the").selectOption("all");
    assert.ok((await requests.count()) > 0);
    await shoot(page, "latency");
  }));

test("a request is found by its id and asked again beside it", () =>
  visit("", {}, async (page) => {
    const id = await answered(page);
    await page.getByRole("link", { name: "Latency" }).click();
    await page.getByLabel("Find a request by its trace id or request id").fill(id);
    await page.getByRole("button", { name: "Find", exact: true }).click();
    await page.getByRole("heading", { name: /^Then/ }).waitFor();
    assert.match(await page.locator("blockquote").innerText(), new RegExp(REQUEST.replace("?", "\\?")));
    assert.equal(await page.locator(".template").count(), 1);

    await page.getByRole("button", { name: "Decide again" }).click();
    await page.getByText("The same calls with the same arguments.").first().waitFor();
    assert.equal(await page.locator(".template").count(), 2);
    await page.getByRole("button", { name: "Run again" }).click();
    await page.getByText("ran in").nth(1).waitFor();
    assert.match(await page.locator(".differences").innerText(), /Deciding took/);
    await shoot(page, "request-replayed");
  }));

test("a request is found by its caller's trace", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const model = (await (await fetch(`${BASE}/v1/models`)).json()).data[0].id;
  const response = await fetch(`${BASE}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", traceparent: `00-${trace}-b7ad6b7169203331-01` },
    body: JSON.stringify({ model, messages: [{ role: "user", content: REQUEST }] }),
  });
  assert.equal(response.status, 200);
  const id = response.headers.get("x-request-id");
  await visit(`#request/${trace}`, {}, async (page) => {
    await page.getByText(id).waitFor();
    assert.equal(await page.locator("blockquote").innerText(), REQUEST);
  });
});

test("a function that was called by its name can be called again", async () => {
  const response = await fetch(`${BASE}/v1/functions/text_count_letter`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: "banana", letter: "a" }),
  });
  assert.equal(response.status, 200);
  const id = response.headers.get("x-request-id");
  await visit(`#request/${id}`, {}, async (page) => {
    await page.getByRole("button", { name: "Run again" }).click();
    await page.getByText("The same calls with the same arguments.").first().waitFor();
  });
});

test("a request that nobody remembers", () =>
  visit("#request/req_nobody", {}, async (page) => {
    const panel = page.getByRole("alert");
    await panel.waitFor();
    assert.match(await panel.innerText(), /request_not_found/);
    await shoot(page, "request-unknown");
  }));

const EMPTY = { object: "list", now_ms: 1_000_000, requests_max: 256, keeps_content: true, data: [] };

test("no requests, none remembered, and content that is not kept", () =>
  visit("#latency", {}, async (page) => {
    const show = async (list) => {
      await page.unrouteAll();
      await page.route(RECENT, (route) => route.fulfill({ json: list }));
      await page.reload();
    };
    await show(EMPTY);
    await page.getByText("No request in the last 5 minutes.").waitFor();
    await shoot(page, "latency-empty");
    await show({ ...EMPTY, requests_max: 0 });
    await page.getByText("recent.requests_max is 0").waitFor();
    const secret = {
      request_id: "req_1", trace_id: null, kind: "answer", received_ms: 999_000, outcome: "failed", status: 504,
      error: { code: "deadline_exceeded", message: null }, took_us: 900_000, timings_us: { accept: 20, distil: 899_000 },
      query: null, calls: [{ id: "c", function: "tasks_add", timings_us: { total: 90 } }],
    };
    await show({ ...EMPTY, keeps_content: false, data: [secret] });
    await page.getByText("What was asked is not remembered").waitFor();
    const text = await page.locator(".requests").innerText();
    assert.match(text, /tasks_add[\s\S]*deadline_exceeded[\s\S]*900 ms/);
    await page.unrouteAll();
    await page.route("**/v1/recent/req_1", (route) =>
      route.fulfill({ json: { ...secret, keeps_content: false, left_out: false, p_call: null, candidates: [], tokens: null } }),
    );
    await page.goto(`${BASE}/#request/req_1`);
    await page.getByText("this gateway does not remember what is asked").waitFor();
    assert.equal(await page.getByRole("button", { name: "Run again" }).count(), 0);
  }));

test("a list that cannot be had can be asked for again", () =>
  visit("#latency", {}, async (page) => {
    await page.route(RECENT, (route) => route.abort());
    await page.reload();
    await page.getByRole("heading", { name: "The gateway cannot be reached" }).waitFor();
    await shoot(page, "latency-unreachable");
    await page.unroute(RECENT);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".tiles, .panel:not(.wrong)").first().waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  }));

test("the page refreshes itself until it is paused", () =>
  visit("#latency", {}, async (page) => {
    let asked = 0;
    await page.route(RECENT, (route) => {
      asked += 1;
      return route.fulfill({ json: EMPTY });
    });
    await page.reload();
    await page.getByText("No request in the last 5 minutes.").waitFor();
    const first = asked;
    const began = Date.now();
    while (asked <= first) {
      assert.ok(Date.now() - began < 60_000, "it does not refresh");
      await page.waitForTimeout(100);
    }
    await page.getByRole("button", { name: "Pause" }).click();
    const paused = asked;
    // Time for two more; one may have been under way.
    await page.waitForTimeout(12_000);
    assert.ok(asked <= paused + 1, "it goes on");
  }));
