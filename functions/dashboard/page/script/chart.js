import { createElement, createSvgElement } from "./dom.js";
import { formatDay, translate } from "./language.js";

/** Width and height of a chart's coordinates; the style sheet stretches them. */
const BAR_STEP = 8;
const BAR_WIDTH = 6;
const HEIGHT = 40;
/** Height of the smallest bar that is not zero, so that it can be seen. */
const MIN_BAR = 2;

/**
 * Draws one figure of an agent as bars, one for each day; the last day is today.
 * @param {{
 *   name: string, who: string, total: string, hint?: string | undefined,
 *   days: { day: string, value: number | undefined }[], most: number, format: (value: number) => string,
 * }} chart `most`: the value of a bar of full height
 */
export function drawChart({ name, who, total, hint, days, most, format }) {
  const peak = days.reduce((best, one) => ((one.value ?? 0) > (best.value ?? 0) ? one : best), { day: "", value: 0 });
  const label = peak.value
    ? translate("chart.label", { name, who, total, most: format(peak.value), day: formatDay(peak.day) })
    : translate("chart.label.none", { name, who });
  const viewBox = `0 0 ${days.length * BAR_STEP - (BAR_STEP - BAR_WIDTH)} ${HEIGHT}`;
  return createElement(
    "div",
    { class: "chart" },
    createElement("p", { class: "total" }, createElement("b", {}, total), " ", createElement("span", {}, hint ?? "")),
    createElement("p", { class: "muted" }, name),
    createSvgElement(
      "svg",
      { viewBox, preserveAspectRatio: "none", role: "img", "aria-label": label },
      createSvgElement("path", { class: "bars", d: drawBars(days.slice(0, -1), 0, most) }),
      createSvgElement("path", { class: "bars today", d: drawBars(days.slice(-1), days.length - 1, most) }),
    ),
    createElement(
      "p",
      { class: "axis", "aria-hidden": "true" },
      createElement("span", {}, formatDay(days[0]?.day ?? "")),
      createElement("span", {}, translate("chart.today")),
    ),
  );
}

/** @param {{ value: number | undefined }[]} days @param {number} start index of the first @param {number} most */
function drawBars(days, start, most) {
  return days
    .map(({ value }, i) => {
      if (!value) return "";
      const height = Math.max(MIN_BAR, (value / most) * HEIGHT);
      return `M${(start + i) * BAR_STEP} ${HEIGHT}v-${height.toFixed(1)}h${BAR_WIDTH}V${HEIGHT}z`;
    })
    .join("");
}
