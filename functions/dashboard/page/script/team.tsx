/** The view Team: a table of the agents, each with its tasks, figures and a chart of its days when its row is open. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { BoardCard } from "../../answers.ts";
import type { TeamAgent, TeamAnswer, TeamQueue } from "../../team-route.ts";
import { fetchAnswer } from "./api.ts";
import { Button, drawPart, TableHead, UserText } from "./elements.tsx";
import {
  formatClock,
  formatCount,
  formatDay,
  formatDuration,
  formatMoney,
  formatPercent,
  translate,
} from "./language.ts";
import { TaskRow } from "./task-card.tsx";
import { getView, isTableChosen } from "./views.ts";

/** A figure of the last days, today last, with its value for a bar of full height. Of means the latest one stands for all. */
interface Figure {
  name: string;
  values: (number | undefined)[];
  most: number;
  format: (value: number) => string;
  isMean?: boolean;
}

/** Figures of an agent, or of what works on tickets. */
interface FiguresProps {
  who: string;
  days: { day: string }[];
  figures: Figure[];
}

/** The lists of an agent's tasks, in the order of the columns. */
const LISTS: readonly TeamQueue[] = ["holds", "startable", "waiting", "review"];

/** The figures of an agent's days: how each is written, and the least value of a bar of full height. */
const FIGURES = {
  tasks: [formatCount, 1],
  ms: [formatDuration, 1],
  cost: [formatMoney, 0.01],
  tokens: [formatCount, 1],
  confidence: [formatPercent, 1],
} as const;

/** The program that works on tickets. */
const TICKETS = "Claude Code";

/** Width and height of a chart's coordinates, which the style sheet stretches; the smallest bar can still be seen. */
const BAR_STEP = 8;
const BAR_WIDTH = 6;
const HEIGHT = 40;
const MIN_BAR = 2;

/** The rows of at most 8 agents are open at first: these fill a screen. */
const MAX_OPEN = 8;

/** Loads the team while its view is shown. */
export async function loadTeam(): Promise<void> {
  if (getView() !== "team") return void drawPart("team-list", null);
  const team = await fetchAnswer("/api/team");
  const isEmpty = team.agents.length === 0 && !team.tickets;
  drawPart("team-list", isEmpty ? <p class="empty">{translate("team.empty")}</p> : <Team {...team} />);
}

function Team({ agents, tickets }: TeamAnswer) {
  const sorted = [...agents].sort((a, b) => rankAttention(b) - rankAttention(a));
  const days = agents.flatMap((agent) => agent.days);
  const isOpen = agents.length <= MAX_OPEN;
  const rows = sorted.map((agent) => (
    <Agent key={agent.name} agent={agent} figures={listFigures(agent, days)} isOpen={isOpen} />
  ));
  return (
    <table>
      <TableHead names={[translate("team"), ...LISTS.map((name) => translate(`team.list.${name}`))]} />
      {rows}
      {tickets && <Tickets key={`tickets ${TICKETS}`} {...tickets} isOpen={isOpen} />}
    </table>
  );
}

/** How much an agent needs a person: results to review, then tasks that it could start and does not. */
function rankAttention({ review, startable, holds }: TeamAgent): number {
  if (review.total > 0) return 2;
  return startable.total > 0 && holds.total === 0 ? 1 : 0;
}

/** The figures of an agent. @param days of all agents: their bars have one scale, so that charts can be compared */
function listFigures(agent: TeamAgent, days: TeamAgent["days"]): Figure[] {
  const hasTokens = days.some(({ tokens }) => tokens !== undefined);
  const shown = (Object.keys(FIGURES) as (keyof typeof FIGURES)[]).filter((name) => name !== "tokens" || hasTokens);
  return shown.map((figure) => {
    const [format, least] = FIGURES[figure];
    // What a gateway has not measured is what the agent says.
    const isReported = agent.days.some(({ cost, measured = 0 }) => cost - measured > 0.000_001);
    return {
      name: translate(figure === "cost" && isReported ? "chart.reported" : `chart.${figure}`),
      values: agent.days.map((day) => day[figure]),
      most: Math.max(least, ...days.map((day) => day[figure] ?? 0)),
      format,
      // Confidences do not add up, so the latest one stands for them.
      isMean: figure === "confidence",
    };
  });
}

function Agent({ agent, figures, isOpen }: { agent: TeamAgent; figures: Figure[]; isOpen: boolean }) {
  const { name, role, about, holds, days } = agent;
  const lists = LISTS.filter((list) => agent[list].total > 0);
  const isWorking = holds.total > 0;
  const state = (
    <>
      {role === "concierge" && <span class="muted">{translate("team.concierge")}</span>}
      <span class="dot" data-is={isWorking ? "good" : "unknown"}>
        {translate(isWorking ? "team.working" : "team.idle")}
      </span>
    </>
  );
  const queues = lists.map((list) => <Queue key={list} list={list} {...agent[list]} />);
  return (
    <Rows name={name} state={state} counts={LISTS.map((list) => agent[list].total)} isOpen={isOpen}>
      {about && <UserText text={about} max={160} />}
      {lists.length === 0 && <p class="muted">{translate("team.none")}</p>}
      <div class="queues">{queues}</div>
      <Figures who={name} days={days} figures={figures} />
    </Rows>
  );
}

