/**
 * Brakes: how often an agent may be woken, call, comment and spend in an hour, and what a month may cost. Above a limit
 * the agent is refused until the limit ends, and a person is asked once whether to stop it; a stopped agent neither
 * calls nor is woken until a person lets it work again. Above a hard budget a person is asked whether to go on. A token
 * that is used from two places, or far more than usual, may be in other hands: that is a notice, which ends by itself.
 */

import { COST_UNITS, getCurrency } from "../../accounting/spending.ts";
import type { Deps, RequestKind, StoreDeps, TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing.ts";
import { formatTemplate, localizeMoney, resolveLocale } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { isLoopbackAddress, toRateLimitSource } from "../../ip-address.ts";
import type { ClaimRecord } from "../../records/claim-record.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import { createRequest, findRequest, prepareNewRequest, publishRequest } from "../../requests/requests.ts";
import type { Put, Store, StoreKey } from "../../store/port.ts";
import { mergeUpdates, readAllRows, updateValue, type ValueUpdate } from "../../store/records.ts";
import { isRequestOpen, type NewRequest } from "../../task/request.ts";
import { formatIsoTime, HOUR, MINUTE, type Ms } from "../../time.ts";
import { prepareClaimEnd } from "../claims.ts";
import { type BrakeRecord, getLimits, type LimitName, readBudgetStop, toLimitBucket } from "./brake-record.ts";
import { QUESTION } from "./questions.ts";

/** Why an agent is not woken now. `until`: when to look again. */
interface Hold {
  until: Ms;
  /** A person stopped the agent: not even the end of its work is a reason to wake it. */
  isStopped?: true | undefined;
}

/** The use of an agent's token. All times are store times. */
interface TokenUseRecord {
  /** The last call from each source of the last hour; an IPv6 network is one source. */
  sources: Record<string, { address: string; at: Ms }>;
  /** The calls of the hour that began then. */
  hour: Ms;
  calls: number;
  /** The busiest earlier hour; it counts less the longer ago it was. */
  usual: number;
}

/** Tools that put a text before people. */
const COMMENT_TOOLS = ["add_comment", "ask_human", "message_human", "upload_deliverable"];

/** Tools that stay open to an agent whose cost is used up, so that it can say what it did and give back its task. */
const CLOSING_TOOLS = ["report", "update_task_status"];

/** The part of an agent's wakes that comments of outsiders may cause: a third. */
const OUTSIDERS_SHARE = 1 / 3;

/** Interval between looks whether a person lets an agent work, or the month go on: 1 min. */
const LOOK_AGAIN_MS: Ms = MINUTE;

const BRAKE_REQUEST = { from: "Groundcrew", urgency: "high", input: [], options: [] } satisfies Partial<NewRequest>;

/** Part of the busiest hour that still counts an hour later: after a week a fifth of it. */
const FADING = 0.99;

/** How much more than usual is reported, and from which number of calls in an hour on. */
const FAR_ABOVE = 5;
const MIN_CALLS = 200;

const NO_USE: TokenUseRecord = { sources: {}, hour: 0, calls: 0, usual: 0 };
const tokenUseKey = (agent: string): StoreKey => `token-use:${encodeURIComponent(agent)}`;

/** Throws when the agent may not make this call: a person stopped it, or it has reached a limit. */
export async function requireCallAllowed(deps: TaskDeps, agent: string, tool: string, correlation: string) {
  const { timezone } = deps.settings;
  const stopped = await findStop(deps, agent);
  if (stopped)
    throw new GroundcrewError(
      "stopped",
      `${agent} was stopped by ${stopped.by} at ${formatIsoTime(stopped.at, timezone)}. End this run: every call is refused until a person lets you work again, and then you are woken.`,
    );
  const names: LimitName[] = ["calls"];
  if (!CLOSING_TOOLS.includes(tool)) names.push("cost");
  if (COMMENT_TOOLS.includes(tool)) names.push("comments");
  for (const name of names) {
    const wait = await consumeLimit(deps, agent, name, correlation);
    if (wait === 0) continue;
    const end = formatIsoTime((await deps.store.now()) + wait, timezone);
    const limit = `${getLimits(deps.settings, agent)[name]} ${name} in an hour (limits.${name})`;
    throw new GroundcrewError(
      "rate_limited",
      `${agent} has reached its limit of ${limit}. It ends at ${end}, in ${Math.ceil(wait / 1_000)} s: make no such call before. A person is asked whether to stop you.`,
      { retryAfter: wait },
    );
  }
}

/** Who stopped the agent, and when; undefined while it may work. */
async function findStop({ store }: StoreDeps, agent: string) {
  return (await store.read<BrakeRecord>([workKeys.brake(agent)]))[0]?.value.stopped;
}

/** Counts one more of what is limited; returns 0, or how long the limit lasts. A person is asked once about it. */
async function consumeLimit(deps: TaskDeps, agent: string, limit: LimitName, correlation: string): Promise<Ms> {
  const max = getLimits(deps.settings, agent)[limit];
  if (max === undefined) return 0;
  const units = limit === "cost" ? COST_UNITS : 1;
  const wait = await deps.store.consume(toLimitBucket(limit, agent), 1, Math.round(max * units), HOUR);
  return wait > 0 && !(await askAboutLimit(deps, agent, limit, max, correlation)) ? wait : 0;
}

/** Counts a wake by the comment of somebody outside of the team; returns 0, or how long their share is used up. */
export async function consumeOutsiderWake({ store, settings }: TaskDeps, agent: string): Promise<Ms> {
  const share = Math.max(1, Math.floor((getLimits(settings, agent).wakes ?? 0) * OUTSIDERS_SHARE));
  return store.consume(toLimitBucket("outsiders", agent), 1, share, HOUR);
}

/** Counts a wake of the agent, if it may be woken now; else says why not. A person is asked once what to do. */
export async function takeWake(deps: TaskDeps, agent: string, correlation: string): Promise<Hold | undefined> {
  const until = (await deps.store.now()) + LOOK_AGAIN_MS;
  if (await findStop(deps, agent)) return { until, isStopped: true };
  if (await isBudgetUsedUp(deps, correlation)) return { until };
  for (const limit of ["cost", "wakes"] as const)
    if ((await consumeLimit(deps, agent, limit, correlation)) > 0) return { until };
  return undefined;
}

/** Asks a person whether to stop an agent, unless somebody is asked already; true when its limits are lifted. */
async function askAboutLimit(deps: TaskDeps, agent: string, limit: LimitName, max: number, correlation: string) {
  return updateValue<BrakeRecord, boolean>(deps, workKeys.brake(agent), async (brake) => {
    const now = await deps.store.now();
    if (brake?.liftedUntil !== undefined && brake.liftedUntil > now) return { result: true };
    const asked = brake && (await findRequest(deps, brake.request));
    if (asked && isRequestOpen(asked.value)) return { result: false };
    const { settings } = deps;
    const texts = getTexts(settings.locale).brakes;
    const n =
      limit === "cost" ? localizeMoney(resolveLocale(settings.locale), max, getCurrency(settings)) : String(max);
    const text = formatTemplate(texts.limits[limit], { agent, n });
    const request = await createAgentRequest(agent, text, ["stop", "continue"], now);
    deps.log.warn("limit of an agent reached", { correlation, agent, limit, max });
    const put: Put[] = [{ key: workKeys.brake(agent), value: { request: request.id } satisfies BrakeRecord }];
    return { ...mergeUpdates([{ put }, await prepareNewRequest(deps, request, correlation)]), result: false };
  });
}

/** A request about an agent: its name is the title, by which the verdict finds it. */
async function createAgentRequest(agent: string, text: string, answers: readonly string[], now: Ms) {
  const id = (await sha256Hex(JSON.stringify(["agent", agent, answers, now]))).slice(0, 32);
  return createRequest({ ...BRAKE_REQUEST, id, kind: "agent", subject: { title: agent }, text, answers }, now);
}

/**
 * Whether to stop an agent that has reached a limit: `continue` lifts its limits for an hour, `stop` ends its work on
 * all tasks and asks, for as long as it takes, whether it may work again: `resume`.
 */
export const AGENT_BRAKE: RequestKind = {
  announce: QUESTION.announce,
  async decide(deps, { value: { id, subject, verdict } }, correlation) {
    const agent = subject.title;
    const key = workKeys.brake(agent);
    const [brake] = await deps.store.read<BrakeRecord>([key]);
    if (brake?.value.request !== id) return undefined;
    const { answer, by, at } = verdict;
    const change = (value: BrakeRecord | undefined): ValueUpdate => ({
      expect: [[key, brake.rev]],
      put: [{ key, value }],
      afterCommit: () => deps.log.info("brake of an agent decided", { correlation, agent, answer, by }),
    });
    if (answer === "resume") return change(undefined);
    if (answer === "continue") return change({ request: id, liftedUntil: at + HOUR });
    const text = formatTemplate(getTexts(deps.settings.locale).brakes.stopped, { agent, by });
    const request = await createAgentRequest(agent, text, ["resume"], at);
    return mergeUpdates([
      change({ request: request.id, stopped: { by, at } }),
      await prepareNewRequest(deps, request, correlation),
      ...(await prepareWorkEnds(deps, agent, by, correlation)),
    ]);
  },
};

/** Prepares the end of the agent's work on all tasks, which return to todo. */
async function prepareWorkEnds(deps: TaskDeps, agent: string, by: string, correlation: string): Promise<ValueUpdate[]> {
  const claims = await readAllRows<ClaimRecord>(deps, workSets.claimsOf(agent));
  const ends = claims.map(async ({ key, value, rev }) =>
    mergeUpdates([{ expect: [[key, rev]] }, await prepareClaimEnd(deps, value, "stopped", correlation, { by })]),
  );
  return Promise.all(ends);
}

/** Whether the month's hard budget keeps work from starting. A person is asked once. */
export async function isBudgetUsedUp(deps: TaskDeps, correlation: string): Promise<boolean> {
  const stop = await readBudgetStop(deps);
  if (!stop || stop.isAsked) return stop !== undefined;
  const { id, month, cost, budget } = stop;
  const { locale } = deps.settings;
  const format = (amount: number) => localizeMoney(resolveLocale(locale), amount, budget.currency);
  const values = { month, spent: format(cost), amount: format(budget.amount) };
  const text = formatTemplate(getTexts(locale).brakes.budget, values);
  const answers = ["approve", "reject"];
  const request: NewRequest = { ...BRAKE_REQUEST, id, kind: "budget", subject: { title: month }, text, answers };
  await publishRequest(deps, await createRequest(request, await deps.store.now()), correlation);
  deps.log.warn("budget of the month used up", { correlation, month, cost, amount: budget.amount });
  return true;
}

/** Whether to go on above the month's hard budget. What was held looks at the verdict itself. */
export const BUDGET_BRAKE: RequestKind = { announce: QUESTION.announce, decide: async () => ({}) };

/** Creates the records of the use of these agents' tokens, for the commit of the audit of their calls. */
export async function createTokenUsePuts(
  { store }: { store: Pick<Store, "now" | "read"> },
  calls: readonly { agent: string; from?: string }[],
): Promise<Put[]> {
  const byAgent = [...Map.groupBy(calls, ({ agent }) => agent)];
  const keys = byAgent.map(([agent]) => tokenUseKey(agent));
  const [now, stored] = await Promise.all([store.now(), store.read<TokenUseRecord>(keys)]);
  return byAgent.map(([, own], i) => {
    const { sources, ...counts } = beginHour(stored[i]?.value ?? NO_USE, now);
    const recent = Object.entries(sources).filter(([, { at }]) => now - at < HOUR);
    const seen = own.flatMap(({ from: address }) =>
      address === undefined ? [] : [[toSource(address), { address, at: now }] as const],
    );
    const value = { ...counts, calls: counts.calls + own.length, sources: Object.fromEntries([...recent, ...seen]) };
    return { key: keys[i] ?? "", value: value satisfies TokenUseRecord };
  });
}

/** The record at this time: an hour that has passed becomes the usual one if it was busier. */
function beginHour(use: TokenUseRecord, now: Ms): TokenUseRecord {
  const hour = Math.floor(now / HOUR) * HOUR;
  if (hour === use.hour) return use;
  const hours = Math.max(0, (hour - use.hour) / HOUR);
  return { ...use, hour, calls: 0, usual: Math.max(use.calls, use.usual) * FADING ** hours };
}

/** All addresses of this machine are one source. */
function toSource(address: string): string {
  return isLoopbackAddress(address) ? "loopback" : toRateLimitSource(address);
}

/** Reports each agent whose token is used from two places within an hour, or far more than usual. */
export async function reportTokenUse({ store, settings, notices }: Pick<Deps, "store" | "settings" | "notices">) {
  const names = settings.agents.map(({ name }) => name);
  const [now, stored] = await Promise.all([store.now(), store.read<TokenUseRecord>(names.map(tokenUseKey))]);
  for (const [i, name] of names.entries()) {
    const { sources, calls, usual } = beginHour(stored[i]?.value ?? NO_USE, now);
    const recent = Object.values(sources).filter(({ at }) => now - at < HOUR);
    const list = recent.map(({ address }) => address).sort();
    const isShared = list.length > 1;
    await notices.report("token_shared", isShared ? { values: { sources: list.join(", ") } } : undefined, name);
    const isFarAbove = usual > 0 && calls >= MIN_CALLS && calls > FAR_ABOVE * usual;
    const most = String(Math.ceil(usual));
    await notices.report("token_pace", isFarAbove ? { values: { usual: most } } : undefined, name);
  }
}
