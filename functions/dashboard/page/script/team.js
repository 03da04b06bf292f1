/** The view Team: each agent with its tasks, figures and a chart of its days. */

import { fetchJson } from "./api.js";
import { createElement, createHeadRow, createSvgElement, createUserText, getLoadedElement, updateList } from "./dom.js";
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
import { getView } from "./views.ts";

/** @import { BoardCard, TeamAgent, TeamAnswer } from "../../answers.ts" */

/**
 * A figure of the last days, today last, with its value for a bar of full height. Of means the latest one stands for all.
 * @typedef {{
 *   name: string, values: (number | undefined)[], most: number, format: (value: number) => string, isMean?: boolean,
 * }} Figure
 */

/** The values of full-height bars, the same for all agents so that their charts can be compared. @typedef {Record<typeof FIGURES[number], number>} Scale */

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

/** More agents than these are shown as a list of lines that open: 8 fill a screen. */
const MAX_OPEN = 8;

/** The agents whose line is open. @type {Set<string>} */
const openAgents = new Set();

/** Loads the team while its view is shown. */
export async function loadTeam() {
  if (getView() !== "team") return;
  /** @type {TeamAnswer} */
  const { agents, currency, tickets } = await fetchJson("/api/team");
  const root = getLoadedElement("team-list");
  const days = agents.flatMap((agent) => agent.days);
  const scale = {
    tasks: Math.max(1, ...days.map(({ tasks }) => tasks)),
    ms: Math.max(1, ...days.map(({ ms }) => ms)),
    cost: Math.max(0.01, ...days.map(({ cost }) => cost)),
    confidence: 1,
  };
  if (agents.length === 0 && !tickets) return root.replaceChildren(createElement("li.empty", translate("team.empty")));
  const isLong = agents.length > MAX_OPEN;
  const rows = agents
    .map((agent) => ({ agent, scale, currency, name: agent.name, isLong, isOpen: openAgents.has(agent.name) }))
    .sort((a, b) => rankAttention(b.agent) - rankAttention(a.agent));
  const sessions = tickets ? [{ tickets, name: TICKETS }] : [];
  updateList(root, [...rows, ...sessions], "name", (row) =>
    "agent" in row ? drawAgentPanel(row) : drawTicketPanel(row.tickets),
  );
}

/** How much an agent needs a person: results to review, then tasks that it could start and does not. @param {TeamAgent} agent */
function rankAttention({ review, startable, holds }) {
  if (review.total > 0) return 2;
  return startable.total > 0 && holds.total === 0 ? 1 : 0;
}

/** @param {{ agent: TeamAgent, scale: Scale, currency: string | undefined, isLong: boolean, isOpen: boolean }} row */
function drawAgentPanel(row) {
  const head = drawAgentHead(row.agent);
  if (!row.isLong) return createElement("li.agent", head, drawAgentBody(row));
  const counts = LISTS.filter((name) => row.agent[name].total > 0).map((name) =>
    createElement("span.count", `${translate(`team.list.${name}`)} ${formatCount(row.agent[name].total)}`),
  );
  const summary = createElement("summary", head, createElement("span.line", counts));
  const details = createElement("details", { open: row.isOpen }, summary, row.isOpen && drawAgentBody(row));
  details.addEventListener("toggle", () => {
    if (details.open === openAgents.has(row.agent.name)) return;
    if (details.open) openAgents.add(row.agent.name);
    else openAgents.delete(row.agent.name);
    details.replaceChildren(
      summary,
      ...(details.open ? drawAgentBody(row).filter((part) => part instanceof Node) : []),
    );
  });
  return createElement("li.agent.folded", details);
}

/** @param {TeamAgent} agent */
function drawAgentHead({ name, role, holds }) {
  const isWorking = holds.total > 0;
  return createElement(
    "div.line",
    createElement("h3.who", { "data-agent": "yes" }, name),
    role === "concierge" && createElement("span.muted", translate("team.concierge")),
    createElement(
      "span.dot",
      { "data-is": isWorking ? "good" : "unknown" },
      translate(isWorking ? "team.working" : "team.idle"),
    ),
  );
}

