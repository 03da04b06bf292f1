/** Reads from the store what explains tasks (`why.ts`): nearly always without a request to Plane. */

import type { TaskDeps } from "../../app/deps.ts";
import { readLongPauses } from "../../app/health.ts";
import { findNextTime } from "../../cron.ts";
import type { Locale } from "../../i18n/localize.ts";
import type { NoticeKind } from "../../notice-kinds.ts";
import { isCurrentNotice, type NoticeRecord, noticeSet } from "../../notices/notice-record.ts";
import { keepDefined, omitUndefined } from "../../omit-undefined.ts";
import { type ClaimRecord, readLiveClaims } from "../../records/claim-record.ts";
import type { Task } from "../../records/plane-records.ts";
import { observedSets, workKeys, workSets } from "../../records/store-keys.ts";
import { ACTIVE_TICKET_STATES } from "../../records/task-records.ts";
import { readOpenRequests } from "../../requests/requests.ts";
import { readAllRows } from "../../store/records.ts";
import { findNamedState, findPlanePerson } from "../../sync/names.ts";
import type { RequestRecord } from "../../task/request.ts";
import type { ItemRecord } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import type { Ms } from "../../time.ts";
import type { CardRecord } from "../card-record.ts";
import { findStoredTask } from "../find-task.ts";
import { isBraked, readBudgetStop } from "../people/brake-record.ts";
import { readHiddenTasks } from "../plan-record.ts";
import { isHeldInBacklog } from "../startable-tasks.ts";
import { findGatewayUrl, type LastCallRecord, readWake, wakeKeys } from "../wakes.ts";
import { type AgentFacts, explainTask, type RenderedWhy, renderWhy, type TaskFacts } from "../why.ts";

/** What is read once for all tasks. */
type CommonFacts = Awaited<ReturnType<typeof readCommonFacts>>;

/** What is read here of a schedule's record (shared/schedules/schedule-record.ts). */
interface TemplateSchedule {
  rule?: { cron: string; time_zone?: string };
  paused?: object;
}

type AgentState = Omit<AgentFacts, "isBeingWoken" | "woken"> & Pick<Awaited<ReturnType<typeof readWake>>, "wake">;

/** Limit of a name, and of the words of a failure, in a sentence. */
const NAME_LENGTH = 80;
const REASON_LENGTH = 200;

/** Why nothing happens with a task, or what does, as people and agents read it. */
export async function readWhy(deps: TaskDeps, task: Task, locale: Locale): Promise<RenderedWhy> {
  const explain = await createExplainer(deps, locale, task.item.owners ?? []);
  return (await explain([task]))[0] as RenderedWhy;
}

/**
 * Reads what explains tasks of all kinds. Each batch of tasks is then explained in its order.
 * @param owners the agents of these tasks; by default all agents
 */
export async function createExplainer(
  deps: TaskDeps,
  locale: Locale,
  owners?: readonly string[],
): Promise<(tasks: readonly Task[]) => Promise<RenderedWhy[]>> {
  const common = await readCommonFacts(deps, owners);
  const zone = { locale, timezone: deps.settings.timezone };
  return async (tasks) => {
    const readFacts = await createFactsReader(deps, tasks, common);
    return Promise.all(tasks.map(async (task) => renderWhy(explainTask(await readFacts(task)), zone, common.now)));
  };
}

async function readCommonFacts(deps: TaskDeps, owners: readonly string[] | undefined) {
  const { store } = deps;
  const [requests, notices, isHidden, cycles, pauses, now] = await Promise.all([
    readOpenRequests(deps),
    readAllRows<NoticeRecord>(deps, noticeSet),
    readHiddenTasks(deps),
    readAllRows<{ path: string[] }>(deps, workSets.dependencyCycles),
    readLongPauses(store),
    store.now(),
  ]);
  const current = notices.map(({ value }) => value).filter(isCurrentNotice);
  const plane = omitUndefined({
    refused: findTrouble(current, "plane_refused"),
    unreachable: findTrouble(current, "plane_unreachable"),
    pausedUntil: pauses.plane === undefined ? undefined : now + pauses.plane,
    webhookOff: findTrouble(current, "webhook_off"),
  });
  const own = deps.settings.agents.filter(({ name }) => !owners || owners.includes(name));
  const states = await Promise.all(own.map((agent) => readAgentState(deps, agent, current, requests, now)));
  return {
    ...{ requests, isHidden, plane, now },
    cycles: cycles.map(({ value }) => value.path),
    candidate: await findCandidate(deps),
    budgetRequest: (await readBudgetStop(deps))?.id,
    agents: new Map(states.map((state) => [state.name, state])),
  };
}

