/**
 * Why nothing happens with an open task, or what does: one sentence for every combination of facts, with its remedy
 * where somebody can change it. Pure; `views/task-facts.ts` reads the facts.
 */

import { formatTemplate, type Locale, localizeMomentInSentence } from "../i18n/localize.ts";
import { getTexts, type WhyTexts } from "../i18n/texts.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Status } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";

/** What is known about a task in a readable project. Names are as people read them; times are store times. */
export interface TaskFacts {
  key: string;
  status: Status;
  /** Its state belongs to Plane's group Backlog, in which agents start nothing; `ready` is one in which they do. */
  backlog?: { state: string; ready: string };
  /** Groundcrew has not read its dependencies yet. */
  isUnread: boolean;
  /** A plan that is being carried out, or has just failed, hides it from agents. */
  isHidden: boolean;
  isInReview: boolean;
  /** It is the template of recurring work; `next`: when it recurs. Without either it has no schedule. */
  template?: { next?: Ms; isPaused?: true };
  stopped?: { by: string; at: Ms };
  blockers: { key: string; agent?: string; percent?: number }[];
  /** Keys of a dependency cycle, the first one repeated at the end. */
  cycle?: string[];
  /** The most urgent open request about it. */
  request?: { id: string; kind: string; from: string; at: Ms };
  claim?: { agent: string; since: Ms; percent?: number };
  /** A session of Claude Code works on its ticket; `isWaiting`: no runner has taken it. */
  session?: { isWaiting: boolean };
  /** Those of its agents that the settings have; undefined: it is not known yet whose it is. */
  agents: AgentFacts[] | undefined;
  /** Names of the people it is assigned to, when it belongs to no agent. */
  people?: string;
  /** The agent of the team with the fewest tasks, whom it may be assigned to. */
  candidate?: string;
  /** The request whether to go on, while the month's hard budget is used up. */
  budgetRequest?: string;
  plane: { refused?: Trouble; unreachable?: Trouble; pausedUntil?: Ms; webhookOff?: Trouble };
}

/** What is known about an agent that a task belongs to. */
export interface AgentFacts {
  name: string;
  /** It is never woken: it fetches its tasks by itself. */
  polls: boolean;
  /** It has reached a limit of the hour, or a person has stopped it. */
  isBraked?: true;
  keyRefused?: Trouble;
  gatewayAway?: Trouble;
  /** Keys of other tasks that it works on. */
  busyWith: string[];
  /** A wake with the task is being delivered. */
  isBeingWoken: boolean;
  /** The last wake with the task, and how many there were in a row. */
  woken?: { at: Ms; times: number };
  lastCallAt?: Ms;
}

/** What is wrong, as a notice says it. */
interface Trouble {
  since: Ms;
  reason: string;
}

type WhyKind = keyof WhyTexts["reasons"];

/** Of a request to the API, or with `GET` the address of the page that shows what to do. */
export interface RemedyAction {
  method: "GET" | "POST" | "DELETE";
  path: string;
  body?: Record<string, string>;
}

interface Explanation {
  kind: WhyKind;
  /** Values of the sentence and of the remedy's label. */
  values: Record<string, string>;
  /** The time that the sentence names. */
  since?: Ms;
  /** Keys of the other tasks that the sentence names, each of which a person can look at. */
  keys?: string[];
  remedy?: { label: keyof WhyTexts["remedies"]; action: RemedyAction };
}

type Remedy = NonNullable<Explanation["remedy"]>;

/** An explanation before the key of its task is added to the values. */
type Draft = Omit<Explanation, "values"> & Partial<Pick<Explanation, "values">>;

/** A sentence as people and agents read it. */
export interface RenderedWhy {
  kind: WhyKind;
  text: string;
  keys?: string[];
  remedy?: { label: string; action: RemedyAction };
}

/** Kinds of tasks with which something happens, or that are a person's own or listed among what waits for a person. */
export const ACTIVE_KINDS: ReadonlySet<WhyKind> = new Set([
  ...(["working", "session", "request", "being_woken", "with_person"] as const),
]);

/**
 * Explains an open task: what keeps it, from what nobody can skip (a person's decision, dependencies) over what people
 * must do in Plane to what its agents do.
 */
