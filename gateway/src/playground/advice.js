// Errors with what to do about them.

import { hasKey, useKey } from "./api.js";
import { element, freshId } from "./dom.js";

const TITLES = {
  400: "This request cannot be read",
  401: "A key is needed",
  403: "This is not allowed",
  404: "There is no such thing",
  405: "This is not offered",
  408: "The request came too slowly",
  413: "This is too long",
  429: "The gateway is busy",
  500: "A fault in the gateway",
  502: "The function failed",
  503: "The gateway cannot answer now",
  504: "This took too long",
};

const UNREACHABLE =
  "Check that hyfunc serve still runs, and that this page's address is the one it printed.";

function titleOf(error) {
  switch (error.kind) {
    case "unreachable":
      return "The gateway cannot be reached";
    case "stopped":
      return "Stopped";
    case "broken":
      return "The answer broke off";
    case "unreadable":
      return "This answer cannot be read";
    default:
      return TITLES[error.status] ?? "This did not work";
  }
}

function adviceOf(error) {
  switch (error.kind) {
    case "unreachable":
      return UNREACHABLE;
    case "stopped":
      return "The gateway ends the work of requests that nobody waits for.";
    case "broken":
      return "The gateway was stopped, or something between it and this page cut the connection.";
    default:
      return error.message;
  }
}

/** A panel that says what went wrong and offers the next step. */
export function errorPanel(error, retry) {
  const id = freshId("error");
  const quiet = error.kind === "stopped";
  const again = element("button", { type: "button", class: "plain", onclick: retry }, "Try again");
  return element(
    "section",
    { class: quiet ? "panel" : "panel wrong", "aria-labelledby": id, role: quiet ? null : "alert" },
    element("h2", { id }, titleOf(error)),
    element("p", {}, adviceOf(error)),
    facts(error),
    error.status === 401 ? keyForm(retry) : null,
    retry ? element("p", { class: "row" }, again) : null,
    error.retryAfterSeconds ? waiting(again, error.retryAfterSeconds) : null,
  );
}

function facts(error) {
  const parts = [
    error.code ? ["Code", error.code] : null,
    error.requestId ? ["Request", error.requestId] : null,
  ].filter(Boolean);
  if (parts.length === 0) {
    return null;
  }
  const rows = parts.map(([name, value]) => [
    element("dt", {}, name),
    element("dd", {}, element("code", {}, value)),
  ]);
  return element("dl", { class: "facts" }, rows);
}

/** Counts down to the moment that the gateway named. */
function waiting(button, seconds) {
  const line = element("p", { class: "quiet" });
  let left = seconds;
  button.disabled = true;
  const tell = () => {
    line.textContent = left > 0 ? `Wait ${left} s before trying again.` : "You may try again now.";
    button.disabled = left > 0;
  };
  tell();
  const timer = setInterval(() => {
    left -= 1;
    tell();
    if (left <= 0 || !line.isConnected) {
      clearInterval(timer);
    }
  }, 1_000);
  return line;
}

function keyForm(retry) {
  const id = freshId("key");
  const input = element("input", { id, type: "password", autocomplete: "off", required: true });
  const submit = (event) => {
    event.preventDefault();
    useKey(input.value.trim());
    retry?.();
  };
  return element(
    "form",
    { class: "row", onsubmit: submit },
    element("label", { for: id }, hasKey() ? "Another key" : "Key"),
    input,
    element("button", { type: "submit" }, "Use it until this tab closes"),
  );
}
