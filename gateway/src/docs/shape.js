// Schemas and texts of the document, as tables and paragraphs.

import { element, replace } from "../playground/dom.js";
import { rowsOf, typeOf } from "../playground/schema.js";
import { cell, optionsView, table, tableRow } from "../playground/table.js";

const DEPTH_MAX = 5;
const OPTIONS_MAX = 16;

/** A part that opens. What nobody opens is never made. */
export function opens(attributes, summary, contents) {
  const body = element("div", { class: "body" });
  const details = element("details", attributes, element("summary", summary.attributes, summary.children), body);
  details.addEventListener("toggle", () => {
    if (details.open && body.childElementCount === 0) {
      replace(body, contents());
    }
  });
  return details;
}

/** What a reference names, or the thing itself. */
export function follow(thing, api) {
  if (typeof thing?.$ref !== "string") {
    return thing;
  }
  const found = thing.$ref
    .replace(/^#\//, "")
    .split("/")
    .reduce((at, part) => at?.[part], api);
  return found ?? {};
}

/** The schema with its references written out, so deep as people read. */
function resolve(schema, api, depth = 0) {
  const found = follow(schema, api);
  if (found === null || typeof found !== "object") {
    return found;
  }
  if (depth > DEPTH_MAX) {
    return { type: found.type, description: found.description };
  }
  const inner = (one) => resolve(one, api, depth + 1);
  const whole = { ...found };
  for (const key of ["anyOf", "oneOf", "prefixItems"]) {
    if (found[key]) {
      whole[key] = found[key].map(inner);
    }
  }
  if (found.items) {
    whole.items = inner(found.items);
  }
  if (found.properties) {
    whole.properties = Object.fromEntries(Object.entries(found.properties).map(([name, one]) => [name, inner(one)]));
  }
  return whole;
}

/** Tables of a schema: its own members, then those of each form that it may have. */
export function schemaView(schema, api, title) {
  return element("div", { class: "shape" }, shapeView(resolve(schema, api), title, 0));
}

function shapeView(schema, title, depth) {
  const rows = rowsOf(schema);
  const forms = formsOf(schema);
  const parts = depth < DEPTH_MAX ? partsOf(schema, depth) : [];
  const isPlain = rows.length === 0 && forms.length === 0;
  return [
    rows.length > 0 ? table(title, ["Name", "Type", "Meaning"], rows.map(rowView)) : null,
    isPlain ? element("p", {}, plainText(schema)) : null,
    forms.map((form, at) => formView(form, form.title ?? `Form ${at + 1}`, title, depth)),
    parts,
  ];
}

function plainText(schema) {
  const type = typeOf(schema);
  return [type.charAt(0).toUpperCase(), type.slice(1), schema.description ? `: ${schema.description}` : "."];
}

/** Forms of an object that are told apart; `T or null` is no such choice. */
function formsOf(schema) {
  const forms = (schema.oneOf ?? schema.anyOf ?? []).filter((one) => one.properties);
  return forms.length > 1 || (forms.length === 1 && forms[0].title) ? forms.map(named) : [];
}

/** A form without a title is called by its `type`, where that is fixed. */
function named(form) {
  const types = form.properties.type?.enum;
  return form.title || !types ? form : { ...form, title: types.join(", ") };
}

function formView(form, name, title, depth) {
  return opens({ class: "variant" }, { attributes: {}, children: name }, () => [
    form.description ? prose(form.description) : null,
    shapeView(form, `${title}: ${name}`, depth + 1),
  ]);
}

/** Forms of the members, which a table cannot hold. */
function partsOf(schema, depth) {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const inner = property.items ?? property;
    const forms = formsOf(inner);
    if (forms.length === 0) {
      return [];
    }
    const shown = property.items ? `${name}[]` : name;
    return [
      element("h4", {}, "Forms of ", element("code", {}, shown)),
      forms.map((form, at) => formView(form, form.title ?? `Form ${at + 1}`, shown, depth)),
    ];
  });
}

function rowView(row) {
  // `null` is the same as a member that is not there, and is not told again.
  const options = row.options.filter((option) => option !== "null");
  return tableRow(
    row,
    row.isRequired ? "always" : "optional",
    cell("Type", row.type, optionsView(options, OPTIONS_MAX)),
    cell("Meaning", row.description ? inline(row.description) : "–"),
  );
}

/** Paragraphs and lists. */
export function prose(text) {
  return text.split("\n\n").map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => line.startsWith("- "))) {
      return element("ul", {}, lines.map((line) => element("li", {}, inline(line.slice(2)))));
    }
    return element("p", {}, inline(block));
  });
}

/** A text, with what stands between backticks as code. */
function inline(text) {
  return text.split("`").map((part, at) => (at % 2 === 1 ? element("code", {}, part) : part));
}
