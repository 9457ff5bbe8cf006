// For everybody: by keyboard, on a phone, in both colour schemes, with a screen reader.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, REQUEST, answered, assertAccessible, assertFits, shoot, visit } from "./browser.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

/** Every page and every state that is worth a look; `look` is called on each. */
async function tour(options, look) {
  await visit("", options, async (page) => {
    await page.locator(".chips .chip").first().waitFor();
    await look(page, "ask");
    const id = await answered(page);
    await page.getByRole("button", { name: "As curl" }).click();
    await page.getByText("arguments, result").first().click();
    await look(page, "answer");
    await page.route("**/v1/chat/completions", (route) =>
      route.fulfill({
        status: 429,
        headers: { "retry-after": "30" },
        json: { error: { message: "the gateway is busy", type: "x", param: null, code: "overloaded" } },
      }),
    );
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await page.getByRole("alert").waitFor();
    await look(page, "error");
    await page.unrouteAll();
    await page.goto(`${BASE}/#library/rooms_play_media`);
    await page.locator("details.function[open] table.parameters").waitFor();
    await look(page, "library");
    await page.goto(`${BASE}/#latency`);
    await page.locator(".requests li").first().waitFor();
    await look(page, "latency");
    await page.goto(`${BASE}/#request/${id}`);
    await page.getByRole("button", { name: "Decide again" }).click();
    await page.locator(".differences").waitFor();
    await look(page, "request");
  });
}

for (const colorScheme of ["light", "dark"]) {
  test(`no barriers in the ${colorScheme} scheme`, () =>
    tour({ colorScheme }, async (page, name) => {
      await assertAccessible(page, `${name}, ${colorScheme}`);
      await shoot(page, `${colorScheme}-${name}`);
    }));
}

test("a phone's width is enough", () =>
  tour(PHONE, async (page, name) => {
    await assertFits(page, name);
    await shoot(page, `phone-${name}`);
  }));

test("no barriers on a phone", () => tour(PHONE, (page, name) => assertAccessible(page, `${name}, phone`)));

test("the keyboard is enough", () =>
  visit("", {}, async (page) => {
    const press = (key) => page.keyboard.press(key);
    const focused = () => page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id);
    const tabTo = async (wanted, most = 40) => {
      for (let times = 0; times < most; times += 1) {
        await press("Tab");
        if ((await focused()) === wanted) {
          const visible = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none"
            || document.activeElement.matches("textarea"));
          assert.ok(visible, `the focus on ${wanted} cannot be seen`);
          return;
        }
      }
      assert.fail(`${wanted} is not reached with Tab`);
    };
    await tabTo("Skip to the page", 1);
    await press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    await tabTo("query", 1);
    await page.keyboard.type(REQUEST);
    await press("Enter");
    await page.getByRole("button", { name: "As curl" }).waitFor();
    await tabTo("As curl");
    await press("Enter");
    assert.ok(await page.locator(".command pre").isVisible());

    await page.evaluate(() => document.querySelector(".skip").focus());
    await tabTo("Library");
    await press("Enter");
    await page.locator("details.function").first().waitFor();
    assert.equal(await focused(), "Library", "the new page's heading has the focus");
    await tabTo("search");
    await page.keyboard.type("strawberry");
    await page.waitForFunction(() => document.querySelectorAll("details.function").length === 1);
    await press("Tab");
    await press("Enter");
    await page.locator("details.function[open] .examples").waitFor();
    await press("Tab");
    const utterance = await focused();
    await press("Enter");
    await page.getByRole("button", { name: "As curl" }).waitFor();
    assert.equal(await page.getByLabel("Your request").inputValue(), utterance);
  }));

test("Shift and Enter begin a line", () =>
  visit("", {}, async (page) => {
    await page.getByLabel("Your request").focus();
    await page.keyboard.type("one");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("two");
    assert.equal(await page.getByLabel("Your request").inputValue(), "one\ntwo");
  }));

test("what happens is said to people who listen", () =>
  visit("", {}, async (page) => {
    await answered(page);
    const said = await page.getByRole("status").innerText();
    assert.match(said, /^Answered in [\d.]+ (ms|s): /);
    assert.equal(await page.title(), "Ask · hyfunc");
    assert.match(await page.locator(".template .piece.copied").first().textContent(), /^ copied: /);
  }));

test("large text and a narrow window still fit", () =>
  visit("", { viewport: { width: 320, height: 640 } }, async (page) => {
    await page.evaluate(() => {
      document.documentElement.style.fontSize = "150%";
    });
    await answered(page);
    await assertFits(page, "150 % on 320 px");
    await shoot(page, "narrow-large-text");
  }));
