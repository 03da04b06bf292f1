/** The view Team: each agent with its tasks, figures and a chart of its days. */

import { fetchJson } from "./api.js";
import { createElement, createSvgElement, createUserText, getElement, updateList } from "./dom.js";
import {
  formatClock,
  formatCount,
  formatDay,
  formatDuration,
  formatMoney,
  formatPercent,
  translate,
} from "./language.js";
import { drawTaskRow } from "./tasks.js";
import { getView } from "./views.js";

/** @import { BoardCard, TeamAgent, TeamAnswer } from "../../answers.ts" */

/** The values of full-height bars, the same for all agents so that their charts can be compared. @typedef {Record<"tasks" | "ms" | "cost", number>} Scale */
const LISTS = /** @type {const} */ (["holds", "startable", "waiting", "review"]);

const FIGURES = /** @type {const} */ (["tasks", "ms", "cost", "confidence"]);

/** The program that works on tickets. */
const TICKETS = "Claude Code";

/** Width and height of a chart's coordinates; the style sheet stretches them. */
const BAR_STEP = 8;

const BAR_WIDTH = 6;

const HEIGHT = 40;

/** Height of the smallest bar that is not zero, so that it can be seen. */
const MIN_BAR = 2;

/** Loads the team while its view is shown. */
export async function loadTeam() {
  if (getView() !== "team") return;
  /** @type {TeamAnswer} */
  const { agents, currency, tickets } = await fetchJson("/api/team");
  const root = getElement("team-list");
  root.setAttribute("aria-busy", "false");
  const days = agents.flatMap((agent) => agent.days);
  const scale = {
    tasks: Math.max(1, ...days.map(({ tasks }) => tasks)),
    ms: Math.max(1, ...days.map(({ ms }) => ms)),
    cost: Math.max(0.01, ...days.map(({ cost }) => cost)),
  };
  if (agents.length === 0 && !tickets) {
    root.replaceChildren(createElement("li.empty", translate("team.empty")));
    return;
  }
  const rows = agents.map((agent) => ({ agent, scale, currency, name: agent.name }));
  const sessions = tickets ? [{ tickets, name: TICKETS }] : [];
  updateList(
    root,
    [...rows, ...sessions],
    ({ name }) => name,
    (row) => ("agent" in row ? drawAgentPanel(row) : drawTicketPanel(row.tickets)),
  );
}

/** @param {{ agent: TeamAgent, scale: Scale, currency: string | undefined }} row */
function drawAgentPanel({ agent, scale, currency }) {
  const isWorking = agent.holds.total > 0;
  return createElement(
    "li.agent",
    createElement(
      "div.line",
      createElement("h3.who", { "data-agent": "yes" }, agent.name),
      agent.role === "concierge" && createElement("span.muted", translate("team.concierge")),
      createElement(
        "span.dot",
        { "data-is": isWorking ? "good" : "unknown" },
        translate(isWorking ? "team.working" : "team.idle"),
      ),
    ),
    agent.about && createUserText("span", agent.about, 160),
    drawQueues(agent),
    createElement("div.charts.picture", drawCharts(agent, scale, currency)),
    drawFigureTable(agent, currency),
  );
}

/** @param {TeamAgent} agent */
function drawQueues(agent) {
  const lists = LISTS.filter((name) => agent[name].total > 0);
  if (lists.length === 0) return createElement("p.muted", translate("team.none"));
  return createElement(
    "div.queues",
    lists.flatMap((name) => {
      const { total, cards } = agent[name];
      const rows = cards.map((card) => drawTaskRow(card, getNote(name, card)));
      const rest = total - cards.length;
      return [
        createElement("h4", translate(`team.list.${name}`), " ", createElement("b", formatCount(total))),
        createElement(
          "ul",
          rows,
          rest > 0 && createElement("li.muted", translate("team.more", { n: formatCount(rest) })),
        ),
      ];
    }),
  );
}

/** Until when a task is claimed, or why it waits. @param {typeof LISTS[number]} list @param {BoardCard} card */
function getNote(list, { held, blockers, word }) {
  if (list === "holds") return held && translate("team.note.until", { until: formatClock(held.until) });
  if (list !== "waiting") return undefined;
  if (held) return translate("team.note.held", { who: held.by });
  if (blockers.length > 0) return translate("team.note.after", { keys: blockers.map(({ key }) => key).join(", ") });
  return translate(word === "blocked" ? "team.note.blocked" : "team.note.unread");
}

