// Latency over time: a column a request, its steps on top of each other.

import { element, shape } from "./dom.js";
import { duration } from "./format.js";
import { STEPS } from "./waterfall.js";

const COLUMNS_MAX = 64;
// Units of the drawing, which the style sheet stretches: a column is one wide, the slowest request
// is as high as this.
const HIGHEST = 100;
const GAP = 0.2;
// Fewer columns than this leave room at the right instead of growing fat.
const COLUMNS_MIN = 24;

/** A drawing of the newest requests, oldest first, its scale, and the colours of the steps. */
export function chartView(requests) {
  const shown = requests.slice(0, COLUMNS_MAX).reverse();
  const whole = (one) => Object.values(one.timings_us).reduce((sum, micros) => sum + micros, 0);
  const slowest = Math.max(1, ...shown.map(whole));
  const label =
    `Latency of the last ${shown.length} requests by step, oldest first; ` +
    `the slowest took ${duration(slowest)}. The table below has the numbers.`;
  const drawing = shape(
    "svg",
    {
      viewBox: `0 0 ${Math.max(COLUMNS_MIN, shown.length)} ${HIGHEST}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    shown.map((one, at) => columnView(one, at, slowest)),
  );
  const scale = [slowest, slowest / 2, 0].map((micros) =>
    element("span", {}, micros === 0 ? "0" : duration(micros)),
  );
  return [
    element("div", { class: "chart" }, element("div", { class: "scale", "aria-hidden": "true" }, scale), drawing),
    keyView(),
  ];
}

function columnView(one, x, slowest) {
  let y = HIGHEST;
  const bars = STEPS.filter((step) => one.timings_us[step] !== undefined).map((step) => {
    const height = (HIGHEST * one.timings_us[step]) / slowest;
    y -= height;
    return shape("rect", { class: `step ${step}`, x, y, width: 1 - GAP, height });
  });
  return shape("g", {}, bars);
}

function keyView() {
  const items = STEPS.map((step) =>
    element("li", {}, element("span", { class: `swatch step ${step}`, "aria-hidden": "true" }), step),
  );
  return element("ul", { class: "key", "aria-label": "Steps" }, items);
}
