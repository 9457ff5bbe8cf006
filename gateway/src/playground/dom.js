// Elements from names, attributes and children. A text becomes a text node and nothing else: no
// markup ever comes from data.

const DRAWING = "http://www.w3.org/2000/svg";

/** An element of the page. Attributes that begin with `on` are listeners. */
export function element(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** An element of a drawing. */
export function shape(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(DRAWING, name), attributes, children);
}

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) {
      node.addEventListener(name.slice(2), value);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, value);
    }
  }
  node.append(...present(children));
  return node;
}

/** Replaces all children. */
export function replace(node, ...children) {
  node.replaceChildren(...present(children));
}

function present(children) {
  return children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Sets a custom property, which the style sheet turns into a length or a place. */
export function measure(node, property, value) {
  node.style.setProperty(property, value);
  return node;
}

/** Text for people who listen instead of look. */
export function unseen(text) {
  return element("span", { class: "unseen" }, text);
}

/** Says something to people who listen, wherever they are on the page. */
export function announce(text) {
  document.getElementById("announcement").textContent = text;
}

/** A name that may break after its underscores. */
export function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, at) => (at === 0 ? [part] : [element("wbr"), part]));
}

let last = 0;

/** An id that nothing else on the page has. */
export function freshId(prefix) {
  last += 1;
  return `${prefix}-${last}`;
}
