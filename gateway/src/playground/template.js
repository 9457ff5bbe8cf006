// A call's filled template: what was fixed, and what was decided, told apart by colour and line.

import { element, unseen } from "./dom.js";

const KINDS = [
  ["injected", "fixed text, no model was asked"],
  ["chosen", "one of a few spellings"],
  ["copied", "words of the request"],
  ["sampled", "written token by token"],
];

const KNOWN = new Set(KINDS.map(([kind]) => kind));

/** The pieces of one call, a parameter a line. */
export function templateView(name, pieces) {
  const template = element("div", { class: "template", role: "group", "aria-label": `Template of ${name}` });
  extendTemplate(template, pieces);
  return template;
}

/** Adds the pieces that follow; what is there already stays as it is. */
export function extendTemplate(template, pieces) {
  for (const piece of pieces) {
    let line = template.lastElementChild;
    if (line === null || startsLine(piece.text)) {
      line = element("span", { class: isInner(piece.text) ? "line inner" : "line" });
      template.append(line);
    }
    line.append(pieceView(piece));
  }
}

function startsLine(text) {
  return isInner(text) || text.startsWith("</call>");
}

function isInner(text) {
  return text.startsWith("<param>");
}

function pieceView(piece) {
  const kind = KNOWN.has(piece.kind) ? piece.kind : "injected";
  const spoken = kind === "injected" ? null : unseen(` ${kind}: `);
  return element("span", { class: `piece ${kind}`, title: piece.subject || null }, spoken, piece.text);
}

/** How to read a template, with the tokens of each kind where they are known. */
export function legendView(tokens) {
  const items = KINDS.map(([kind, meaning]) =>
    element(
      "li",
      {},
      element("span", { class: `piece ${kind}` }, kind),
      element("span", {}, ` ${meaning}`),
      tokens ? element("span", { class: "quiet" }, ` · ${tokens[kind]}`) : null,
    ),
  );
  return element("ul", { class: "legend", "aria-label": "How to read a template" }, items);
}