function findTrouble(notices: readonly NoticeRecord[], kind: NoticeKind, subject?: string) {
  const found = notices.find((notice) => notice.kind === kind && notice.subject === subject);
  return found && { since: found.since, reason: cleanLine(found.values["reason"] ?? kind, REASON_LENGTH) };
}

/** The worker with the fewest open tasks; with no workers another agent. */
async function findCandidate({ store, settings }: Pick<TaskDeps, "store" | "settings">): Promise<string | undefined> {
  const workers = settings.agents.filter(({ role }) => role !== "concierge");
  const names = (workers.length > 0 ? workers : settings.agents).map(({ name }) => name);
  const counts = await Promise.all(names.map((name) => store.count(observedSets.tasks(name))));
  return names[counts.indexOf(Math.min(...counts))];
}

async function readAgentState(
  deps: TaskDeps,
  agent: TaskDeps["settings"]["agents"][number],
  notices: readonly NoticeRecord[],
  requests: readonly RequestRecord[],
  now: Ms,
): Promise<AgentState> {
  const { name, wake: settings } = agent;
  const [{ wake }, [lastCall], claims] = await Promise.all([
    readWake(deps, name),
    deps.store.read<LastCallRecord>([wakeKeys.lastCall(name)]),
    readAllRows<ClaimRecord>(deps, workSets.claimsOf(name)),
  ]);
  // A task that waits for a human's answer does not keep its agent from other tasks.
  const isActive = ({ item, until }: ClaimRecord) =>
    until > now && !requests.some(({ subject, from }) => subject.item === item && from === name);
  const held = claims.map(({ value }) => value).filter(isActive);
  const busyWith = await Promise.all(held.map(({ item }) => findStoredTask(deps, item)));
  const gateway = findGatewayUrl(deps, agent);
  return {
    ...{ name, polls: settings.kind === "none", wake, busyWith: keepDefined(busyWith).map(({ key }) => key) },
    ...omitUndefined({
      isBraked: (await isBraked(deps, name)) || undefined,
      keyRefused: findTrouble(notices, "agent_key_refused", name),
      gatewayAway: gateway === undefined ? undefined : findTrouble(notices, "gateway_away", new URL(gateway).host),
      lastCallAt: lastCall?.value.at,
    }),
  };
}

