/** The view Activity: each decision with its event, its actions and the reason of each. */

import { type ComponentChildren, render } from "preact";
import { useState } from "preact/hooks";
import type { DecidedAction, DecisionLogAnswer, DecisionRow, RuleBasis } from "../../answers.ts";
import { openFailedJobs } from "./administration.tsx";
import { fetchAnswer } from "./api.ts";
import { showMessage } from "./chat.tsx";
import { Button, Chip, drawPart, Facts, Moment, TableHead, UserText } from "./elements.tsx";
import { findElement, focusFirstVisible, getElement } from "./find-elements.ts";
import { findTextName, formatDay, getLanguage, translate, translateParts } from "./language.ts";
import type { TextName } from "./page-types.ts";
import { chooseTask, getChosenTask, getProject } from "./views.ts";
import { WhyText } from "./why.tsx";

/** Number of entries in one request; older entries are loaded on demand. */
const PAGE_SIZE = 50;

const MAX_PAGE_SIZE = 200;

const HEADS = ["head.when", "head.what", "head.answer"] as const;

/** Interval between announcements to screen readers: 5 s, so that each can be read out before the next. */
const NEWS_INTERVAL_MS = 5_000;

let shownRows: DecisionRow[] = [];

/** Cursor of the next older page. */
let olderFrom: string | undefined;

let wantedCount = PAGE_SIZE;

let newestId: string | undefined;

let unsaidCount = 0;

let latestNews = "";

let newsTimer: ReturnType<typeof setTimeout> | undefined;

export async function loadDecisions(): Promise<void> {
  const filter = getFilter();
  const answer = await fetchDecisions(Math.min(MAX_PAGE_SIZE, wantedCount));
  if (filter === getFilter()) showNewestDecisions(answer);
}

/** The task or project whose decisions are shown. */
function getFilter(): string {
  return `${getChosenTask()} ${getProject()}`;
}

function fetchDecisions(limit: number, before?: string): Promise<DecisionLogAnswer> {
  const task = getChosenTask();
  const project = task ? "" : getProject();
  return fetchAnswer("/api/why", { item: task, project, limit, before, language: getLanguage() });
}

/** Shows the newest decisions, followed by the older ones that were already loaded. */
function showNewestDecisions({ rows, next, session }: DecisionLogAnswer): void {
  const line = getElement("why-session");
  line.hidden = !session;
  render(session && translateParts("why.session", { session: <UserText text={session} max={120} /> }), line);
  const last = rows.at(-1);
  const older = last && next !== undefined ? shownRows.filter(({ id }) => id > last.id) : [];
  const all = [...rows, ...older];
  const shown = all.slice(0, wantedCount);
  drawDecisions(shown, shown.length < all.length ? shown.at(-1)?.id : all.length > rows.length ? olderFrom : next);
  if (!getChosenTask()) announceNews(rows);
}

function drawDecisions(rows: DecisionRow[], next: string | undefined): void {
  shownRows = rows;
  olderFrom = next;
  const task = getChosenTask();
  const chip = task && (
    <Chip text={translate("why.of", { item: task })} title={translate("why.all")} onRemove={() => chooseTask()} />
  );
  render(chip, getElement("why-of"));
  if (rows.length === 0)
    return void drawPart("trail", <p class="empty">{translate(task ? "empty.item" : "empty.why")}</p>);
  drawPart(
    "trail",
    <>
      <table>
        <TableHead names={HEADS.map((name) => translate(name))} />
        <tbody>
          {rows.map((row) => (
            <Decision key={row.id} row={row} />
          ))}
        </tbody>
      </table>
      {next !== undefined && (
        <Button class="quiet more" onPress={showOlderDecisions}>
          {translate("more")}
        </Button>
      )}
    </>,
  );
}

async function showOlderDecisions(): Promise<void> {
  const filter = getFilter();
  const { rows, next } = await fetchDecisions(PAGE_SIZE, olderFrom);
  if (filter !== getFilter()) return;
  const known = new Set(shownRows.map(({ id }) => id));
  wantedCount = Math.max(wantedCount, shownRows.length) + rows.length;
  drawDecisions([...shownRows, ...rows.filter(({ id }) => !known.has(id))], next);
  if (next === undefined) focusFirstVisible(getElement("why"));
}