export function explainTask(facts: TaskFacts): Explanation {
  const { values, ...why } =
    explainWork(facts) ??
    explainDependencies(facts) ??
    explainPlane(facts) ??
    explainAssignment(facts) ??
    explainBudget(facts) ??
    explainAgents(facts);
  return { ...why, values: { key: facts.key, ...values } };
}

/** What people and agents do with the task now, or have done. */
function explainWork(facts: TaskFacts): Draft | undefined {
  const { key, status, request, claim, session, isInReview, isHidden, template } = facts;
  if (status === "done" || status === "cancelled") return { kind: status };
  if (template) return explainTemplate(template);
  if (request) {
    const remedy = openPage("answer", `/inbox?request=${encodeURIComponent(request.id)}`);
    return { kind: "request", values: { request: request.kind, from: request.from }, since: request.at, remedy };
  }
  if (claim) return { kind: "working", values: nameAgent(claim), since: claim.since };
  if (session?.isWaiting && facts.budgetRequest !== undefined) return explainBudget(facts);
  if (session)
    return { kind: session.isWaiting ? "session_waiting" : "session", remedy: openPage("open", `/tickets/${key}`) };
  if (isInReview) return { kind: "in_review", remedy: openPage("open", `/task/${key}`) };
  return isHidden ? { kind: "hidden" } : undefined;
}

function explainTemplate({ next, isPaused }: NonNullable<TaskFacts["template"]>): Draft {
  const remedy = openPage("schedules", "/schedules");
  if (next !== undefined) return { kind: "template", since: next, remedy };
  return { kind: isPaused ? "template_paused" : "template_unset", remedy };
}

function explainDependencies({ key, isUnread, cycle, blockers, agents }: TaskFacts): Draft | undefined {
  // Those of a task that existed before Groundcrew are read only once it belongs to an agent.
  if (isUnread && agents?.length !== 0) return { kind: "unread" };
  if (cycle) return { kind: "cycle", ...nameOther(cycle[1] ?? key, { path: cycle.join(" → ") }), keys: cycle };
  const [blocker] = blockers;
  if (!blocker) return undefined;
  const names = blockers.map((one) => {
    const { agent, progress } = nameAgent(one);
    return agent === "" ? `${one.key}${progress}` : `${one.key} (${agent}${progress})`;
  });
  const other = nameOther(blocker.key, { blockers: names.join(", ") });
  return { kind: "blocked", ...other, keys: blockers.map((one) => one.key) };
}

/** What keeps everything from going on. Remedies of a single task need Plane, so this precedes them. */
function explainPlane({ plane: { refused, unreachable, pausedUntil } }: TaskFacts): Draft | undefined {
  const trouble = refused ?? unreachable;
  if (trouble) {
    const { reason, since } = trouble;
    return { kind: refused ? "plane_refused" : "plane_unreachable", values: { reason }, since, remedy: SETUP };
  }
  if (pausedUntil === undefined) return undefined;
  const action = { method: "DELETE", path: "/api/holds/plane" } as const;
  return { kind: "plane_paused", since: pausedUntil, remedy: { label: "try_now", action } };
}

/** What a person has to change about the task: its agent, the end of a stop, its state. */
function explainAssignment(facts: TaskFacts): Draft | undefined {
  const { key, status, agents, people, candidate, stopped, backlog } = facts;
  if (agents === undefined) return { kind: "owner_unknown" };
  if (agents.length === 0 && candidate === undefined) return { kind: "no_agents", remedy: SETUP };
  if (agents.length === 0 && candidate !== undefined) {
    const remedy = act("assign", key, { action: "assign", agent: candidate });
    if (people === undefined) return { kind: "unassigned", values: { agent: candidate }, remedy };
    return { kind: "with_person", values: { agent: candidate, people }, remedy };
  }
  if (stopped) {
    // Any remark lets the agents continue.
    const action = { method: "POST", path: `/api/tasks/${key}/remarks`, body: { text: "Continue." } } as const;
    return { kind: "stopped", values: { by: stopped.by }, since: stopped.at, remedy: { label: "resume", action } };
  }
  if (status === "blocked") return { kind: "marked_blocked", remedy: act("unblock", key, { action: "start" }) };
  return backlog && { kind: "backlog", values: backlog, remedy: act("move", key, { action: "start" }) };
}