async function createFactsReader(deps: TaskDeps, tasks: readonly Task[], common: CommonFacts) {
  const { store } = deps;
  const ids = tasks.map(({ id }) => id);
  const blockerIds = [...new Set(tasks.flatMap(({ item }) => item.blockers))];
  const [claims, tickets, blockers, cards] = await Promise.all([
    readLiveClaims(deps, ids),
    store.read<{ state: string }>(tasks.map(({ key }) => workKeys.ticket(key))),
    Promise.all(blockerIds.map((id) => findStoredTask(deps, id))),
    store.read<CardRecord>([...ids, ...blockerIds].map(workKeys.card)),
  ]);
  const toMap = <T>(keys: readonly string[], values: readonly T[]) => new Map(keys.map((key, i) => [key, values[i]]));
  const percents = toMap([...ids, ...blockerIds], cards);
  const [claimsById, ticketsById, blockersById] = [
    toMap(ids, claims),
    toMap(ids, tickets),
    toMap(blockerIds, blockers),
  ];
  const readPercent = (id: string) => omitUndefined({ percent: percents.get(id)?.value.percent });

  return async ({ id, key, item, project }: Task): Promise<TaskFacts> => {
    const { stopped, owners, snapshot } = item;
    const claim = claimsById.get(id);
    const request = common.requests.find(({ subject }) => subject.item === id);
    const state = ticketsById.get(id)?.value.state;
    const open = item.blockers.flatMap((blocker) => blockersById.get(blocker) ?? []);
    return {
      ...{ key, status: snapshot.status, plane: common.plane, isHidden: common.isHidden(item) },
      isUnread: item.blockersUnknown === true || open.length < item.blockers.length,
      isInReview: item.review === true,
      blockers: open.map((blocker) => ({
        key: blocker.key,
        ...omitUndefined({ agent: blocker.item.owners?.join(", ") || undefined }),
        ...readPercent(blocker.id),
      })),
      agents: owners?.flatMap((name) => describeAgent(common.agents.get(name), id)),
      ...omitUndefined({
        template: await describeTemplate(deps, item),
        backlog: await describeBacklog(deps, item, project.id),
        stopped: stopped && { by: cleanLine(stopped.by, NAME_LENGTH), at: stopped.at },
        cycle: await describeCycle(deps, id, common.cycles),
        request: request && {
          ...{ id: request.id, kind: request.kind, from: cleanLine(request.from, NAME_LENGTH), at: request.createdAt },
        },
        claim: claim && { agent: claim.agent, since: claim.since, ...readPercent(id) },
        session: ACTIVE_TICKET_STATES.some((active) => active === state)
          ? { isWaiting: state === "approved" }
          : undefined,
        people: owners?.length === 0 ? await describePeople(deps, snapshot.assignees) : undefined,
        candidate: common.candidate,
        budgetRequest: common.budgetRequest,
      }),
    };
  };
}

async function describePeople(deps: TaskDeps, ids: readonly string[]): Promise<string | undefined> {
  const people = keepDefined(await Promise.all(ids.map((id) => findPlanePerson(deps, id))));
  return people.map(({ name }) => cleanLine(name, NAME_LENGTH)).join(", ") || undefined;
}

function describeAgent(state: AgentState | undefined, item: string): AgentFacts[] {
  if (!state) return [];
  const { wake, ...facts } = state;
  const { pending, dueAt, posting, wokenTasks, sent, round = 1 } = wake;
  const includesItem = (tasks: readonly { id: string }[] = []) => tasks.some(({ id }) => id === item);
  const isBeingWoken = (dueAt !== undefined && includesItem(pending)) || includesItem(posting?.tasks);
  // A wake that was given up was not sent, although the task counts as woken for.
  const wokenAt = includesItem(pending) ? undefined : wokenTasks[item];
  const at = wokenAt === undefined ? undefined : Math.max(wokenAt, sent?.at ?? 0);
  return [{ ...facts, isBeingWoken, ...omitUndefined({ woken: at === undefined ? undefined : { at, times: round } }) }];
}

async function describeTemplate(deps: TaskDeps, item: ItemRecord): Promise<TaskFacts["template"]> {
  if (!item.template) return undefined;
  const [stored] = await deps.store.read<TemplateSchedule>([workKeys.schedule(item.snapshot.id)]);
  const { rule, paused } = stored?.value ?? {};
  if (paused) return { isPaused: true };
  const timeZone = rule?.time_zone ?? deps.settings.timezone;
  return omitUndefined({ next: rule && findNextTime({ cron: rule.cron, timeZone }, await deps.store.now()) });
}

async function describeBacklog(deps: TaskDeps, item: ItemRecord, project: string): Promise<TaskFacts["backlog"]> {
  if (!(await isHeldInBacklog(deps, item))) return undefined;
  const state = (await findNamedState(deps, project, item.snapshot.state))?.name ?? "Backlog";
  // Plane's own name, without a request for the names of this project.
  const names = [...(deps.settings.states.todo ?? []), "Todo"];
  return { state, ready: names.find((name) => name !== state) ?? state };
}

async function describeCycle(deps: TaskDeps, item: string, cycles: readonly string[][]) {
  const path = cycles.find((ids) => ids.includes(item));
  if (!path) return undefined;
  // The path begins with the task that is explained.
  const at = path.indexOf(item);
  const ids = [...path.slice(at, -1), ...path.slice(0, at), item];
  return keepDefined(await Promise.all(ids.map((id) => findStoredTask(deps, id)))).map(({ key }) => key);
}
