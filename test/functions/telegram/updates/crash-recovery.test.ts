import { describe, expect, test } from "vitest";
import type { WakeRecord } from "../../../../shared/tasks/wakes.ts";
import { getWishText, readUnclosedWishes } from "../../../../shared/tasks/wishes.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { createCrashingProcess } from "../../../support/crashing-process.ts";
import { updatesHandler } from "../../../support/updates-handler.ts";
import { ADA_USER, createCommandsApp, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";

/** Distance of the commits at which a process is killed. */
const STRIDE = pickSize(1, 3);

type CommandsApp = Awaited<ReturnType<typeof createCommandsApp>>;

const SENT_BACK = "Sent back by Ada (Telegram): too short";

const COMMAND_SCENARIOS: { command: string; review?: true; answer: string; comment?: RegExp }[] = [
  { command: "new ONB Another", answer: "🆕 Created: ONB-2 Another" },
  { command: "cancel ONB-1 no need", answer: "✖️ Cancelled: ONB-1 Mail", comment: /no need/ },
  { command: "block ONB-1 the lawyer", answer: "⛔ Blocked: ONB-1 Mail", comment: /the lawyer/ },
  { command: "done ONB-1 by hand", answer: "✅ Done: ONB-1 Mail", comment: /by hand/ },
  { command: "assign ONB-1 Thot", answer: "👤 Assigned ONB-1 Mail to Thot" },
  { command: "reject ONB-1 too short", review: true, answer: `↩️ ONB-1 Mail: ${SENT_BACK}`, comment: /too short/ },
];

/** A kill before a commit leaves what one after the commit before it leaves: only the full run tries both. */
const KILLS = pickSize<When[]>(["before", "after"], ["after"]);

type When = "before" | "after";

/** Handles the next update in a process that is killed before or after its commit number `at`; false when it was. */
async function handleUntilKilled(app: CommandsApp, at: number, when: When, lease: number) {
  const [taken] = await app.store.take("updates", lease, 1);
  if (!taken) throw new Error("no job");
  const process = createCrashingProcess({ nth: at + 1, when }, (name) => name === "commit");
  const handled = updatesHandler.handle({ ...app.deps, store: process.wrap(app.store) }, taken);
  await Promise.race([handled, process.crashed]);
  return !process.state.over;
}

const storeMessage = async (app: CommandsApp, text: string) =>
  app.storeUpdate(await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, text));

/** Runs a scene with a kill at one commit after another, until one ends without a kill. */
async function killAtEachCommit(scene: (at: number) => Promise<boolean>) {
  let kills = 0;
  for (let at = 0; !(await scene(at)); at += STRIDE) kills += 1;
  // Any update stores at least its answer and that it is done.
  expect(kills, "number of interrupted commits").toBeGreaterThan(0);
}

async function createPrepared(review: boolean): Promise<CommandsApp> {
  const app = await createCommandsApp({ parts: {} });
  app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  if (review) {
    await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
    await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Written", confidence: 0.4 });
    await app.runUntilIdle();
  }
  return app;
}

/** What CI tries: a new task, a change with a reason, and a verdict. */
const SAMPLED = COMMAND_SCENARIOS.filter(({ command }) => /new|block|reject/.test(command));

describe.each(KILLS)("killed %s each commit and resumed (reliability 2)", (when) => {
  test.each(pickSize(COMMAND_SCENARIOS, SAMPLED))(
    "the command /plane $command takes effect once",
    async ({ command, review = false, answer, comment }) => {
      await killAtEachCommit(async (at) => {
        const app = await createPrepared(review);
        const items = app.plane.items(app.onb).length;
        await storeMessage(app, `/plane ${command}`);
        const isFinished = await handleUntilKilled(app, at, when, updatesHandler.leaseMs);
        app.advance(updatesHandler.leaseMs + 1_000);
        await app.runUntilIdle();
        const id = app.telegram.chat(GROUP_CHAT).messages.find(({ from }) => from === ADA_USER)?.id;
        const answers = app.getBotMessages().filter(({ replyTo }) => replyTo === id);
        expect(answers.map(toPlainText), `commit ${at}`).toEqual([answer]);
        expect(app.plane.items(app.onb), `commit ${at}`).toHaveLength(items + (command.includes("new") ? 1 : 0));
        const written = app.plane.items(app.onb).flatMap((item) => app.readComments(item));
        expect(written.filter((text) => comment?.test(text)).length, `commit ${at}`).toBe(comment ? 1 : 0);
        return isFinished;
      });
    },
  );

  test("free text is one wish and one receipt, also when it joins the text before", async () => {
    await killAtEachCommit(async (at) => {
      const app = await createCommandsApp({ agents: { Concierge: { role: "concierge", wake: { kind: "openclaw" } } } });
      await app.runFirstPoll();
      let isFinished = true;
      for (const text of ["@groundcrew_bot add a dark mode", "@groundcrew_bot to the blog"]) {
        await storeMessage(app, text);
        isFinished = (await handleUntilKilled(app, at, when, 1_000)) && isFinished;
        app.advance(2_000);
        await app.runUntilIdle();
      }
      const wishes = await readUnclosedWishes(app.deps, "Concierge");
      expect(wishes.map(getWishText), `commit ${at}`).toEqual(["add a dark mode\nto the blog"]);
      const [wake] = await app.store.read<WakeRecord>(["wake:Concierge"]);
      expect(wake?.value.pending, `commit ${at}`).toMatchObject([
        { text: "add a dark mode", parts: [{ text: "to the blog" }] },
      ]);
      expect(app.getBotMessages().map(toPlainText), `commit ${at}`).toEqual(["📨 Sent to Concierge."]);
      return isFinished;
    });
  });
});