/** One decision: when, what happened to which task, and what Groundcrew did about it by which rule. */
function Decision({ row }: { row: DecisionRow }) {
  const { id, at, item, asked, now } = row;
  const subject = getSubject(row);
  // That other systems get only some events is of interest to those who set them up.
  const held = row.held.filter(({ consumer, why }) => consumer !== "forward" || why !== "no_rule");
  return (
    <tr data-key={id}>
      <td class="when">
        <Moment at={at} />
      </td>
      <td class="what">
        {item ? (
          <Button class="key" onPress={() => chooseTask(item.key)}>
            {subject}
          </Button>
        ) : (
          <span class="key">{subject}</span>
        )}{" "}
        {item && <UserText text={item.title} max={140} />}
        <EventText row={row} />
        {/* The page of a task says it above. */}
        {now && !getChosenTask() && (
          <p class="muted">
            <WhyText why={now} />
          </p>
        )}
      </td>
      <td class="answer">
        {asked.map((action) => (
          <Action key={`${action.rule} ${action.target}`} action={action} subject={subject} />
        ))}
        {held.map(({ consumer, why, rule = "", basis }) => (
          <div key={`${consumer} ${why} ${rule}`} class="line held">
            <span>
              {translateParts(`held.${why}`, {
                rule: why === "polls" ? <bdi>{rule.slice(0, 80)}</bdi> : <RuleName rule={rule} basis={basis} />,
              })}
            </span>
          </div>
        ))}
        {asked.length + held.length === 0 && <div class="line held">{translate("did.nothing")}</div>}
        <TechnicalDetails row={row} />
      </td>
    </tr>
  );
}

function getSubject({ item, project, cycle }: DecisionRow): string {
  if (item) return item.key;
  return cycle ? `${project.identifier} · ${cycle.slice(0, 60)}` : project.name || project.identifier;
}

/** Describes in a sentence what happened and who did it. */
function EventText({ row: { event, actor } }: { row: DecisionRow }) {
  const [values, name] = describeEvent(event);
  // Work events have no actor of their own: the event itself names the person.
  const person = actor ?? ("by" in event && event.by ? { name: event.by, isAgent: false } : undefined);
  const by = person ? translateParts("by", { who: <Name {...person} /> }) : [];
  return (
    <p class="event" data-event={event.kind}>
      {translateParts(name ?? `event.${event.kind}`, { ...values, by })}
    </p>
  );
}

/** The values in the text of an event, and the name of this text where a case has one of its own. */
function describeEvent(
  event: DecisionRow["event"],
): [values: Record<string, ComponentChildren>, name?: TextName | undefined] {
  const agent = "agent" in event ? <Name name={event.agent} isAgent /> : "";
  const text = "text" in event ? <UserText text={event.text} /> : "";
  const who = <Name name={event.name ?? ("by" in event ? event.by : undefined)} />;
  switch (event.kind) {
    case "renamed":
      return [{ from: <UserText text={event.from} max={120} /> }];
    case "due": {
      const name = event.from === null ? "event.due.set" : event.to === null ? "event.due.removed" : undefined;
      return [{ from: formatDay(event.from), to: formatDay(event.to) }, name];
    }
    case "priority":
      return [{ from: translate(`priority.${event.from}`), to: translate(`priority.${event.to}`) }];
    case "asked":
      return [{ agent, text }, event.reminder > 0 ? "event.asked.reminder" : undefined];
    case "claim_lost":
      return [{ agent, minutes: event.minutes ?? 15, who }, findTextName(`event.claim_lost.${event.why}`)];
    case "ticket": {
      const name = findTextName(`event.ticket.${event.reason}`) ?? findTextName(`event.ticket.${event.state}`);
      return [{ agent, text }, name];
    }
    case "review":
      return [{ agent, confidence: event.confidence.toLocaleString(getLanguage()) }];
    case "sent_back":
    case "plan_rejected": {
      const { reason } = event;
      return [{ agent, reason: reason ? translateParts("reason", { text: <UserText text={reason} /> }) : "" }];
    }
    case "stuck":
      return [{ blocker: <bdi class="key">{event.blocker}</bdi> }, findTextName(`event.stuck.${event.why}`)];
    case "circle":
      return [{ path: event.path.slice(0, 12).join(" → ") }];
    case "plan_proposed":
    case "plan_completed":
      return [{ agent, n: event.tasks }];
    default:
      return [{ agent, text, who }];
  }
}

/** The name of a person, whom Groundcrew may not know, or of an agent. */
function Name({ name, isAgent = false }: { name?: string | null | undefined; isAgent?: boolean }) {
  return (
    <bdi class="who" data-agent={isAgent ? "yes" : "no"} {...(isAgent && { title: translate("agent") })}>
      {(name ?? translate("someone")).slice(0, 60)}
    </bdi>
  );
}

