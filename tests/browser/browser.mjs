// One browser for all tests, a fresh context for each, and what must hold on every page.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";

import axe from "axe-core";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
];
const WAIT_MS = 60_000;

/** A request that the models answer with a call whose values stand in it. */
export const REQUEST = "how many miles are 42.195 km?";

/** The gateway under test; these tests start none. */
export const BASE = process.env.HYFUNC_URL;
assert.ok(BASE, "HYFUNC_URL must name the gateway, as http://127.0.0.1:8080");

const shots = process.env.HYFUNC_TEST_SHOTS ?? join(tmpdir(), "hyfunc-screenshots");
mkdirSync(shots, { recursive: true });

let browser;

before(async () => {
  // A profile of its own, which goes with the browser.
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: FLAGS,
  });
});

after(() => browser?.close());

/** Opens a page of the playground, hands it to the test, and checks that nothing went wrong beside
 * it: no violation of the policy unless the test makes one, no uncaught error. */
export async function visit(hash, { violates = false, ...options }, test) {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const faults = watch(page);
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  try {
    await page.goto(`${BASE}/${hash}`);
    await page.locator("h1").waitFor();
    await test(page);
    const wanted = (fault) => violates && /Content Security Policy|Trusted/.test(fault);
    assert.deepEqual(faults.filter((fault) => !wanted(fault)), [], "the page has faults");
  } finally {
    await context.close();
  }
}

function watch(page) {
  const faults = [];
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    // The browser itself logs every answer that is an error; the page shows those.
    const isLoad = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isLoad) {
      faults.push(`console: ${message.text()}`);
    }
  });
  return faults;
}

/** Types a request and sends it. */
export async function ask(page, query = REQUEST) {
  await page.getByLabel("Your request").fill(query);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
}

/** Asks, and waits for the whole answer. Gives its request id. */
export async function answered(page, query = REQUEST) {
  await ask(page, query);
  await page.getByRole("button", { name: "As curl" }).waitFor();
  return page.locator(".facts a").first().innerText();
}

/** Keeps a picture for people to look at. */
export async function shoot(page, name) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

/** Checks a page for barriers. */
export async function assertAccessible(page, where) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const found = violations.map(
    ({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => node.html).join(" | ")}`,
  );
  assert.deepEqual(found, [], where);
}

/** Checks that nothing has to be scrolled sideways. */
export async function assertFits(page, where) {
  const { width, shown, culprit } = await page.evaluate(() => {
    const shown = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll("body *")].find(
      (node) => node.getBoundingClientRect().right > shown + 1 && !node.closest(".unseen, .track, .skip"),
    );
    return {
      width: document.documentElement.scrollWidth,
      shown,
      culprit: wide ? `${wide.tagName}.${wide.getAttribute("class")}` : null,
    };
  });
  assert.ok(width <= shown, `${where} is ${width} px wide on ${shown} px; see ${culprit}`);
}
