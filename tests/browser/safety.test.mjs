// Data stays text, whoever wrote it, and the policy that the browser enforces is strict.

import assert from "node:assert/strict";
import { test } from "node:test";

import { BASE, answered, shoot, visit } from "./browser.mjs";

const MARKUP = `<img src=x onerror="document.title='run'"><b>3 km</b><script>document.title='run'</script>`;

async function assertPlain(page, where) {
  assert.equal(await page.locator("main img, main b, main script").count(), 0, `markup in ${where}`);
  assert.notEqual(await page.title(), "run", `a script ran in ${where}`);
}

test("a request with markup in it stays text on every page", () =>
  visit("", {}, async (page) => {
    const query = `how many miles are ${MARKUP}?`;
    const id = await answered(page, query);
    await assertPlain(page, "the answer");
    await page.goto(`${BASE}/#latency`);
    await page.locator(".requests li").first().waitFor();
    assert.ok((await page.locator(".requests").innerText()).includes("<img src=x"), "the text is gone");
    await assertPlain(page, "the list");
    await page.goto(`${BASE}/#request/${id}`);
    await page.locator("blockquote").waitFor();
    assert.equal(await page.locator("blockquote").innerText(), query);
    await assertPlain(page, "the request's page");
    await shoot(page, "safety-markup");
  }));

test("a plugin with markup in its docs stays text", () =>
  visit("", {}, async (page) => {
    const hostile = {
      name: MARKUP,
      description: `${MARKUP}\n${MARKUP}`,
      plugin: MARKUP,
      plugin_digest: MARKUP,
      parameters: {
        type: "object",
        properties: { [MARKUP]: { type: "string", enum: [MARKUP], description: MARKUP, default: MARKUP } },
      },
      result: { type: "string" },
      grants: {
        http: { hosts: [{ host: MARKUP, port: 1, methods: [MARKUP], allow_private: true, allow_plain: true }] },
        keyvalue: { store: true },
        config: { keys: [MARKUP] },
      },
      examples: [{ utterance: MARKUP, arguments: { [MARKUP]: MARKUP } }],
    };
    await page.route("**/v1/functions", (route) => route.fulfill({ json: { object: "list", data: [hostile] } }));
    await page.goto(`${BASE}/#library`);
    await page.reload();
    await page.locator("details.function > summary").click();
    await page.locator("table.parameters").waitFor();
    assert.ok((await page.locator("main").innerText()).includes("<img src=x"), "the text is gone");
    await assertPlain(page, "the library");
  }));

test("an error with markup in it stays text", () =>
  visit("", {}, async (page) => {
    await page.route("**/v1/chat/completions", (route) =>
      route.fulfill({ status: 400, json: { error: { message: MARKUP, type: MARKUP, param: null, code: MARKUP } } }),
    );
    await page.getByLabel("Your request").fill("x");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await assertPlain(page, "the error");
  }));

test("the browser enforces the policy", () =>
  visit("", { violates: true }, async (page) => {
    const outcomes = await page.evaluate(async () => {
      const blocked = [];
      addEventListener("securitypolicyviolation", (event) => {
        event.stopImmediatePropagation();
        blocked.push(event.violatedDirective);
      }, { capture: true });
      // Each is what a script that slipped in would try.
      const tried = {};
      const attempt = (name, work) => {
        try {
          work();
          tried[name] = "allowed";
        } catch {
          tried[name] = "refused";
        }
      };
      attempt("markup", () => {
        document.createElement("div").innerHTML = "<p>x</p>";
      });
      tried.elsewhere = await fetch("https://example.org/").then(() => "allowed", () => "refused");
      // The browser tells of violations a little later.
      const began = Date.now();
      const wanted = ["connect-src", "require-trusted-types-for"];
      while (!wanted.every((one) => blocked.includes(one)) && Date.now() - began < 30_000) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return { tried, blocked };
    });
    assert.deepEqual(outcomes.tried, { markup: "refused", elsewhere: "refused" });
    for (const directive of ["connect-src", "require-trusted-types-for"]) {
      assert.ok(outcomes.blocked.includes(directive), outcomes.blocked.join());
    }
  }));

test("every file of the page comes with the headers of the page", async () => {
  const page = await (await fetch(`${BASE}/`)).text();
  const files = [...page.matchAll(/"(playground\/[^"]+)"/g)].map((match) => match[1]);
  assert.ok(files.length >= 3, page);
  for (const path of ["", ...files]) {
    const response = await fetch(`${BASE}/${path}`);
    await response.text();
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(response.headers.get("referrer-policy"), "no-referrer", path);
    const policy = response.headers.get("content-security-policy");
    assert.match(policy, /default-src 'none'/, path);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/, path);
  }
});
