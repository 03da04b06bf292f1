/** The view Activity: each decision with its event, its actions and the reason of each. */

import { type ComponentChildren, render } from "preact";
import { useState } from "preact/hooks";
import type { DecisionLogAnswer, RuleBasis } from "../../decision-log-route.ts";
import { fetchAnswer } from "./api.ts";
import { showMessage } from "./chat.tsx";
import { Button, Chip, drawPart, Facts, Moment, TableHead, UserText } from "./elements.tsx";
import { focusFirstVisible, getElement } from "./find-elements.ts";
import { findTextName, formatDay, getLanguage, type TextName, translate, translateParts } from "./language.ts";
import { openFailedJobs } from "./settings.tsx";
import { KeyButton, WhyText } from "./task-card.tsx";
import { chooseTask, place } from "./views.ts";

type DecisionRow = DecisionLogAnswer["rows"][number];

/** Number of entries that are shown first, and that each press of the button below them adds. */
const PAGE_SIZE = 50;

/** Limit of the entries in one answer. */
const MAX_PAGE_SIZE = 200;

const HEADS = ["head.when", "head.what", "head.answer"] as const;

/** Interval between announcements to screen readers: 5 s, so that each can be read out before the next. */
const NEWS_INTERVAL_MS = 5_000;

let wantedCount = PAGE_SIZE;

/** What screen readers have heard of: the newest entry, and since then how many came, with what the last one says. */
let newestId: string | undefined;
let unsaidCount = 0;
let latestNews = "";

let newsTimer: ReturnType<typeof setTimeout> | undefined;

/** Loads so many of the newest entries, and shows them. */
export async function loadDecisions(count = wantedCount): Promise<void> {
  const { task, project } = place;
  const { rows, next, session } = await fetchDecisions(count);
  if (task !== place.task || project !== place.project) return;
  wantedCount = count;
  getElement("why-session").hidden = !session;
  const sentence = session && translateParts("why.session", { session: <UserText text={session} max={120} /> });
  render(sentence, getElement("why-session"));
  const chip = task && (
    <Chip text={translate("why.of", { item: task })} title={translate("why.all")} onRemove={() => chooseTask()} />
  );
  render(chip, getElement("why-of"));
  const empty = <p class="empty">{translate(task ? "empty.item" : "empty.why")}</p>;
  drawPart("trail", rows.length === 0 ? empty : <Decisions rows={rows} isComplete={next === undefined} />);
  if (!task) announceNews(rows);
}

/** Reads page after page. */
async function fetchDecisions(count: number): Promise<DecisionLogAnswer> {
  const { task: item, project } = place;
  const filter = { item, project: item ? "" : project, language: getLanguage() };
  const answer = await fetchAnswer("/api/why", { ...filter, limit: Math.min(count, MAX_PAGE_SIZE) });
  while (answer.next !== undefined && answer.rows.length < count) {
    const limit = Math.min(count - answer.rows.length, MAX_PAGE_SIZE);
    const { rows, next } = await fetchAnswer("/api/why", { ...filter, limit, before: answer.next });
    Object.assign(answer, { rows: [...answer.rows, ...rows], next });
  }
  return answer;
}

function Decisions({ rows, isComplete }: { rows: DecisionRow[]; isComplete: boolean }) {
  async function showOlder() {
    await loadDecisions(rows.length + PAGE_SIZE);
    if (document.activeElement === document.body) focusFirstVisible(getElement("why"));
  }
  const decisions = rows.map((row) => <Decision key={row.id} row={row} />);
  return (
    <>
      <table>
        <TableHead names={HEADS.map((name) => translate(name))} />
        <tbody>{decisions}</tbody>
      </table>
      {!isComplete && <Button class="quiet more" text={translate("more")} onPress={showOlder} />}
    </>
  );
}

/** One decision: when, what happened to which task, and what Groundcrew did about it by which rule. */
function Decision({ row }: { row: DecisionRow }) {
  const { id, at, item, asked, now } = row;
  const subject = getSubject(row);
  // That other systems get only some events is of interest to those who set them up.
  const held = row.held.filter(({ consumer, why }) => consumer !== "forward" || why !== "no_rule");
  const actions = asked.map((action, i) => <Action key={i} action={action} subject={subject} />);
  return (
    <tr data-key={id}>
      <td class="when">
        <Moment at={at} />
      </td>
      <td class="what">
        {item ? <KeyButton task={item.key} /> : <span class="key">{subject}</span>}{" "}
        {item && <UserText text={item.title} max={140} />}
        <EventText row={row} />
        {/* The page of a task says it above. */}
        {now && !place.task && (
          <p class="muted">
            <WhyText why={now} />
          </p>
        )}
      </td>
      <td class="answer">
        {actions}
        {held.map((reason) => (
          <div key={`${reason.consumer} ${reason.why} ${reason.rule}`} class="line held">
            <span>{describeSkip(reason)}</span>
          </div>
        ))}
        {asked.length + held.length === 0 && <div class="line held">{translate("did.nothing")}</div>}
        <TechnicalDetails row={row} />
      </td>
    </tr>
  );
}

/** Why something was not done about an event. */
function describeSkip({ why, rule = "", basis }: DecisionRow["held"][number]) {
  const name = why === "polls" ? <bdi>{rule.slice(0, 80)}</bdi> : <RuleName rule={rule} basis={basis} />;
  return translateParts(`held.${why}`, { rule: name });
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
function Action({ action, subject }: { action: DecisionRow["asked"][number]; subject: string }) {
  const { queue, to, rule, basis } = action;
  const outcome = action.fate ?? ({ is: "waiting" } as const);
  const is = outcome.is === "delivered" && outcome.repeat ? "repeat" : outcome.is;
  const message = "message" in outcome ? outcome.message : undefined;
  const always = queue === "wake" ? "rule.wake" : "rule.always";
  const name = <RuleName rule={rule} basis={basis} />;
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
        <Button class="link" text={translate("did.show")} subject={subject} onPress={() => showMessage(message)} />
      )}
      {outcome.is === "set_aside" && (
        <Button class="link" text={translate("failed_jobs")} subject={subject} onPress={openFailedJobs} />
      )}
      <span class="rule">{translateParts(basis === "always" ? always : `rule.${basis}`, { rule: name })}</span>
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
  const actions = asked.map(({ rule, target, fate }) => `${rule} → ${target} → ${fate?.is ?? "waiting"}`);
  const skipped = held.map(({ consumer, why, rule }) => `${consumer}: ${why}${rule ? ` (${rule})` : ""}`);
  const facts = [
    ["technical.event", [event.kind]],
    ["technical.source", [translate(`via.${via}` as TextName)]],
    ["technical.action", actions],
    ["technical.skipped", skipped],
    ["technical.correlation", [correlation]],
  ] as const;
  return (
    <details class="technical" onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
      <summary>
        {translate("technical")}
        <span class="sr"> {getSubject(row)}</span>
      </summary>
      {isOpen && (
        <Facts
          facts={facts.flatMap(([name, all]) => all.map((text) => [translate(name), text.slice(0, 300)] as const))}
        />
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
  // Not drawn while its view is hidden.
  const text = getElement("trail").querySelector(".event")?.textContent ?? "";
  latestNews = `${getSubject(latest)}: ${text}`;
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

/**
 * Shows as many entries as at first, because another task or project was chosen.
 * @param isSilent the next load announces nothing to screen readers
 */
export function resetDecisions(isSilent: boolean): void {
  wantedCount = PAGE_SIZE;
  if (isSilent) newestId = undefined;
}
