// Numbers over many requests.

import { STEPS } from "./waterfall.js";

/** The smallest value that a share of all values does not exceed. */
export function quantile(values, share) {
  if (values.length === 0) {
    return null;
  }
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Quantiles by step, and of whole requests. Steps that no request took are left out. */
export function byStep(requests) {
  const rows = STEPS.map((step) => [
    step,
    requests.map((one) => one.timings_us[step]).filter((micros) => micros !== undefined),
  ]);
  const whole = requests.map((one) => one.took_us).filter((micros) => micros !== null);
  return [...rows, ["whole", whole]]
    .filter(([, values]) => values.length > 0)
    .map(([step, values]) => ({
      step,
      requests: values.length,
      half: quantile(values, 0.5),
      most: quantile(values, 0.9),
      nearlyAll: quantile(values, 0.99),
    }));
}

/** Requests that came within the last milliseconds; all of them without a limit. */
export function within(requests, now, milliseconds) {
  return milliseconds === null
    ? requests
    : requests.filter((one) => now - one.received_ms <= milliseconds);
}
