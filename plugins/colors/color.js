// Colors: read in any notation of CSS, written in another. A color is [red, green, blue], each 0 to
// 1 in sRGB.

import { NAMES } from "./names.js";

const HINT = "write a name such as tomato, or #ff8800, or rgb(255, 136, 0), or hsl(32, 100%, 50%)";

/** The color that a text names; throws a text for one that names none. */
export function read(text) {
  const written = text.trim().toLowerCase();
  const name = written.replace(/[\s_-]/g, "");
  // Own names only: `constructor` is no color.
  if (Object.hasOwn(NAMES, name)) return bytes(NAMES[name]);
  const hex = /^(?:#|0x)?([0-9a-f]{3}|[0-9a-f]{6})$/.exec(written)?.[1];
  if (hex) {
    const digits = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
    return bytes(parseInt(digits, 16));
  }
  const call = /^(rgb|hsl)a?\s*\(([^()]*)\)$/.exec(written);
  if (call) return (call[1] === "rgb" ? fromRgb : fromHsl)(numbers(call[2], text));
  throw `${text.trim() || "nothing"} is no color that is known here: ${HINT}`;
}

/** A color in a notation: hex, rgb, hsl or oklch. */
export function write(color, notation) {
  const [red, green, blue] = color.map((part) => Math.round(part * 255));
  switch (notation) {
    case "rgb":
      return `rgb(${red} ${green} ${blue})`;
    case "hsl": {
      const [hue, saturation, lightness] = toHsl(color);
      return `hsl(${fixed(hue, 0) % 360} ${fixed(saturation * 100, 0)}% ${fixed(lightness * 100, 0)}%)`;
    }
    case "oklch": {
      const [lightness, a, b] = toOklab(color);
      const chroma = Math.hypot(a, b);
      // A gray has no hue, only what rounding left of one.
      const hue = chroma < 0.0005 ? 0 : ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360;
      return `oklch(${fixed(lightness, 3)} ${fixed(chroma, 3)} ${fixed(hue, 1)})`;
    }
    default:
      return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  }
}

/** Contrast of two colors by WCAG 2.2, 1 to 21. */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** A mixture in OKLab, where equal steps look equal; `share` of the second, 0 to 1. */
export function mix(first, second, share) {
  const [from, to] = [toOklab(first), toOklab(second)];
  return fromOklab(from.map((part, at) => part + (to[at] - part) * share));
}

/** A number with so many digits at most. */
export function fixed(number, digits) {
  return Number(number.toFixed(digits));
}

function bytes(number) {
  return [number >> 16, (number >> 8) & 255, number & 255].map((part) => part / 255);
}

/** Three numbers with their units, between blanks or commas; an opacity behind is left out. */
function numbers(list, text) {
  const parts = list.trim().split(/[\s,/]+/);
  const found = parts.map((part) => /^([+-]?(?:\d+\.?\d*|\.\d+))(%|deg)?$/.exec(part));
  if (parts.length < 3 || parts.length > 4 || found.includes(null)) {
    throw `${text.trim()} is not written as a color is: ${HINT}`;
  }
  return found.slice(0, 3).map(([, number, unit]) => ({ number: Number(number), unit }));
}

function fromRgb(parts) {
  return parts.map(({ number, unit }) => clamp(number / (unit === "%" ? 100 : 255)));
}

function fromHsl([hue, saturation, lightness]) {
  const [s, l] = [saturation, lightness].map(({ number }) => clamp(number / 100));
  const turn = (((hue.number % 360) + 360) % 360) / 30;
  const reach = s * Math.min(l, 1 - l);
  return [0, 8, 4].map((start) => {
    const k = (start + turn) % 12;
    return l - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  });
}

function toHsl([red, green, blue]) {
  const [largest, smallest] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const [lightness, span] = [(largest + smallest) / 2, largest - smallest];
  if (span === 0) return [0, 0, lightness];
  const saturation = span / (1 - Math.abs(2 * lightness - 1));
  const sixths =
    largest === red
      ? (green - blue) / span + (green < blue ? 6 : 0)
      : largest === green
        ? (blue - red) / span + 2
        : (red - green) / span + 4;
  return [sixths * 60, saturation, lightness];
}

/** Without the curve of sRGB: in proportion to light. */
function linear(part) {
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}

function curved(part) {
  return clamp(part <= 0.0031308 ? part * 12.92 : 1.055 * part ** (1 / 2.4) - 0.055);
}

function luminance(color) {
  const [red, green, blue] = color.map(linear);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// https://bottosson.github.io/posts/oklab
function toOklab(color) {
  const [red, green, blue] = color.map(linear);
  const l = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const m = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const s = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklab([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map(curved);
}

function clamp(part) {
  return Math.min(1, Math.max(0, part));
}
