// The library: what there is, what it takes, and what it may do.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, shoot, visit } from "./browser.mjs";

const listed = (await (await fetch(`${BASE}/v1/functions`)).json()).data;

test("every function is listed under its plugin", () =>
  visit("#library", {}, async (page) => {
    await page.locator("details.function").first().waitFor();
    const names = await page.locator("details.function > summary code").allInnerTexts();
    assert.deepEqual(names.toSorted(), listed.map((one) => one.name).toSorted());
    const plugins = await page.locator(".plugin h2").allInnerTexts();
    assert.deepEqual(plugins.toSorted(), [...new Set(listed.map((one) => one.plugin))].toSorted());
    await shoot(page, "library");
  }));

test("a function shows its parameters, schema and examples", () =>
  visit("#library/rooms_set_light", {}, async (page) => {
    const open = page.locator("details.function[open]");
    await open.locator("table.parameters").waitFor();
    assert.equal(await open.count(), 1);
    const rows = await open.locator("table.parameters tbody tr").allInnerTexts();
    const row = (name) => rows.find((text) => text.startsWith(name)) ?? assert.fail(`no row ${name}`);
    assert.match(row("room"), /required/);
    assert.match(row("settings.on"), /boolean/);
    assert.match(row("settings.brightness"), /optional[\s\S]*integer 0 to 255/);
    assert.match(row("settings.colour"), /one of[\s\S]*warm-white[\s\S]*pink/);
    await open.getByText("Schema of the parameters").click();
    const schema = JSON.parse(await open.locator("details[open] pre").innerText());
    assert.equal(schema.additionalProperties, false);
    assert.ok((await open.locator(".examples .chip").count()) > 0);
    await shoot(page, "library-function");
  }));

test("defaults are shown", () =>
  visit("#library/rooms_play_media", {}, async (page) => {
    const open = page.locator("details.function[open]");
    await open.locator("table.parameters").waitFor();
    assert.match(await open.locator("table.parameters").innerText(), /"living room"/);
    assert.match(await open.locator("table.parameters").innerText(), /\{playlist: string\} or/);
  }));

test("what a plugin may do is said", () =>
  visit("#library", {}, async (page) => {
    const grants = (plugin) => page.getByRole("list", { name: `What ${plugin} may do` });
    await grants("weather").waitFor();
    assert.match(await grants("weather").innerText(), /May reach api\.open-meteo\.com:443 \(GET\)/);
    assert.match(await grants("calc").innerText(), /May compute, and nothing else/);
  }));

test("searching narrows, tells how many, and says when nothing is left", () =>
  visit("#library", {}, async (page) => {
    const search = page.getByLabel("Search the functions");
    const functions = page.locator("details.function");
    await functions.first().waitFor();
    for (const [text, wanted] of [
      ["convert units", "units_convert"],
      ["KITCHEN lights", "rooms_set_light"],
      ["strawberry", "text_count_letter"],
    ]) {
      await search.fill(text);
      await page.waitForFunction((all) => document.querySelectorAll("details.function").length < all, listed.length);
      await functions.locator("summary code").filter({ hasText: wanted }).waitFor();
      assert.match(await page.locator("#found").innerText(), new RegExp(`^\\d+ of ${listed.length} functions$`));
    }
    await search.fill("zzzz");
    await page.getByText("No function matches").first().waitFor();
    assert.equal(await functions.count(), 0);
    await shoot(page, "library-no-match");
    await search.fill("");
    await page.waitForFunction((all) => document.querySelectorAll("details.function").length === all, listed.length);
  }));

test("an example asks", () =>
  visit("#library/text_count_letter", {}, async (page) => {
    const chip = page.locator("details.function[open] .examples .chip").first();
    const utterance = await chip.innerText();
    await chip.click();
    await page.getByRole("button", { name: "As curl" }).waitFor();
    assert.equal(await page.getByLabel("Your request").inputValue(), utterance);
    // The answer leads back to its function.
    await page.locator("table.candidates a").first().click();
    await page.locator("details.function[open]").waitFor();
  }));

test("an unknown function, an empty library and a library that cannot be had", async () => {
  await visit("#library/no_such_thing", {}, async (page) => {
    await page.getByText("There is no function called no_such_thing").waitFor();
  });
  await visit("", {}, async (page) => {
    await page.route("**/v1/functions", (route) => route.fulfill({ json: { object: "list", data: [] } }));
    await page.goto(`${BASE}/#library`);
    await page.reload();
    await page.getByText("The library is empty").waitFor();
    await page.unroute("**/v1/functions");
    await page.route("**/v1/functions", (route) => route.abort());
    await page.reload();
    await page.getByRole("heading", { name: "The gateway cannot be reached" }).waitFor();
    await page.unroute("**/v1/functions");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator("details.function").first().waitFor();
  });
});
