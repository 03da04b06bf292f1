/**
 * Tells open pages that something has changed: the store's revision is watched once for all of them, and each gets an
 * event stream.
 */

import { Hono } from "hono";
import type { Deps, Route, StoreHealth } from "../../shared/app/deps.ts";
import { readLongPauses } from "../../shared/app/health.ts";
import {
  answerEventStream,
  createEventSource,
  type EventStreamOptions,
  type EventStreams,
  formatEvent,
} from "../../shared/http/event-streams.ts";
import { type AccessWatch, createAccessWatch } from "../../shared/http/page-sessions.ts";
import { hasRole, ROUTE_ROLES } from "../../shared/http/route-roles.ts";
import { readPlaneHealth } from "../../shared/notices/notices.ts";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { seesTask, type Viewer } from "../../shared/people/viewer.ts";
import type { ClaimRecord } from "../../shared/records/claim-record.ts";
import { decisionSet } from "../../shared/records/decision-log.ts";
import type { ProjectRecord } from "../../shared/records/plane-records.ts";
import { observedSets, workKeys, workSets } from "../../shared/records/store-keys.ts";
import { findCapacityWarnings, type Revision, type SetName, type Store } from "../../shared/store/port.ts";
import { readAllRows } from "../../shared/store/records.ts";
import { type FirstLook, readFirstLook } from "../../shared/sync/details.ts";
import type { PlanRun } from "../../shared/tasks/plan-record.ts";
import { chatMessageSet } from "../../shared/telegram/message-log.ts";
import { readTicketNews, type TicketNews } from "../../shared/tickets/stored-tickets.ts";
import { ticketSets } from "../../shared/tickets/ticket.ts";
import { MINUTE } from "../../shared/time.ts";

interface RevisionDeps {
  store: Store;
  storeHealth: Pick<StoreHealth, "getFailure" | "getCapacity">;
}

type EventDeps = Pick<Deps, "store" | "storeHealth" | "health" | "notices" | "clock" | "wait" | "stopping">;

const DEFAULT_OPTIONS: EventStreamOptions = { maxStreams: 20, checkInterval: 400 };

/** Number of newest rows that are checked: commits of one moment have no order, and older messages may be edited. */
const NEWEST_COUNT = 10;

/** Limit of unread chunks; the stream of a slower reader is aborted. */
const MAX_UNREAD_CHUNKS = 16;

/** Server-sent events that signal a change with a revision; the page then fetches what it shows. */
export const eventsRoute: Route = { path: "/api/events", access: "page", app };

/** The open pages' streams. Each signals that there is something new to fetch, and which tickets changed. */
export function createEventStreams(
  deps: EventDeps,
  options: EventStreamOptions = DEFAULT_OPTIONS,
): EventStreams<AccessWatch> {
  let revision: string | undefined;
  let storeRevision = "";
  /** Revision of the last reported news of tickets; undefined until the first look, which reports none. */
  let newsRevision: Revision | undefined;

  /** Reads what has changed about tickets since the last look. */
  async function readNews(): Promise<TicketNews[]> {
    const found = await readTicketNews(deps.store, newsRevision ?? 0).catch(() => undefined);
    if (!found) return [];
    const isFirst = newsRevision === undefined;
    newsRevision = found.rev;
    return isFirst ? [] : found.news;
  }

  /** The news that a viewer sees: of tickets in their projects. */
  async function formatNews(news: readonly TicketNews[], viewer: Viewer): Promise<string> {
    const visible = await Promise.all(news.map(({ data }) => seesTickets(deps, viewer, data.id)));
    return news.flatMap(({ event, data }, i) => (visible[i] ? formatEvent(event, JSON.stringify(data)) : [])).join("");
  }

  return createEventSource<AccessWatch>(deps, {
    ...options,
    maxUnread: MAX_UNREAD_CHUNKS,
    onOpen: (stream) => void stream.send(`retry: 1000\n${formatEvent("change", revision)}`),
    async look(streams, isFirst) {
      if (isFirst) newsRevision = undefined;
      // An unavailable store counts as no change, except for the notice about it.
      storeRevision = await readRevision(deps).catch(() => storeRevision);
      const notices = (await deps.notices.readCurrent()).map(({ kind, since }) => `${kind}${since}`);
      // An outage while nothing happens changes nothing in the store.
      const plane = await readPlaneHealth(deps).catch(() => deps.health.get("plane"));
      const marks = [plane, deps.health.get("telegram")].map(({ ok }) => Number(ok ?? 2));
      const current = [storeRevision, ...marks, ...notices].join(".");
      const changed = current !== revision;
      revision = current;
      const news = await readNews();
      for (const stream of streams) {
        const shown = await formatNews(news, stream.reader.viewer).catch(() => "");
        // In one chunk, because a slow reader is recognized by its unread chunks.
        const events = shown + (changed ? formatEvent("change", current) : "");
        if (events !== "") stream.send(events);
      }
    },
    // An unavailable store proves nothing: the stream ends by its age at the latest.
    mayRead: ({ reader }) => reader.mayRead().catch(() => true),
  });
}

