// The library: every function by its plugin, what it takes, and what its plugin may do.

import { asGatewayError, listFunctions } from "./api.js";
import { errorPanel } from "./advice.js";
import { announce, breakable, element, freshId, replace } from "./dom.js";
import { count, firstLine, pretty } from "./format.js";
import { rowsOf, typeOf } from "./schema.js";
import { cell, optionsView, table, tableRow } from "./table.js";

// Functions shown at once; a search narrows what is beyond.
const SHOWN_MAX = 200;
const OPTIONS_MAX = 40;
const TYPING_MS = 150;

/** The page. `name` is the function that is to be open. */
export function libraryPage({ name, ask }) {
  const search = element("input", {
    id: "search",
    type: "search",
    autocomplete: "off",
    placeholder: "a name, a word, something people say",
  });
  const found = element("p", { class: "quiet", id: "found" });
  const list = element("div", { class: "library" }, element("p", { class: "quiet" }, "Loading the library."));
  const page = { title: "Library", focus: null, leave: () => clearTimeout(timer) };
  let timer = null;

  async function load() {
    try {
      const functions = await listFunctions();
      const show = () => showFunctions(list, found, functions, search.value, name, ask);
      search.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          show();
          announce(found.textContent);
        }, TYPING_MS);
      });
      show();
      openNamed(list, found, functions, name);
    } catch (error) {
      replace(list, errorPanel(asGatewayError(error), load));
    }
  }

  load();
  page.element = element(
    "div",
    {},
    element("h1", { tabindex: "-1" }, "Library"),
    element(
      "form",
      { class: "searching", role: "search", onsubmit: (event) => event.preventDefault() },
      element("label", { for: "search" }, "Search the functions"),
      search,
      found,
    ),
    list,
  );
  return page;
}

/** A link to one function opens it and brings it into view. */
function openNamed(list, found, functions, name) {
  if (!name) {
    return;
  }
  const shown = [...list.querySelectorAll("details[data-function]")];
  const wanted = shown.find((details) => details.dataset.function === name);
  if (wanted) {
    wanted.open = true;
    wanted.querySelector("summary").focus();
    wanted.scrollIntoView({ block: "start" });
  } else if (!functions.some((one) => one.name === name)) {
    found.textContent = `There is no function called ${name} in the library.`;
  }
}

function showFunctions(list, found, functions, text, name, ask) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = functions.filter((one) => {
    const haystack = haystackOf(one);
    return words.every((word) => haystack.includes(word));
  });
  const ranked = name ? [...matching].sort((a, b) => (b.name === name) - (a.name === name)) : matching;
  const shown = new Set(ranked.slice(0, SHOWN_MAX));
  const plugins = new Map();
  for (const one of matching.filter((candidate) => shown.has(candidate))) {
    plugins.set(one.plugin, [...(plugins.get(one.plugin) ?? []), one]);
  }
  found.textContent = foundText(matching.length, functions.length, shown.size);
  replace(list, [...plugins].map(([plugin, own]) => pluginView(plugin, own, ask)));
}

function foundText(matching, all, shown) {
  if (all === 0) {
    return "The library is empty: start the gateway with plugins.";
  }
  if (matching === 0) {
    return "No function matches. Try fewer or other words.";
  }
  const beyond = shown < matching ? `; the first ${shown} are shown, search to narrow` : "";
  return matching === all ? `${count(all, "function")}${beyond}` : `${matching} of ${all} functions${beyond}`;
}

function haystackOf(one) {
  const utterances = one.examples.map((example) => example.utterance);
  return [one.name, one.plugin, one.description, ...utterances].join("\n").toLowerCase();
}

function pluginView(plugin, functions, ask) {
  const id = freshId("plugin");
  const [{ grants, plugin_digest: digest }] = functions;
  return element(
    "section",
    { class: "plugin", "aria-labelledby": id },
    element(
      "div",
      { class: "row between" },
      element("h2", { id }, plugin),
      element("span", { class: "quiet" }, "sha256 ", element("code", { title: digest }, digest.slice(0, 12))),
    ),
    element("ul", { class: "grants", "aria-label": `What ${plugin} may do` }, grantsOf(grants).map((text) => element("li", {}, text))),
    functions.map((one) => functionView(one, ask)),
  );
}

