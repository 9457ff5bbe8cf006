// Numbers, times and texts as people read them.

const MILLISECOND_US = 1_000;
const SECOND_US = 1_000_000;

/** Microseconds with the unit that fits. */
export function duration(micros) {
  if (micros < MILLISECOND_US) {
    return `${Math.round(micros)} µs`;
  }
  if (micros < SECOND_US) {
    const millis = micros / MILLISECOND_US;
    return `${millis.toFixed(millis < 10 ? 2 : millis < 100 ? 1 : 0)} ms`;
  }
  return `${(micros / SECOND_US).toFixed(2)} s`;
}

/** A probability, 0 to 1, in percent. */
export function percent(probability) {
  const value = 100 * probability;
  if (value > 0 && value < 0.1) {
    return "< 0.1 %";
  }
  return `${value.toFixed(1)} %`;
}

/** A score of the retriever. */
export function score(value) {
  return value.toFixed(3);
}

/** A time of day of a moment, in milliseconds since 1970. */
export function clock(moment) {
  return new Date(moment).toLocaleTimeString();
}

/** A count and what is counted. */
export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/** JSON on several lines. */
export function pretty(json) {
  return JSON.stringify(json, null, 2);
}

/** JSON on one line, keys in order, so that equal values are equal texts. */
export function canonical(json) {
  return JSON.stringify(json, (_key, value) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : value,
  );
}

/** The first line of a text. */
export function firstLine(text) {
  return text.split("\n", 1)[0];
}