/** @param {{ agent: TeamAgent, scale: Scale, currency: string | undefined }} row */
function drawAgentBody({ agent, scale, currency }) {
  const { name, about, days } = agent;
  const figures = FIGURES.map((figure) => ({
    name: translate(`chart.${figure}`),
    values: days.map((day) => day[figure]),
    most: scale[figure],
    format: (/** @type {number} */ value) => formatFigure(figure, value, currency),
    // Confidences do not add up, so the latest one stands for them.
    isMean: figure === "confidence",
  }));
  return [
    about ? createUserText("span", about, 160) : "",
    drawQueues(agent),
    ...drawFigures(
      name,
      days.map(({ day }) => day),
      figures,
    ),
  ];
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
      if (rest > 0) rows.push(createElement("li.muted", translate("team.more", { n: formatCount(rest) })));
      const count = createElement("b", formatCount(total));
      return [createElement("h4", translate(`team.list.${name}`), " ", count), createElement("ul", rows)];
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

/** @param {typeof FIGURES[number]} figure @param {number} value @param {string | undefined} currency */
function formatFigure(figure, value, currency) {
  if (figure === "ms") return formatDuration(value);
  if (figure === "cost") return formatMoney(value, currency);
  return figure === "confidence" ? formatPercent(value) : formatCount(value);
}

/** What the sessions of tickets have cost. @param {NonNullable<TeamAnswer["tickets"]>} tickets */
function drawTicketPanel({ month, days }) {
  /** @param {number} value */
  const format = (value) => formatMoney(value, "USD");
  const values = days.map(({ cost }) => cost);
  const figure = { name: translate("chart.cost"), values, most: Math.max(0.01, ...values), format };
  return createElement(
    "li.agent",
    createElement("div.line", createElement("h3.who", TICKETS), createElement("span.muted", translate("team.tickets"))),
    createElement("p", translate("team.month", { cost: format(month) })),
    drawFigures(
      TICKETS,
      days.map(({ day }) => day),
      [figure],
    ),
  );
}

/** Draws figures as charts and as a table. @param {string} who @param {string[]} days @param {Figure[]} figures */
function drawFigures(who, days, figures) {
  return [
    createElement(
      "div.charts.picture",
      figures.map((figure) => drawChart(who, days, figure)),
    ),
    drawTable(who, days, figures),
  ];
}

/** Draws a figure as bars, one for each day. @param {string} who @param {string[]} days @param {Figure} figure */
function drawChart(who, days, { name, values, most, format, isMean }) {
  const last = values.findLastIndex((value) => value !== undefined);
  const sum = values.reduce((/** @type {number} */ total, value = 0) => total + value, 0);
  const figure = isMean ? values[last] : sum;
  const total = figure === undefined ? "–" : format(figure);
  const hint = isMean && last >= 0 ? translate("chart.latest", { day: formatDay(days[last] ?? "") }) : "";
  const peak = Math.max(0, ...values.map((value = 0) => value));
  const day = formatDay(days[values.indexOf(peak)] ?? "");
  const label = peak
    ? translate("chart.label", { name, who, total, most: format(peak), day })
    : translate("chart.label.none", { name, who });
  const viewBox = `0 0 ${days.length * BAR_STEP - (BAR_STEP - BAR_WIDTH)} ${HEIGHT}`;
  const bars = values.map((value, i) => drawBar(value, i, most));
  return createElement(
    "div.chart",
    createElement("p.total", createElement("b", total), " ", createElement("span", hint)),
    createElement("p.muted", name),
    createSvgElement(
      "svg",
      { viewBox, preserveAspectRatio: "none", role: "img", "aria-label": label },
      createSvgElement("path", { class: "bars", d: bars.slice(0, -1).join("") }),
      createSvgElement("path", { class: "bars today", d: bars.at(-1) ?? "" }),
    ),
    createElement(
      "p.axis",
      { "aria-hidden": "true" },
      createElement("span", formatDay(days[0] ?? "")),
      createElement("span", translate("chart.today")),
    ),
  );
}

/** @param {number | undefined} value @param {number} index of the day @param {number} most */
function drawBar(value, index, most) {
  if (!value) return "";
  const height = Math.max(MIN_BAR, (value / most) * HEIGHT);
  return `M${index * BAR_STEP} ${HEIGHT}v-${height.toFixed(1)}h${BAR_WIDTH}V${HEIGHT}z`;
}

/** The figures of the days as a table, today first. @param {string} who @param {string[]} days @param {Figure[]} figures */
function drawTable(who, days, figures) {
  const rows = days.map((day, i) =>
    createElement(
      "tr",
      createElement("th", { scope: "row" }, formatDay(day)),
      figures.map(({ values, format }) => {
        const value = values[i];
        return createElement("td", value === undefined ? "–" : format(value));
      }),
    ),
  );
  const caption = createElement("caption.sr", `${who}: ${translate("team.hint")}`);
  const head = createHeadRow([translate("chart.day"), ...figures.map(({ name }) => name)]);
  const body = createElement("tbody", rows.toReversed());
  return createElement("div.figures", createElement("table", caption, createElement("thead", head), body));
}
