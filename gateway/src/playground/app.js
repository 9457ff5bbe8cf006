// The pages, and which of them the address names.

import { servedModel } from "./api.js";
import { askPage } from "./ask.js";
import { replace } from "./dom.js";
import { latencyPage } from "./latency.js";
import { libraryPage } from "./library.js";
import { replayPage } from "./replay.js";

const main = document.getElementById("main");
let current = null;
// What another page asks the first one to ask. It never comes from the address: a link of
// somebody else must not run anything.
let pending = null;

function ask(query) {
  pending = query;
  if (location.hash === "#ask") {
    show(true);
  } else {
    location.hash = "#ask";
  }
}

function pageOf(hash) {
  const [name, ...rest] = hash.replace(/^#/, "").split("/");
  const argument = decode(rest.join("/"));
  switch (name) {
    case "library":
      return ["library", libraryPage({ name: argument, ask })];
    case "latency":
      return ["latency", latencyPage()];
    case "request":
      return ["latency", replayPage({ id: argument })];
    default: {
      const query = pending;
      pending = null;
      return ["ask", askPage({ query, atOnce: query !== null })];
    }
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function show(isNavigation) {
  current?.leave();
  const [name, page] = pageOf(location.hash);
  current = page;
  document.title = `${page.title} · hyfunc`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.page === name) {
      link.setAttribute("aria-current", "page");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  replace(main, page.element);
  if (isNavigation) {
    scrollTo(0, 0);
    (page.focus ?? page.element.querySelector("h1")).focus({ preventScroll: true });
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => show(true));
show(false);

function tellServing() {
  servedModel().then(
    (model) => {
      document.getElementById("serving").textContent = `Answered by ${model}, at ${location.host}.`;
    },
    () => {
      // The page itself says what is wrong as soon as something is asked.
    },
  );
}

addEventListener("hyfunc-key", tellServing);
tellServing();
