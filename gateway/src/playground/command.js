// A request as a command for a terminal.

import { address, hasKey } from "./api.js";
import { announce, element, freshId } from "./dom.js";

/** Quotes a text for a POSIX shell. */
export function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The command that sends a body to an endpoint. A key is named, never shown. */
export function curl(path, body) {
  const lines = [`curl ${quote(address(path).href)}`, `-H ${quote("content-type: application/json")}`];
  if (hasKey()) {
    lines.push('-H "authorization: Bearer $HYFUNC_KEY"');
  }
  lines.push(`-d ${quote(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}

/** A button that shows the command, and one that copies it. */
export function commandView(path, body) {
  const id = freshId("command");
  const text = curl(path, body);
  const code = element("code", {}, text);
  const copy = element("button", { type: "button", class: "plain" }, "Copy");
  copy.addEventListener("click", async () => {
    const copied = await copyText(text, code);
    copy.textContent = copied ? "Copied" : "Selected: press Ctrl+C";
    announce(copy.textContent);
  });
  const shown = element("div", { id, class: "command", hidden: true }, element("pre", {}, code), copy);
  const toggle = element(
    "button",
    { type: "button", class: "plain", "aria-expanded": "false", "aria-controls": id },
    "As curl",
  );
  toggle.addEventListener("click", () => {
    shown.hidden = !shown.hidden;
    toggle.setAttribute("aria-expanded", String(!shown.hidden));
  });
  return element("div", { class: "as-command" }, toggle, shown);
}

async function copyText(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages that did not come over TLS or loopback have no clipboard: select it instead.
    const range = document.createRange();
    range.selectNodeContents(shown);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return false;
  }
}
