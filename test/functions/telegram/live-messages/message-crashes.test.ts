import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../../../runtime/stores/sqlite-store.ts";
import { FIRST_KILL, KILL_STRIDE, pickSize } from "../../../reliability/random-source.ts";
import { type CrashPoint, createCrashSimulator } from "../../../support/crash-simulator.ts";
import { createRequestsApp, getOnlyItem, requestSession } from "../../requests-app.ts";
import { createSession } from "../../tickets/tickets-app.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import type { createLiveMessagesApp, LiveMessagesApp } from "../live-messages-app.ts";
import { createMessagesApp } from "../messages-app.ts";

type Options = Pick<NonNullable<Parameters<typeof createLiveMessagesApp>[0]>, "fetch" | "store">;

/** A time longer than the lease of a job that the killed process had taken. */
const LEASE_OVER = 130_000;

/** What `countMessages` returns for a message that was sent, at most twice, and marked if it may be a repeat. */
const SENT_ONCE = { isShown: true, isMarked: true, isRepeatedOnce: true };

/** Adds what people do to an app whose process can be killed at each of its effects. */
async function createCrashingApp<App extends LiveMessagesApp>(createApp: (options: Options) => Promise<App>) {
  const simulator = createCrashSimulator();
  const app = await createApp({
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
  });
  return Object.assign(app, {
    /** Kills the process at a crash point of `act`; the next one repeats it when the killed one's leases have expired. */
    async killDuring(crash: CrashPoint, act: () => Promise<unknown>): Promise<boolean> {
      const outcome = await simulator.runUntilCrash(crash, act);
      simulator.reset();
      await app.restart();
      app.advance(LEASE_OVER);
      await act();
      await app.advanceAndDrain(10_000);
      return outcome === "died";
    },
    async press(label: string) {
      const message = app.getBotMessages().findLast((one) => app.getButtonLabels(one)?.includes(label));
      const button = message?.buttons.flat().find(({ text }) => text === label);
      const { update } = await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, button?.callback_data ?? "");
      await app.storeUpdate(update);
    },
    async reply(part: string, text: string) {
      const replyTo = app.findMessage(part)?.id ?? 0;
      await app.storeUpdate(await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, text, { replyTo }));
    },
    /** The messages that contain this text: those that may be repeats are marked, so at most one is not. */
    countMessages(part: string) {
      const texts = app.getBotMessages().map(toPlainText);
      const matching = texts.filter((text) => text.includes(part));
      const unmarked = matching.filter((text) => !text.includes("(may be a repeat)")).length;
      return { isShown: matching.length > 0, isMarked: unmarked <= 1, isRepeatedOnce: matching.length <= 2 };
    },
  });
}

const createTicketApp = () => createCrashingApp((options) => createRequestsApp({ ...options, tickets: {} }));
const createConciergeApp = () => createCrashingApp(createMessagesApp);

type TicketApp = Awaited<ReturnType<typeof createTicketApp>>;
type ConciergeApp = Awaited<ReturnType<typeof createConciergeApp>>;

/** What somebody does before the process is killed, and what must hold afterwards. */
interface Scene<App> {
  prepare: (app: App) => Promise<unknown>;
  expectEffect: (app: App) => Promise<void>;
}

const TICKET_SCENES: Record<string, Scene<TicketApp>> = {
  "a permission that a button allows is allowed once, and its message shows who allowed it": {
    async prepare(app) {
      const token = await requestSession(app);
      await app.sendHook(token, { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: {} });
      await app.press("✅ Allow");
    },
    async expectEffect(app) {
      await app.listenAgain();
      expect(app.countMessages("Allowed by Ada (Telegram)")).toEqual(SENT_ONCE);
      expect((await app.exchange([createSession()])).sessions[0]?.inputs).toMatchObject([{ text: "1" }]);
    },
  },
  "a result that a button approves is one comment and the status in Plane": {
    async prepare(app) {
      await requestSession(app);
      await app.call("/api/sessions/ONB-1/complete", { summary: "All is done" });
      await app.advanceAndDrain();
      await app.press("✅ Approve update");
    },
    async expectEffect(app) {
      await app.advanceAndDrain(30_000);
      const item = getOnlyItem(app);
      expect(app.readComments(item).filter((text) => text.includes("All is done"))).toHaveLength(1);
      expect(app.readPlaneItem(item).state).toBe("Done");
      expect(app.countMessages("Written to Plane, approved by Ada (Telegram)")).toEqual(SENT_ONCE);
    },
  },
};

async function proposePlan(app: ConciergeApp) {
  await app.sendMessage("/plane new add dark mode");
  const tasks = [{ id: "a", title: "Choose the colours", assignee: "Imhotep" }];
  await app.callAsConcierge("plan_project", { project: "Dark mode", tasks });
}

const CONCIERGE_SCENES: Record<string, Scene<ConciergeApp>> = {
  "a plan that was sent back wakes the Concierge once, and its message shows who decided": {
    async prepare(app) {
      await proposePlan(app);
      await app.reply("Plan to approve", "Smaller, please");
    },
    async expectEffect(app) {
      expect(app.countMessages("Sent back by Ada (Telegram): \nSmaller, please")).toEqual(SENT_ONCE);
      // A wake that may not have arrived is sent again within five minutes.
      const getWakes = () => app.getWakes().filter((wake) => wake.includes("Smaller, please"));
      for (let waits = 0; waits < 4 && getWakes().length === 0; waits += 1) await app.advanceAndDrain(125_000);
      expect(getWakes()).toHaveLength(1);
      expect(app.getBotMessages().filter((one) => toPlainText(one).includes("Plan to approve"))).toHaveLength(1);
    },
  },
  "a plan that was approved is created once, and its message shows who decided": {
    async prepare(app) {
      await proposePlan(app);
      await app.press("✅ Approve");
    },
    async expectEffect(app) {
      expect(app.countMessages("Approved by Ada (Telegram)")).toEqual(SENT_ONCE);
      const readNames = () => app.findItemNames("Dark mode");
      for (let waits = 0; waits < 4 && !(await readNames())?.length; waits += 1) await app.advanceAndDrain(60_000);
      expect(await readNames()).toEqual(["Choose the colours"]);
    },
  },
};

/** Runs a scene with a kill at one effect after another, until one ends without a kill. */
async function killEverywhere<App extends TicketApp | ConciergeApp>(
  when: CrashPoint["when"],
  createApp: () => Promise<App>,
  { prepare, expectEffect }: Scene<App>,
) {
  let kills = 0;
  for (let nth = FIRST_KILL[when]; ; nth += KILL_STRIDE) {
    const app = await createApp();
    await prepare(app);
    const died = await app.killDuring({ nth, when }, () => app.advanceAndDrain());
    await expectEffect(app).catch((cause: unknown) => {
      throw new Error(`killed ${when} effect ${nth}`, { cause });
    });
    if (!died) break;
    kills += 1;
  }
  expect(kills).toBeGreaterThan(0);
}

/** A process that ends before an effect leaves what one that ended after the effect before leaves. */
const KILLS = pickSize<CrashPoint["when"][]>(["before", "after"], ["after"]);

describe.each(KILLS)("reliability 2: when the process is killed %s any effect,", { timeout: 60_000 }, (when) => {
  test.each(Object.entries(TICKET_SCENES))("%s", (_, scene) => killEverywhere(when, createTicketApp, scene));
  test.each(Object.entries(CONCIERGE_SCENES))("%s", (_, scene) => killEverywhere(when, createConciergeApp, scene));
});
