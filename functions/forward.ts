/** Forwards events to addresses of the settings: the rules that choose them, and the handler that posts them. */

import type { Deps, JobHandler } from "../shared/app/deps.ts";
import type { ForwardSettings } from "../shared/config/settings-file.ts";
import { getErrorMessage } from "../shared/errors.ts";
import {
  createSignedHeaders,
  type ForwardReceipt,
  forwardReceiptKey,
  type PostResult,
  postJson,
  RETRY_DELAYS_MS,
} from "../shared/http/outgoing.ts";
import { parseJobBody } from "../shared/jobs/internal-jobs.ts";
import { createForwardAction, forwardBodySchema } from "../shared/jobs/outgoing-jobs.ts";
import type { JobResult, LeasedJob } from "../shared/store/port.ts";
import { type EventKind, PLAN_EVENT_KINDS, WORK_EVENT_KINDS } from "../shared/task/events.ts";
import { DECISION_LOG_MS, type EventFacts, type RuleSet } from "../shared/task/rule-set.ts";
import { MINUTE } from "../shared/time.ts";

type ForwardEvent = ForwardSettings["events"][number];

type CommonName = Exclude<ForwardEvent, EventKind>;

/** Names that other systems expect (NOTIF-03). Events that are not listed change a work item: `issue.updated`. */
const COMMON_NAMES: Partial<Record<EventKind, CommonName | null>> = {
  created: "issue.created",
  assigned: "issue.assigned",
  completed: "issue.completed",
  comment_added: "issue.activity.created",
  comment_edited: "issue.activity.created",
  cycle_started: "cycle.started",
  cycle_completed: "cycle.completed",
  project_created: null,
  project_completed: null,
  project_deleted: null,
  // Work events, such as an agent's question, change nothing in Plane by themselves.
  ...Object.fromEntries([...WORK_EVENT_KINDS, ...PLAN_EVENT_KINDS].map((kind) => [kind, null])),
};

/**
 * Forwards events to other systems, signed according to Standard Webhooks. `webhook-id` is the same on each attempt, so
 * that a receiver recognises repeats; a receiver that answers 410 ends the attempts.
 */
export const forwardHandler: JobHandler = {
  queue: "forward",
  leaseMs: MINUTE,
  concurrency: 4,
  async handle(deps, job) {
    const { url, event, facts, correlation } = parseJobBody(job, forwardBodySchema);
    const entries = deps.settings.forward.filter((entry) => normalizeForwardUrl(entry.url) === url);
    const { at, ...data } = facts;
    // The settings may contain a URL several times, with different events and secrets.
    const target = entries.find(({ events }) => findForwardName(event.kind, events) !== undefined) ?? entries[0];
    if (!target) return { dead: "the URL is no longer in the settings" };
    const type = findForwardName(event.kind, target.events) ?? toCommonName(event.kind) ?? event.kind;
    const payload = JSON.stringify({ type, timestamp: at, data: { change: event, ...data } });
    const headers = createSignedHeaders(target.secret, job.id, deps.clock(), payload);
    const result = await postJson(deps, url, headers, payload);
    const host = new URL(url).host;
    const message = result.ok ? "event forwarded" : "event not forwarded";
    deps.log.info(message, { correlation, job: job.id, host, tries: job.tries, outcome: result.outcome });
    if (!result.ok) return retryOrFail(deps, job, result);
    await saveReceipt(deps, job);
    return { done: true };
  },
};

/** Creates the rules of which events are forwarded to which system. */
export function createForwardRules(forwards: readonly ForwardSettings[]): RuleSet {
  const isForwarded = (kind: EventKind) => forwards.some(({ events }) => findForwardName(kind, events) !== undefined);
  return {
    name: "forward",
    explainSkips(event) {
      const isSkipped = forwards.length > 0 && !isForwarded(event.kind);
      return isSkipped ? [{ consumer: "forward", why: "no_rule" }] : [];
    },
    needsActor: () => false,
    canMatch: isForwarded,
    decide(event, facts, correlation) {
      return forwards.flatMap(({ url, events }, i) => {
        if (findForwardName(event.kind, events) === undefined) return [];
        const forwarded = { event, facts: omitInternalFacts(facts), correlation };
        return [{ ...createForwardAction(normalizeForwardUrl(url), forwarded), rule: `forward[${i}]` }];
      });
    },
  };
}

/**
 * The name under which an entry of the settings forwards an event: the event's own name when the entry lists it, else
 * the one that other systems expect. Undefined when the entry lists neither.
 */
function findForwardName(kind: EventKind, events: readonly ForwardEvent[]): ForwardEvent | undefined {
  if (events.includes(kind)) return kind;
  const name = toCommonName(kind);
  return name !== null && events.includes(name) ? name : undefined;
}

/** Normalizes a URL to ASCII without spaces, so that it can be part of lanes, ids and headers. */
function normalizeForwardUrl(url: string): string {
  return new URL(url).href;
}

/** Removes what only our own rules use: other systems get the agents as one text, in `agent`. */
function omitInternalFacts({ item, comment, ...others }: EventFacts): EventFacts {
  const facts: EventFacts = comment ? { ...others, comment: { id: comment.id, text: comment.text } } : others;
  if (!item) return facts;
  const { agents: _agents, blockedByDependency: _blocked, ...rest } = item;
  return { item: rest, ...facts };
}

/** The name that other systems expect for an event; null when they know none. */
export function toCommonName(kind: EventKind): CommonName | null {
  const name = COMMON_NAMES[kind];
  return name === undefined ? "issue.updated" : name;
}

/** Saves the receipt, which only the page shows: failing to save it must not repeat the post. */
async function saveReceipt({ store, clock, log }: Deps, job: LeasedJob): Promise<void> {
  const value: ForwardReceipt = { at: clock() };
  const put = [{ key: forwardReceiptKey(job.id), value, expires: DECISION_LOG_MS }];
  await store.commit({ put }).catch((thrown: unknown) => {
    log.warn("forward receipt not saved", { job: job.id, error: getErrorMessage(thrown) });
  });
}

async function retryOrFail(deps: Pick<Deps, "store">, job: LeasedJob, result: PostResult): Promise<JobResult> {
  const delay = RETRY_DELAYS_MS[job.failures];
  if (result.status === 410 || delay === undefined) return { dead: result.outcome };
  return { retryAt: (await deps.store.now()) + Math.max(delay, result.retryAfter ?? 0), failed: true };
}
