import { getLanguage } from "./language.js";

/** Units of a duration with their length in ms. */
const DURATION_UNITS = /** @type {const} */ ([
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
]);

/** Formats a duration in its two largest units, as messages in Telegram do. @param {number} ms */
export function formatDuration(ms) {
  const first = DURATION_UNITS.findIndex(([, length]) => ms >= length);
  if (first === -1) return ms > 0 ? `<${formatUnit("minute", 1)}` : formatUnit("minute", 0);
  let rest = ms;
  const parts = DURATION_UNITS.slice(first, first + 2).map(([unit, length]) => {
    const n = Math.floor(rest / length);
    rest -= n * length;
    return n > 0 ? formatUnit(unit, n) : "";
  });
  return parts.join(" ").trim();
}

/** @param {string} unit @param {number} n */
function formatUnit(unit, n) {
  return new Intl.NumberFormat(getLanguage(), { style: "unit", unit, unitDisplay: "short" }).format(n);
}

/** Formats an amount, without a currency as a plain number. @param {number} amount @param {string} [currency] */
export function formatMoney(amount, currency) {
  const style = currency ? /** @type {const} */ ({ style: "currency", currency }) : {};
  return new Intl.NumberFormat(getLanguage(), { maximumFractionDigits: 2, ...style }).format(amount);
}

/** Formats 0.4 as 40%. @param {number} ratio */
export function formatPercent(ratio) {
  return new Intl.NumberFormat(getLanguage(), { style: "percent" }).format(ratio);
}

/** @param {number} n */
export function formatCount(n) {
  return new Intl.NumberFormat(getLanguage()).format(n);
}
