// A table of what something takes or has, a row a member. The roles hold where the style sheet lays
// the rows out as cards.

import { breakable, element } from "./dom.js";

/** The table, from the heads of its columns and its rows. */
export function table(title, heads, rows) {
  const head = heads.map((text) => element("th", { scope: "col", role: "columnheader" }, text));
  return element(
    "table",
    { class: "parameters", role: "table" },
    element("caption", { class: "unseen" }, title),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, head)),
    element("tbody", { role: "rowgroup" }, rows),
  );
}

/** A row: the member's name, a word for whether it must be there, and what else is told of it. */
export function tableRow(row, word, ...cells) {
  return element(
    "tr",
    { role: "row" },
    element(
      "th",
      { scope: "row", role: "rowheader" },
      element("code", {}, breakable(row.name)),
      element("span", { class: row.isRequired ? "badge" : "quiet" }, word),
    ),
    cells,
  );
}

/** A cell, with the head of its column. */
export function cell(label, ...children) {
  return element("td", { role: "cell", "data-label": label }, element("div", {}, children));
}

/** What a member may be, where that is listed; only so many are shown. */
export function optionsView(options, most) {
  if (options.length === 0) {
    return null;
  }
  const shown = options.slice(0, most).map((option) => element("li", {}, element("code", {}, option)));
  const more = options.length - most;
  return element("ul", { class: "options" }, shown, more > 0 ? element("li", {}, `and ${more} more`) : null);
}
