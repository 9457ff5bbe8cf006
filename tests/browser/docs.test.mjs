// The docs: every operation of the document is there, opens with the keyboard, and fits a phone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, assertAccessible, assertFits, shoot, visit } from "./browser.mjs";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const PHONE = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };

async function operations() {
  const { paths } = await (await fetch(`${BASE}/openapi.json`)).json();
  return Object.values(paths).flatMap((item) =>
    METHODS.filter((method) => item[method]).map((method) => item[method].operationId),
  );
}

/** Opens an operation with all that it holds; what is opened may hold more. */
async function openWhole(page, id) {
  const summary = page.locator(`summary#${id}`);
  await summary.waitFor();
  for (let depth = 0; depth < 4; depth += 1) {
    await summary.evaluate((node) => {
      const details = node.parentElement;
      for (const one of [details, ...details.querySelectorAll("details:not([open])")]) {
        one.open = true;
      }
    });
    await page.waitForTimeout(100);
  }
}

test("every operation of the document is on the page, with what it answers", () =>
  visit("docs", {}, async (page) => {
    for (const id of await operations()) {
      const summary = page.locator(`summary#${id}`);
      await summary.click();
      const body = summary.locator("xpath=following-sibling::div");
      await body.getByRole("heading", { name: "Answers" }).waitFor();
      assert.ok((await body.locator("details.answer").count()) >= 2, id);
    }
    await shoot(page, "docs");
  }));

test("names that the references lead to are written out", () =>
  visit("docs#createChatCompletion", {}, async (page) => {
    const body = page.locator("summary#createChatCompletion + div");
    await body.getByRole("rowheader", { name: "tool_choice" }).first().waitFor();
    await openWhole(page, "createChatCompletion");
    const text = await body.innerText();
    for (const words of ["max_completion_tokens", "Said by the model", "unsupported_parameter", "text/event-stream"]) {
      assert.ok(text.includes(words), words);
    }
    for (const words of ["$ref", "[object", "undefined"]) {
      assert.ok(!text.includes(words), words);
    }
    await shoot(page, "docs-operation");
  }));

test("the keyboard reaches and opens an operation", () =>
  visit("docs", {}, async (page) => {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    const summary = page.locator("summary#listModels");
    await summary.focus();
    await page.keyboard.press("Enter");
    await page.locator("summary#listModels + div h3").first().waitFor();
  }));

for (const [name, options] of [
  ["on a desk", {}],
  ["in the dark", { colorScheme: "dark" }],
  ["on a phone", PHONE],
]) {
  test(`shut and open, the docs have no barriers and fit ${name}`, () =>
    visit("docs", options, async (page) => {
      await page.locator("summary").first().waitFor();
      await assertAccessible(page, `the docs ${name}`);
      await assertFits(page, `the docs ${name}`);
      await openWhole(page, "createChatCompletion");
      await assertAccessible(page, `the open docs ${name}`);
      await assertFits(page, `the open docs ${name}`);
      await shoot(page, `docs-${name.replaceAll(" ", "-")}`);
    }));
}

test("without the document the page says so, and tries again", () =>
  visit("docs", {}, async (page) => {
    const refuse = (route) => route.fulfill({ status: 503, json: { error: { message: "<b>not now</b>", code: "x" } } });
    await page.route("**/openapi.json", refuse);
    await page.reload();
    await page.getByRole("alert").waitFor();
    assert.ok((await page.getByRole("alert").innerText()).includes("<b>not now</b>"), "the text is gone");
    await page.unroute("**/openapi.json");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { level: 1 }).waitFor();
  }));