/**
 * Says in sentences what became of an action and which rule decided it, with a button that shows its message or the
 * failed jobs. `subject` tells screen readers what the button is about.
 */
function Action({ action, subject }: { action: DecidedAction; subject: string }) {
  const { queue, to, rule, basis } = action;
  const outcome = action.fate ?? ({ is: "waiting" } as const);
  const is = outcome.is === "delivered" && outcome.repeat ? "repeat" : outcome.is;
  const message = "message" in outcome ? outcome.message : undefined;
  const always = queue === "wake" ? "rule.wake" : "rule.always";
  return (
    <div class="line">
      <span class="fate" data-is={outcome.is}>
        {translateParts(findTextName(`did.${queue}.${is}`) ?? "did.other", {
          to: <bdi>{to.slice(0, 80)}</bdi>,
          at: "at" in outcome && <Moment at={outcome.at} />,
          reason: "reason" in outcome && <UserText text={outcome.reason} />,
        })}
      </span>
      {message && (
        <Button class="link" onPress={() => showMessage(message)} subject={subject}>
          {translate("did.show")}
        </Button>
      )}
      {outcome.is === "set_aside" && (
        <Button class="link" onPress={openFailedJobs} subject={subject}>
          {translate("failed_jobs")}
        </Button>
      )}
      <span class="rule">
        {translateParts(basis === "always" ? always : `rule.${basis}`, {
          rule: <RuleName rule={rule} basis={basis} />,
        })}
      </span>
    </div>
  );
}

/** An entry of the settings without a name is called after its position, such as `notifications[1]`. */
function RuleName({ rule, basis }: { rule: string; basis: RuleBasis | undefined }) {
  const [, list, index] = /^(notifications|forward)\[(\d+)\]$/.exec(basis === "settings" ? rule : "") ?? [];
  if (list) return <>{translateParts("rule.numbered", { list: <code>{list}</code>, n: Number(index) + 1 })}</>;
  const name = basis === "default" ? findTextName(`rule.default.${rule}`) : undefined;
  return <>{translateParts("rule.named", { rule: <bdi>{name ? translate(name) : rule.slice(0, 80)}</bdi> })}</>;
}

function TechnicalDetails({ row }: { row: DecisionRow }) {
  const [isOpen, setIsOpen] = useState(false);
  const { via, event, asked, held, correlation } = row;
  const facts = [
    ["technical.event", event.kind],
    ["technical.source", translate(`via.${via}` as TextName)],
    ...asked.map(
      ({ rule, target, fate }) => ["technical.action", `${rule} → ${target} → ${fate?.is ?? "waiting"}`] as const,
    ),
    ...held.map(
      ({ consumer, why, rule }) => ["technical.skipped", `${consumer}: ${why}${rule ? ` (${rule})` : ""}`] as const,
    ),
    ["technical.correlation", correlation],
  ] as const;
  return (
    <details class="technical" onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
      <summary>
        {translate("technical")}
        <span class="sr"> {getSubject(row)}</span>
      </summary>
      {isOpen && (
        <dl>
          <Facts facts={facts.map(([name, text]) => [translate(name), text.slice(0, 300)])} />
        </dl>
      )}
    </details>
  );
}

/** Announces new decisions to screen readers. */
function announceNews(rows: DecisionRow[]): void {
  const [latest] = rows;
  const since = newestId;
  if (!latest || (since !== undefined && latest.id >= since)) return;
  newestId = latest.id;
  if (since === undefined) return;
  unsaidCount += rows.filter(({ id }) => id < since).length;
  latestNews = `${getSubject(latest)}: ${findElement(getElement("trail"), ".event").textContent}`;
  if (newsTimer === undefined) sayNews();
}

function sayNews(): void {
  newsTimer = undefined;
  if (unsaidCount === 0) return;
  const text = translate(unsaidCount === 1 ? "news.one" : "news.many", { n: unsaidCount, what: latestNews });
  getElement("news").textContent = text;
  unsaidCount = 0;
  newsTimer = setTimeout(sayNews, NEWS_INTERVAL_MS);
}

/** Forgets the shown decisions, because another task or project was chosen. */
export function resetDecisions(): void {
  shownRows = [];
  wantedCount = PAGE_SIZE;
}

/** Makes the next load announce nothing to screen readers. */
export function resetNews(): void {
  newestId = undefined;
}
