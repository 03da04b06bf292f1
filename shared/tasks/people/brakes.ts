/**
 * Brakes: how often an agent may be woken, call, comment and spend in an hour, and what a month may cost. Above a limit
 * the agent is refused until the limit ends, and a person is asked once whether to stop it; a stopped agent neither
 * calls nor is woken until a person lets it work again. Above a hard budget a person is asked whether to go on.
 */

import { COST_UNITS, getCurrency } from "../../accounting/spending.ts";
import type { RequestKind, TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing.ts";
import { formatTemplate, localizeMoney, resolveLocale } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import type { ClaimRecord } from "../../records/task-records.ts";
import { createRequest, findRequest, prepareNewRequest, publishRequest } from "../../requests/requests.ts";
import type { Put } from "../../store/port.ts";
import { mergeUpdates, readAllRows, updateValue, type ValueUpdate } from "../../store/records.ts";
import { isRequestOpen, type NewRequest } from "../../task/request.ts";
import { formatIsoTime, HOUR, MINUTE, type Ms } from "../../time.ts";
import { type BrakeRecord, getLimits, type LimitName, readBudgetStop, toLimitBucket } from "../brake-record.ts";
import { prepareClaimEnd } from "../claim-lease.ts";
import { QUESTION } from "./questions.ts";

/** Why an agent is not woken now. `until`: when to look again. */
interface Hold {
  until: Ms;
  /** A person stopped the agent: not even the end of its work is a reason to wake it. */
  isStopped?: true | undefined;
}

/** Tools that put a text before people. */
const COMMENT_TOOLS = ["add_comment", "ask_human", "message_human", "upload_deliverable"];

/** Tools that stay open to an agent whose cost is used up, so that it can say what it did and give back its task. */
const CLOSING_TOOLS = ["report", "update_task_status"];

/** The part of an agent's wakes that comments of outsiders may cause: a third. */
const OUTSIDERS_SHARE = 1 / 3;

/** Interval between looks whether a person lets an agent work, or the month go on: 1 min. */
const LOOK_AGAIN_MS: Ms = MINUTE;

/** Throws when the agent may not make this call: a person stopped it, or it has reached a limit. */
export async function requireCallAllowed(
  deps: TaskDeps,
  agent: string,
  tool: string,
  correlation: string,
): Promise<void> {
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
async function findStop({ store }: Pick<TaskDeps, "store">, agent: string) {
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

const BRAKE_REQUEST = { from: "Groundcrew", urgency: "high", input: [], options: [] } satisfies Partial<NewRequest>;

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
  return Promise.all(
    claims.map(async ({ key, value, rev }): Promise<ValueUpdate> => {
      const { expect = [], ...end } = await prepareClaimEnd(deps, value, "stopped", correlation, { by });
      return { ...end, expect: [[key, rev], ...expect] };
    }),
  );
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
export const BUDGET_BRAKE: RequestKind = {
  announce: QUESTION.announce,
  decide: async () => ({}),
};
