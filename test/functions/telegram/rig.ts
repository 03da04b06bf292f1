import { onTestFinished } from "vitest";
import { createTelegram, type Telegram } from "../../../demo/telegram/server.ts";
import { outbox } from "../../../functions/telegram/outbox.ts";
import type { OutboxDeps } from "../../../functions/telegram/work.ts";
import { createLog } from "../../../shared/log.ts";
import { noMetrics } from "../../../shared/metrics.ts";
import { memoryStore } from "../../../shared/store/memory.ts";
import type { Leased, Store } from "../../../shared/store/port.ts";
import type { Body, Event, Facts } from "../../../shared/task/events.ts";
import { type Bot, createBot } from "../../../shared/telegram/bot.ts";

export const TOKEN = "1000:secret-token-of-the-tests";
export const PLANE = "https://plane.example.com";
export const CHAT = 42;

interface RigOptions {
  burst?: number;
  locale?: "en" | "fr" | "auto";
  chats?: number[];
  /** In real milliseconds: how long a call waits for an answer that never comes. */
  timeout?: number;
}

/** The outbox against the in-memory Telegram over HTTP; time moves only when the rig moves it. */
export async function createRig({ burst, locale = "en", chats = [CHAT], timeout = 2_000 }: RigOptions = {}) {
  const time = { now: Date.parse("2026-11-21T08:00:00Z") };
  const clock = () => time.now;
  const telegram = createTelegram({ clock, token: TOKEN, chats, limits: { tolerance: 0 } });
  const apiRoot = await telegram.start();
  onTestFinished(() => telegram.stop());
  const store = memoryStore({ clock });
  const bot = createBot({ token: TOKEN, apiRoot, fetch, metrics: noMetrics, timeout });
  const lines: string[] = [];
  const log = createLog({ level: "debug", write: (line) => lines.push(line), clock });
  const worker = outbox(burst === undefined ? {} : { burst });
  const settings: OutboxDeps["settings"] = { locale, plane: { url: PLANE, workspace: "javisi" } };
  const deps: OutboxDeps = { settings, store, telegram: bot, log, clock, wait: async () => {}, kick: () => {} };

  const work = async (job: Leased, changed: Partial<OutboxDeps> = {}) =>
    worker.work({ ...deps, ...changed }, job).then((how) => store.settle(job, how));

  /** Works what is due now, lanes side by side, until nothing is. */
  async function due(): Promise<void> {
    for (let jobs = await take(); jobs.length > 0; jobs = await take()) await Promise.all(jobs.map((job) => work(job)));
  }
  const take = () => store.take("outbox", worker.ttl, worker.parallel);

  /** Moves time in steps until the outbox is empty (dead letters aside) or `within` is over. */
  async function run(within = 600_000, step = 100): Promise<void> {
    const end = time.now + within;
    await due();
    while (time.now < end && (await store.stats()).queues.outbox.pending > 0) {
      time.now += step;
      await due();
    }
  }

  return { time, telegram, apiRoot, store, bot, lines, log, worker, deps, work, due, take, run };
}

export type Rig = Awaited<ReturnType<typeof createRig>>;

/** Puts notices into the outbox, in order, as observe does. */
export async function put(store: Store, notices: Body[], chat: number | string = CHAT): Promise<void> {
  const lane = `telegram:${chat}`;
  await store.commit({
    jobs: notices.map((body) => ({
      id: `${body.facts.item?.id ?? body.facts.project.id}:${body.correlation}:${body.event.kind}:${lane}`,
      queue: "outbox",
      lane,
      body: JSON.parse(JSON.stringify(body)),
    })),
  });
}

let correlations = 0;

/** What happened to task ONB-n. */
export function notice(n: number, change: Partial<Facts["item"] & object> = {}, event?: Event): Body {
  correlations += 1;
  const item: Facts["item"] = {
    id: `item-${n}`,
    key: `ONB-${n}`,
    title: `Task ${n}`,
    word: "done",
    priority: "none",
    due: null,
    url: `${PLANE}/javisi/browse/ONB-${n}/`,
    assignees: [],
    labels: [],
    blockers: [],
    dependants: 0,
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
  url: `${PLANE}/javisi/projects/project-1/issues/`,
};

export const notices = (from: number, to: number): Body[] =>
  Array.from({ length: to - from + 1 }, (_, index) => notice(from + index));

/** The texts a chat shows now, oldest first. */
export const texts = (telegram: Telegram, chat: number | string = CHAT) =>
  telegram.chat(chat).messages.map((message) => message.text);

/** The keys a text names, in order. */
export const keys = (text: string | undefined): string[] => text?.match(/ONB-\d+/g) ?? [];

/** A bot whose every call goes through `around`. */
export function wrapped(bot: Bot, around: <T>(call: () => Promise<T>) => Promise<T>): Bot {
  return {
    ...bot,
    me: () => around(() => bot.me()),
    send: (...call) => around(() => bot.send(...call)),
    edit: (...call) => around(() => bot.edit(...call)),
  };
}
