// The document as a page: its groups, and the operations of each.

import { get } from "../playground/api.js";
import { announce, element, replace } from "../playground/dom.js";
import { operationView } from "./operation.js";
import { prose } from "./shape.js";

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

const main = document.getElementById("main");

function operationsOf(api) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })),
  );
}

function groupId(name) {
  return `group-${name.toLowerCase()}`;
}

function groupsView(tags) {
  const links = tags.map(({ name }) => element("li", {}, element("a", { href: `#${groupId(name)}` }, name)));
  return element("nav", { class: "groups", "aria-label": "Groups" }, element("ul", {}, links));
}

function groupView({ name, description }, operations, api) {
  const id = groupId(name);
  return element(
    "section",
    { class: "operations", "aria-labelledby": id },
    element("h2", { id, tabindex: "-1" }, name),
    description ? element("p", { class: "quiet" }, description) : null,
    operations.map((operation) => operationView(operation, api)),
  );
}

function pageView(api) {
  const operations = operationsOf(api);
  const groups = api.tags.map((tag) => {
    const own = operations.filter((operation) => operation.tags.includes(tag.name));
    return groupView(tag, own, api);
  });
  return element(
    "div",
    {},
    element("h1", { tabindex: "-1" }, api.info.title, " API"),
    element("p", {}, api.info.summary),
    element("div", { class: "prose" }, prose(api.info.description)),
    groupsView(api.tags),
    groups,
  );
}

/** A link to one operation or group opens it and brings it into view. */
function openNamed() {
  const name = decode(location.hash.slice(1));
  const wanted = name ? document.getElementById(name) : null;
  if (!wanted) {
    return;
  }
  const details = wanted.closest("details");
  if (details) {
    details.open = true;
  }
  wanted.scrollIntoView({ block: "start" });
  wanted.focus({ preventScroll: true });
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function problemView(error) {
  return element(
    "section",
    { class: "panel wrong", role: "alert" },
    element("h2", {}, "The document is not there"),
    element("p", {}, error.message),
    element("div", { class: "row" }, element("button", { type: "button", onclick: () => load() }, "Try again")),
  );
}

async function load() {
  try {
    const api = await get("/openapi.json");
    replace(main, pageView(api));
    document.getElementById("version").textContent = `Version ${api.info.version}, OpenAPI ${api.openapi}.`;
    announce("The page is there.");
    openNamed();
  } catch (error) {
    replace(main, problemView(error));
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", openNamed);
load();
