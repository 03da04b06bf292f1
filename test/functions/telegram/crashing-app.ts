import { expect } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createUpdateJob } from "../../../shared/jobs/incoming-jobs.ts";
import { FIRST_KILL, KILL_STRIDE } from "../../reliability/random-source.ts";
import { type CrashPoint, createCrashSimulator } from "../../support/crash-simulator.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "./commands/commands-app.ts";
import type { createLiveMessagesApp, LiveMessagesApp } from "./live-messages-app.ts";

/** A time longer than the lease of a job that the killed process had taken. */
const LEASE_OVER = 130_000;
const REPEAT_MARK = "(may be a repeat)";

type Options = Pick<NonNullable<Parameters<typeof createLiveMessagesApp>[0]>, "fetch" | "store">;

/** What `countMessages` returns for a message that was sent, at most twice, and marked if it may be a repeat. */
export const SENT_ONCE = { isShown: true, isMarked: true, isRepeatedOnce: true };

/** Creates an app whose process can be killed at each of its effects. */
export async function createCrashingApp<App extends LiveMessagesApp>(createApp: (options: Options) => Promise<App>) {
  const simulator = createCrashSimulator();
  const app = await createApp({
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
  });
  /** Stores an update as the webhook of Telegram does, which answers only afterwards. */
  async function storeUpdate(update: unknown) {
    const job = createUpdateJob(update, "c1");
    if (!job) throw new Error("not an update");
    await app.store.commit({ jobs: [job] });
  }

  return Object.assign(app, {
    /** Kills the process at a crash point of `act`; the next one does `again` when the killed one's leases have expired. */
    async killDuring(crash: CrashPoint, act: () => Promise<unknown>, again = act): Promise<boolean> {
      const outcome = await simulator.runUntilCrash(crash, act);
      simulator.reset();
      await app.restart();
      app.advance(LEASE_OVER);
      await again();
      await app.advanceAndDrain(10_000);
      return outcome === "died";
    },
    async press(label: string) {
      const message = app.getBotMessages().findLast(({ buttons }) => buttons.flat().some(({ text }) => text === label));
      const button = message?.buttons.flat().find(({ text }) => text === label);
      const { update } = await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, button?.callback_data ?? "");
      await storeUpdate(update);
    },
    async reply(part: string, text: string) {
      const replyTo = app.findMessage(part)?.id ?? 0;
      await storeUpdate(await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, text, { replyTo }));
    },
    /** The messages that contain this text: those that may be repeats are marked, so at most one is not. */
    countMessages(part: string) {
      const texts = app.getBotMessages().map(toPlainText);
      const matching = texts.filter((text) => text.includes(part));
      const unmarked = matching.filter((text) => !text.includes(REPEAT_MARK)).length;
      return { isShown: matching.length > 0, isMarked: unmarked <= 1, isRepeatedOnce: matching.length <= 2 };
    },
  });
}

/** Runs a scene with a crash at one effect after another, until one ends without a crash; there are more than `least` effects. */
export async function killEverywhere<App>(
  { when, least }: Pick<CrashPoint, "when"> & { least: number },
  createApp: () => Promise<App>,
  scene: (app: App, crash: CrashPoint) => Promise<boolean>,
): Promise<void> {
  let nth = FIRST_KILL[when];
  while (await scene(await createApp(), { nth, when })) nth += KILL_STRIDE;
  expect(nth).toBeGreaterThan(least);
}