/** @param {TeamAgent} agent @param {Scale} scale @param {string | undefined} currency */
function drawCharts({ name, days }, scale, currency) {
  return FIGURES.map((figure) => {
    const values = days.map((day) => ({ day: day.day, value: day[figure] }));
    /** @param {number} value */
    const format = (value) => formatFigure(figure, value, currency);
    // Confidences do not add up, so the latest one stands for them.
    const latest = values.findLast(({ value }) => value !== undefined);
    const isMean = figure === "confidence";
    const sum = values.reduce((total, { value = 0 }) => total + value, 0);
    return drawChart({
      name: translate(`chart.${figure}`),
      who: name,
      total: isMean ? (latest?.value === undefined ? "–" : format(latest.value)) : format(sum),
      hint: isMean && latest ? translate("chart.latest", { day: formatDay(latest.day) }) : undefined,
      days: values,
      most: isMean ? 1 : scale[figure],
      format,
    });
  });
}

/** @param {typeof FIGURES[number]} figure @param {number} value @param {string | undefined} currency */
function formatFigure(figure, value, currency) {
  if (figure === "ms") return formatDuration(value);
  if (figure === "cost") return formatMoney(value, currency);
  return figure === "confidence" ? formatPercent(value) : formatCount(value);
}

/**
 * Draws one figure of an agent as bars, one for each day; the last day is today.
 * @param {{
 *   name: string, who: string, total: string, hint?: string | undefined,
 *   days: { day: string, value: number | undefined }[], most: number, format: (value: number) => string,
 * }} chart `most`: the value of a bar of full height
 */
function drawChart({ name, who, total, hint, days, most, format }) {
  const peak = days.reduce((best, one) => ((one.value ?? 0) > (best.value ?? 0) ? one : best), { day: "", value: 0 });
  const label = peak.value
    ? translate("chart.label", { name, who, total, most: format(peak.value), day: formatDay(peak.day) })
    : translate("chart.label.none", { name, who });
  const viewBox = `0 0 ${days.length * BAR_STEP - (BAR_STEP - BAR_WIDTH)} ${HEIGHT}`;
  return createElement(
    "div.chart",
    createElement("p.total", createElement("b", total), " ", createElement("span", hint ?? "")),
    createElement("p.muted", name),
    createSvgElement(
      "svg",
      { viewBox, preserveAspectRatio: "none", role: "img", "aria-label": label },
      createSvgElement("path", { class: "bars", d: drawBars(days.slice(0, -1), 0, most) }),
      createSvgElement("path", { class: "bars today", d: drawBars(days.slice(-1), days.length - 1, most) }),
    ),
    createElement(
      "p.axis",
      { "aria-hidden": "true" },
      createElement("span", formatDay(days[0]?.day ?? "")),
      createElement("span", translate("chart.today")),
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

/** @param {TeamAgent} agent @param {string | undefined} currency */
function drawFigureTable({ name, days }, currency) {
  const rows = days.map((day) => ({
    day: day.day,
    cells: FIGURES.map((figure) => {
      const value = day[figure];
      return value === undefined ? "–" : formatFigure(figure, value, currency);
    }),
  }));
  return drawTable(
    name,
    FIGURES.map((figure) => translate(`chart.${figure}`)),
    rows,
  );
}

/** The figures of the days as a table, today first. @param {string} name @param {string[]} columns @param {{ day: string, cells: string[] }[]} days */
function drawTable(name, columns, days) {
  const heads = columns.map((column) => createElement("th", { scope: "col" }, column));
  const rows = days.toReversed().map(({ day, cells }) =>
    createElement(
      "tr",
      createElement("th", { scope: "row" }, formatDay(day)),
      cells.map((cell) => createElement("td", cell)),
    ),
  );
  const caption = createElement("caption.sr", `${name}: ${translate("team.hint")}`);
  const head = createElement("tr", createElement("th", { scope: "col" }, translate("chart.day")), heads);
  return createElement(
    "div.figures",
    createElement("table", caption, createElement("thead", head), createElement("tbody", rows)),
  );
}

/** What the sessions of tickets have cost. @param {NonNullable<TeamAnswer["tickets"]>} tickets */
function drawTicketPanel({ month, days }) {
  /** @param {number} value */
  const format = (value) => formatMoney(value, "USD");
  const name = translate("chart.cost");
  const values = days.map(({ day, cost }) => ({ day, value: cost }));
  const costs = days.map(({ cost }) => cost);
  const total = format(costs.reduce((sum, cost) => sum + cost, 0));
  const most = Math.max(0.01, ...costs);
  return createElement(
    "li.agent",
    createElement("div.line", createElement("h3.who", TICKETS), createElement("span.muted", translate("team.tickets"))),
    createElement("p", translate("team.month", { cost: format(month) })),
    createElement("div.charts.picture", drawChart({ name, who: TICKETS, total, days: values, most, format })),
    drawTable(
      TICKETS,
      [name],
      days.map(({ day, cost }) => ({ day, cells: [format(cost)] })),
    ),
  );
}
