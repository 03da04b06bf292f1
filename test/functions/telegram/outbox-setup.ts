import { onTestFinished } from "vitest";
import type { OutboxDeps } from "../../../functions/telegram/delivery/context.ts";
import { createOutboxHandler } from "../../../functions/telegram/outbox-handler.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { UnreadableJobError } from "../../../shared/jobs/internal-jobs.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import type { LeasedJob, Store } from "../../../shared/store/port.ts";
import type { AnyEvent } from "../../../shared/task/events.ts";
import type { ActionBody, EventFacts } from "../../../shared/task/rule-set.ts";
import { createTelegramBot, type TelegramBot } from "../../../shared/telegram/bot.ts";
import { createTelegramSimulator } from "../../../simulators/telegram/telegram-simulator.ts";

export const PLANE_BASE_URL = "https://plane.example.com";
export const OUTBOX_CHAT = 42;

/** Creates an outbox with a simulated Telegram server over HTTP. Time passes only when a test advances it. */
export async function createOutboxSetup(
  options: { burst?: number; chats?: number[]; count?: (typeof noMetrics)["count"] } = {},
) {
  const { burst, chats = [OUTBOX_CHAT], count = noMetrics.count } = options;
  const time = { now: Date.parse("2026-11-21T08:00:00Z") };
  const clock = () => time.now;
  const token = "1000:secret-token-of-the-tests";
  const telegram = createTelegramSimulator({ clock, token, chats, limits: { tolerance: 0 } });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const store = createMemoryStore({ clock });
  const bot = createTelegramBot({ token, apiRoot, fetch, metrics: { ...noMetrics, count }, timeout: 2_000 });
  const lines: string[] = [];
  const log = createLog({ level: "debug", write: (line) => lines.push(line), clock });
  const jobHandler = createOutboxHandler(burst === undefined ? {} : { burstWindow: burst });
  const settings: OutboxDeps["settings"] = { locale: "en", plane: { url: PLANE_BASE_URL, workspace: "javisi" } };
  const deps: OutboxDeps = { settings, store, telegram: bot, log, clock, wait: async () => {}, notify: () => {} };

  const getTexts = (chat: number | string = OUTBOX_CHAT) => telegram.chat(chat).messages.map(({ text }) => text);

  const handleJob = async (job: LeasedJob, changedDeps: Partial<OutboxDeps> = {}) =>
    jobHandler
      .handle({ ...deps, ...changedDeps }, job)
      .catch((thrown: unknown) => {
        // The pump does the same; every other failure is one of the test.
        if (thrown instanceof UnreadableJobError) return { dead: thrown.message };
        throw thrown;
      })
      .then((jobResult) => store.acknowledge(job, jobResult));

  /** Handles the jobs that are due now, lanes in parallel, until no job is due. */
  async function handleDueJobs(): Promise<void> {
    for (let jobs = await takeJobs(); jobs.length > 0; jobs = await takeJobs())
      await Promise.all(jobs.map((job) => handleJob(job)));
  }
  const takeJobs = () => store.take("outbox", jobHandler.leaseMs, jobHandler.concurrency);

  /** Advances time in steps until the outbox is empty (except for dead letters), or by `maxMs`; returns each text's keys. */
  async function runUntilEmpty(maxMs = 600_000, step = 100): Promise<string[][]> {
    const end = time.now + maxMs;
    await handleDueJobs();
    while (time.now < end && (await store.stats()).queues.outbox.pending > 0) {
      time.now += step;
      await handleDueJobs();
    }
    return getTexts().map(parseTaskKeys);
  }

  return {
    ...{ time, telegram, store, bot, lines, jobHandler, deps, handleJob, handleDueJobs, takeJobs, runUntilEmpty },
    async takeJob() {
      const [job] = await takeJobs();
      if (!job) throw new Error("no job is due");
      return job;
    },
    /** Puts the notifications of the completion of these tasks into the outbox. */
    enqueue: (first: number, last = first, chat?: number) => enqueueNotices(store, createNotices(first, last), chat),
    /** The texts that a chat shows now, oldest first. */
    getTexts,
    /** The keys of the tasks in the texts of a chat, in order. */
    getKeys: (chat?: number) => getTexts(chat).flatMap(parseTaskKeys),
  };
}

export type OutboxSetup = Awaited<ReturnType<typeof createOutboxSetup>>;

/** Puts notifications into the outbox, in order, with the same job ids as the product. */
export async function enqueueNotices(
  store: Store,
  notices: ActionBody[],
  chat: number | string = OUTBOX_CHAT,
): Promise<void> {
  const lane = `telegram:${chat}`;
  await store.commit({
    jobs: notices.map((body) => ({
      id: `${body.facts.item?.id ?? body.facts.project?.id}:${body.correlation}:${body.event.kind}:${lane}`,
      queue: "outbox",
      lane,
      body: JSON.parse(JSON.stringify({ type: "notification", chat, ...body })),
    })),
  });
}

let correlations = 0;

/** Creates the notification of an event of task ONB-n, by default its completion. */
export function createNotice(
  n: number,
  change: Partial<EventFacts["item"] & object> = {},
  event?: AnyEvent,
): ActionBody {
  correlations += 1;
  const item: EventFacts["item"] = {
    ...{ id: `item-${n}`, key: `ONB-${n}`, title: `Task ${n}`, word: "done", priority: "none", due: null },
    ...{ url: `${PLANE_BASE_URL}/javisi/browse/ONB-${n}/`, assignees: [], labels: [], blockers: [], dependants: 0 },
    ...change,
  };
  return {
    event: event ?? { kind: "completed" },
    facts: { item, project: PROJECT, at: "2026-11-21T08:00:00.000000Z" },
    correlation: `c${correlations}`,
  };
}

export const PROJECT = {
  id: "project-1",
  identifier: "ONB",
  name: "Onboarding",
  url: `${PLANE_BASE_URL}/javisi/projects/project-1/issues/`,
};

export const createNotices = (first: number, last: number): ActionBody[] =>
  Array.from({ length: last - first + 1 }, (_, index) => createNotice(first + index));

/** Returns the task keys in a text, in order. */
export const parseTaskKeys = (text: string | undefined): string[] => text?.match(/ONB-\d+/g) ?? [];

/** Wraps each call of a bot in `around`. */
export function wrapBot(bot: TelegramBot, around: <T>(call: () => Promise<T>) => Promise<T>): TelegramBot {
  return {
    ...bot,
    getMe: () => around(() => bot.getMe()),
    sendMessage: (...call) => around(() => bot.sendMessage(...call)),
    editMessage: (...call) => around(() => bot.editMessage(...call)),
  };
}