/** What a plugin may do besides computing, in sentences. */
export function grantsOf(grants) {
  const hosts = (grants?.http.hosts ?? []).map((grant) => {
    const extras = [
      grant.allow_plain ? "also without TLS" : null,
      grant.allow_private ? "also at private addresses" : null,
    ].filter(Boolean);
    const ways = [grant.methods.join(", "), ...extras].join("; ");
    return `May reach ${grant.host}:${grant.port} (${ways})`;
  });
  const keys = grants?.config.keys ?? [];
  const sentences = [
    ...hosts,
    grants?.keyvalue.store ? "May keep data of its own" : null,
    keys.length > 0 ? `May read the settings ${keys.join(", ")}` : null,
  ].filter(Boolean);
  return sentences.length > 0 ? sentences : ["May compute, and nothing else"];
}

function functionView(one, ask) {
  const body = element("div", { class: "body" });
  const details = element(
    "details",
    { class: "function", "data-function": one.name },
    element(
      "summary",
      {},
      element("code", {}, breakable(one.name)),
      element("span", { class: "quiet" }, firstLine(one.description)),
    ),
    body,
  );
  // A library may be large: what nobody opens is never made.
  details.addEventListener("toggle", () => {
    if (details.open && body.childElementCount === 0) {
      replace(body, functionBody(one, ask));
    }
  });
  return details;
}

function functionBody(one, ask) {
  const [, ...rest] = one.description.split("\n");
  return [
    rest.length > 0 ? element("p", { class: "description" }, rest.join("\n").trim()) : null,
    element("h3", {}, "Parameters"),
    parametersView(one),
    element("h3", {}, "Gives"),
    element("p", {}, resultText(one.result)),
    examplesView(one.examples, ask),
    schemaView("Schema of the parameters", one.parameters),
    schemaView("Schema of the result", one.result),
  ];
}

function resultText(schema) {
  const alternatives = schema?.anyOf ?? schema?.oneOf;
  // The last alternative of a function that may fail is its error.
  const [first] = alternatives ?? [schema];
  const isFallible = alternatives?.some((one) => one.properties?.error && one.required?.includes("error"));
  if (!first || first.type === "null") {
    return isFallible ? "Nothing, or an error." : "Nothing.";
  }
  const names = Object.keys(first.properties ?? {});
  const words = names.length > 0 ? names.join(", ") : typeOf(first);
  return isFallible ? `${words}; or an error.` : `${words}.`;
}

function parametersView(one) {
  const rows = rowsOf(one.parameters);
  if (rows.length === 0) {
    return element("p", { class: "quiet" }, "None.");
  }
  return table(`Parameters of ${one.name}`, ["Name", "Type", "Default", "Meaning"], rows.map(parameterView));
}

function parameterView(row) {
  return tableRow(
    row,
    row.isRequired ? "required" : "optional",
    cell("Type", row.type, optionsView(row.options, OPTIONS_MAX)),
    cell("Default", row.hasDefault ? element("code", {}, JSON.stringify(row.default)) : "–"),
    cell("Meaning", row.description || "–"),
  );
}

function examplesView(examples, ask) {
  if (examples.length === 0) {
    return null;
  }
  const shown = examples.map((example) =>
    element(
      "li",
      {},
      element(
        "button",
        { type: "button", class: "chip", onclick: () => ask(example.utterance) },
        example.utterance,
      ),
      element("code", { class: "quiet" }, JSON.stringify(example.arguments)),
    ),
  );
  return [element("h3", {}, "People say"), element("ul", { class: "examples" }, shown)];
}

function schemaView(title, schema) {
  return element(
    "details",
    {},
    element("summary", {}, title),
    element("pre", {}, element("code", {}, pretty(schema))),
  );
}