/**
 * Reads a text that changes whenever the page has something new to show. It depends on the store, so it includes
 * changes by other processes and survives restarts, and on whether this process can write to it.
 */
export async function readRevision({ store, storeHealth }: RevisionDeps): Promise<string> {
  const [decisionRev, messageRev, projects, claims, plans, { queues }, holds, firstLook, uploads, running, runners] =
    await Promise.all([
      readNewestRev(store, decisionSet),
      readNewestRev(store, chatMessageSet),
      readAllRows<ProjectRecord>({ store }, observedSets.projects),
      readAllRows<ClaimRecord>({ store }, workSets.claims),
      readAllRows({ store }, workSets.planRuns),
      store.stats(),
      readLongPauses(store),
      readFirstLook({ store }),
      readAllRows({ store }, workSets.uploads),
      readAllRows<PlanRun>({ store }, workSets.unfinishedPlanRuns),
      store.count(ticketSets.runners),
    ]);
  // Every poll that found a change has advanced its project's cursor.
  const cursors = Math.max(0, ...projects.map((row) => row.rev));
  // Every call of an agent renews its claim, so times are rounded to minutes to avoid needless updates.
  const claimSum = claims.reduce((sum, { value }) => sum + value.fence + Math.floor(value.until / MINUTE), 0);
  const planRev = Math.max(0, ...plans.map((row) => row.rev));
  const deadCount = Object.values(queues).reduce((sum, queue) => sum + queue.dead, 0);
  const failureCount = storeHealth.getFailure() === undefined ? 0 : 1;
  const warningCount = findCapacityWarnings(storeHealth.getCapacity()).length;
  const minutesLeft = [holds.plane, holds.telegram].map((left = 0) => Math.ceil(left / MINUTE));
  const progress = [
    ...describeFirstLook(firstLook),
    // A record of an upload is renewed once a second; one that ends is missing.
    uploads.length,
    Math.max(0, ...uploads.map((row) => row.rev)),
    await readPlanRev(
      store,
      running.map(({ value }) => value),
    ),
  ];
  const troubles = [failureCount, warningCount, ...minutesLeft];
  return [decisionRev, messageRev, cursors, claimSum, planRev, deadCount, runners, ...troubles, ...progress].join(".");
}

async function readNewestRev(store: Pick<Store, "scan">, set: SetName): Promise<number> {
  const { rows } = await store.scan(set, undefined, NEWEST_COUNT);
  return Math.max(0, ...rows.map((row) => row.rev));
}

/** In steps of ten, because a read ends every second. */
function describeFirstLook(firstLook: FirstLook | undefined): number[] {
  if (!firstLook) return [];
  const { projects_left, tasks_left, items_left, percent } = firstLook;
  return [projects_left, Math.ceil((tasks_left + items_left) / 10), percent];
}

/** The steps of a plan are recorded with its project. */
async function readPlanRev(store: Pick<Store, "read">, runs: readonly PlanRun[]): Promise<number> {
  const rows = await store.read(keepDefined(runs.map(({ project }) => project)).map(workKeys.plan));
  return Math.max(0, ...rows.map((row) => row?.rev ?? 0));
}

async function seesTickets(deps: Pick<Deps, "store">, viewer: Viewer, key: string): Promise<boolean> {
  return hasRole(viewer.role, ROUTE_ROLES["GET /api/sessions"].role) && seesTask(deps, viewer, key);
}

function app(deps: Deps): Hono {
  const watchAccess = createAccessWatch(deps);
  const streams = createEventStreams(deps);
  const formatLimit = (size: number) => `Too many open pages (${size}). Close one, or try again later.`;
  return new Hono().get("/", (c) => answerEventStream(c, streams, watchAccess(c), formatLimit));
}