/** What the sessions of tickets have cost. */
function Tickets({ days, month, isOpen }: NonNullable<TeamAnswer["tickets"]> & { isOpen: boolean }) {
  const values = days.map(({ cost }) => cost);
  const figure = { name: translate("chart.cost"), values, most: Math.max(0.01, ...values), format: formatMoney };
  const state = <span class="muted">{translate("team.tickets")}</span>;
  return (
    <Rows name={TICKETS} state={state} counts={LISTS.map(() => 0)} isOpen={isOpen}>
      <p>{translate("team.month", { cost: formatMoney(month) })}</p>
      <Figures who={TICKETS} days={days} figures={[figure]} />
    </Rows>
  );
}

interface RowsProps {
  name: string;
  state: ComponentChildren;
  counts: number[];
  /** The row is open unless a person has closed it. */
  isOpen: boolean;
  children: ComponentChildren;
}

/** The row of an agent, and below it what it consists of while it is open. */
function Rows({ name, state, counts, isOpen: isOpenAtFirst, children }: RowsProps) {
  const [isOpen, setIsOpen] = useState(isOpenAtFirst);
  const cells = counts.map((count, i) => (
    <td key={LISTS[i]} data-count={count}>
      {formatCount(count)}
    </td>
  ));
  return (
    <tbody class="agent" data-key={name}>
      <tr>
        <th scope="row">
          <Button class="link who" text={name} isExpanded={isOpen} onPress={() => setIsOpen(!isOpen)} /> {state}
        </th>
        {cells}
      </tr>
      {isOpen && (
        <tr>
          <td colSpan={1 + LISTS.length}>
            <div class="detail">{children}</div>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Queue({ list, total, cards }: { list: TeamQueue; total: number; cards: BoardCard[] }) {
  const rows = cards.map((card) => <TaskRow key={card.id} card={card} note={getNote(list, card)} />);
  return (
    <div>
      <h3>
        {translate(`team.list.${list}`)} <b>{formatCount(total)}</b>
      </h3>
      <ul>
        {rows}
        {total > cards.length && (
          <li class="muted">{translate("team.more", { n: formatCount(total - cards.length) })}</li>
        )}
      </ul>
    </div>
  );
}

/** Until when a task is claimed, or why it waits. */
function getNote(list: TeamQueue, { held, blockers, word }: BoardCard): string | undefined {
  if (list === "holds") return held && translate("team.note.until", { until: formatClock(held.until) });
  if (list !== "waiting") return undefined;
  if (held) return translate("team.note.held", { who: held.by });
  if (blockers.length > 0) return translate("team.note.after", { keys: blockers.map(({ key }) => key).join(", ") });
  return translate(word === "blocked" ? "team.note.blocked" : "team.note.unread");
}

/** Figures as charts, or as a table with today first. */
function Figures({ who, days, figures }: FiguresProps) {
  const charts = figures.map((figure) => <Chart key={figure.name} {...{ who, days, figure }} />);
  if (!isTableChosen()) return <div class="charts">{charts}</div>;
  const rows = days.map(({ day }, i) => (
    <tr key={day}>
      <th scope="row">{formatDay(day)}</th>
      {figures.map(({ name, values, format }) => (
        <td key={name}>{formatFigure(values[i], format)}</td>
      ))}
    </tr>
  ));
  return (
    <div class="figures">
      <table>
        <caption class="sr">
          {who}: {translate("team.hint")}
        </caption>
        <TableHead names={[translate("chart.day"), ...figures.map(({ name }) => name)]} />
        <tbody>{rows.toReversed()}</tbody>
      </table>
    </div>
  );
}

function formatFigure(value: number | undefined, format: Figure["format"]): string {
  return value === undefined ? "–" : format(value);
}

/** A figure as bars, one for each day. */
function Chart({ who, days, figure }: Omit<FiguresProps, "figures"> & { figure: Figure }) {
  const { name, values, most, format, isMean } = figure;
  const getDay = (index: number) => formatDay(days[index]?.day ?? "");
  const last = values.findLastIndex((value) => value !== undefined);
  const total = formatFigure(isMean ? values[last] : values.reduce<number>((all, value = 0) => all + value, 0), format);
  const peak = Math.max(0, ...values.map((value = 0) => value));
  const label = peak
    ? translate("chart.label", { name, who, total, most: format(peak), day: getDay(values.indexOf(peak)) })
    : translate("chart.label.none", { name, who });
  const bars = values.map((value, i) => formatBar(value, i, most));
  const box = `0 0 ${days.length * BAR_STEP - (BAR_STEP - BAR_WIDTH)} ${HEIGHT}`;
  return (
    <div class="chart">
      <p class="total">
        <b>{total}</b> <span>{isMean && last >= 0 && translate("chart.latest", { day: getDay(last) })}</span>
      </p>
      <p class="muted">{name}</p>
      <svg viewBox={box} preserveAspectRatio="none" role="img" aria-label={label}>
        <path class="bars" d={bars.slice(0, -1).join("")} />
        <path class="bars today" d={bars.at(-1) ?? ""} />
      </svg>
      <p class="axis" aria-hidden="true">
        <span>{getDay(0)}</span>
        <span>{translate("chart.today")}</span>
      </p>
    </div>
  );
}

function formatBar(value: number | undefined, index: number, most: number): string {
  if (!value) return "";
  const height = Math.max(MIN_BAR, (value / most) * HEIGHT);
  return `M${index * BAR_STEP} ${HEIGHT}v-${height.toFixed(1)}h${BAR_WIDTH}V${HEIGHT}z`;
}
