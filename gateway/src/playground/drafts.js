// Calls that are being written: each template grows where it stands, and nothing is drawn twice.

import { functionLink } from "./candidates.js";
import { announce, element } from "./dom.js";
import { extendTemplate, legendView, templateView } from "./template.js";

/** The calls of one answer until all is decided. `level` is that of their headings. */
export class DraftsView {
  constructor(level) {
    this.level = level;
    this.list = element("ol", { class: "calls drafts" });
    this.elements = [legendView(null), this.list];
    this.shown = [];
  }

  /** All that is known of them by now, in their order. */
  show(drafts) {
    drafts.forEach(({ name, pieces }, at) => {
      this.shown[at] ??= this.begin(name);
      const shown = this.shown[at];
      extendTemplate(shown.template, pieces.slice(shown.count));
      shown.count = pieces.length;
    });
  }

  begin(name) {
    const template = templateView(name, []);
    const head = element(`h${this.level}`, {}, functionLink(name, null));
    const state = element("span", { class: "badge" }, "being decided");
    this.list.append(element("li", {}, element("div", { class: "row between" }, head, state), template));
    announce(`Calling ${name}.`);
    return { template, count: 0 };
  }
}