function explainBudget({ budgetRequest: id }: TaskFacts): Draft | undefined {
  return id === undefined ? undefined : { kind: "budget_used_up", remedy: openPage("answer", `/inbox?request=${id}`) };
}

/** What the agents of the task do instead of starting it, by the one that is nearest to it. */
function explainAgents({ key, agents = [], plane }: TaskFacts): Draft {
  const found = agents.map((agent) => explainAgent(key, agent, plane));
  const [nearest] = found.sort((a, b) => AGENT_REASONS.indexOf(a.kind) - AGENT_REASONS.indexOf(b.kind));
  return nearest ?? { kind: "no_agents" };
}

/** The kinds of `explainAgent`; of several agents the one with the earliest is named. */
const AGENT_REASONS: WhyKind[] = [
  ...(["being_woken", "woken", "busy", "called", "polls", "unanswered", "webhook_off", "not_woken"] as const),
  ...(["braked", "gateway_away", "key_refused", "never_called"] as const),
];

function explainAgent(key: string, agent: AgentFacts, { webhookOff }: TaskFacts["plane"]): Draft {
  const { name, polls, keyRefused, gatewayAway, busyWith, isBeingWoken, woken, lastCallAt } = agent;
  const values = { agent: name };
  const wake = (label: "wake" | "wake_again") => act(label, key, { action: "wake", agent: name });
  const [other] = busyWith;
  if (keyRefused) return { kind: "key_refused", values, since: keyRefused.since, remedy: SETUP };
  if (other !== undefined)
    return { kind: "busy", ...nameOther(other, { ...values, others: busyWith.join(", ") }), keys: busyWith };
  if (polls && lastCallAt === undefined) return { kind: "never_called", values, remedy: SETUP };
  if (polls) return { kind: "polls", values, ...omitUndefined({ since: lastCallAt }) };
  if (agent.isBraked) return { kind: "braked", values, remedy: openPage("answer", "/inbox") };
  if (gatewayAway) return { kind: "gateway_away", values, since: gatewayAway.since, remedy: SETUP };
  if (isBeingWoken) return { kind: "being_woken", values };
  if (!woken && webhookOff) return { kind: "webhook_off", values, since: webhookOff.since, remedy: wake("wake") };
  if (!woken) return { kind: "not_woken", values, remedy: wake("wake") };
  if (lastCallAt !== undefined && lastCallAt >= woken.at)
    return { kind: "called", values, since: lastCallAt, remedy: wake("wake_again") };
  const times = { ...values, times: String(woken.times) };
  return { kind: woken.times > 1 ? "unanswered" : "woken", values: times, since: woken.at, remedy: wake("wake_again") };
}

/** `progress` is "" or begins with a comma or a blank: `Imhotep, 60 %`. */
function nameAgent({ agent = "", percent }: { agent?: string; percent?: number }) {
  const share = percent === undefined ? "" : `${Math.round(percent)} %`;
  return { agent, progress: share === "" ? "" : agent === "" ? ` (${share})` : `, ${share}` };
}

function openPage(label: Remedy["label"], path: string): Remedy {
  return { label, action: { method: "GET", path } };
}

const SETUP = openPage("setup", "/inbox");

/** The task on which this one depends, which a person can look at. */
function nameOther(key: string, values: Record<string, string>) {
  return { values: { ...values, subject: key }, remedy: openPage("open_other", `/task/${key}`) };
}

function act(label: Remedy["label"], key: string, body: Record<string, string>): Remedy {
  return { label, action: { method: "POST", path: `/api/tasks/${key}/actions`, body } };
}

/** Renders an explanation in this language. @param now for times of the same day */
export function renderWhy(
  { kind, values, since, keys, remedy }: Explanation,
  { locale, timezone }: { locale: Locale; timezone: string },
  now: Ms,
): RenderedWhy {
  const { reasons, remedies, requests } = getTexts(locale).why;
  const request = requests[values["request"] as keyof WhyTexts["requests"]] ?? "";
  const moment = since === undefined ? "" : localizeMomentInSentence(locale, timezone, since, now);
  const all = { ...values, request: formatTemplate(request, values), since: moment };
  return {
    kind,
    text: formatTemplate(reasons[kind], all),
    ...omitUndefined({
      keys,
      remedy: remedy && { label: formatTemplate(remedies[remedy.label], all), action: remedy.action },
    }),
  };
}
