import { describe, expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/incoming-jobs.ts";
import type { Store } from "../../../../shared/store/port.ts";
import type { WakeRecord } from "../../../../shared/tasks/wakes.ts";
import { getWishText, readUnclosedWishes } from "../../../../shared/tasks/wishes.ts";
import { FIRST_KILL, pickSize } from "../../../reliability/random-source.ts";
import { updatesHandler } from "../../../support/updates-handler.ts";
import { ADA_USER, createCommandsApp, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";

/** Distance of the commits at which a process is killed. */
const STRIDE = pickSize(1, 4);

type CommandsApp = Awaited<ReturnType<typeof createCommandsApp>>;

const COMMAND_SCENARIOS: { command: string; review?: true; answer: string; comments: (string | RegExp)[] }[] = [
  { command: "/plane new ONB Another", answer: "🆕 Created: ONB-2 Another", comments: [] },
  { command: "/plane cancel ONB-1 no need", answer: "✖️ Cancelled: ONB-1 Mail", comments: [/no need/] },
  { command: "/plane block ONB-1 the lawyer", answer: "⛔ Blocked: ONB-1 Mail", comments: [/the lawyer/] },
  { command: "/plane done ONB-1 by hand", answer: "✅ Done: ONB-1 Mail", comments: [/by hand/] },
  { command: "/plane due ONB-1 2026-12-01", answer: "📅 Due Dec 1, 2026: ONB-1 Mail", comments: [] },
  { command: "/plane assign ONB-1 Thot", answer: "👤 Assigned ONB-1 Mail to Thot", comments: [] },
  {
    command: "/plane approve ONB-1",
    review: true,
    answer: "✅ ONB-1 Mail: Approved by Ada (Telegram)",
    comments: [/Approved/],
  },
  {
    command: "/plane reject ONB-1 too short",
    review: true,
    answer: "↩️ ONB-1 Mail: Sent back by Ada (Telegram): too short",
    comments: [/too short/],
  },
];

/** Simulates the store of a process that is killed before or after its commit number `at`. */
function crashAtCommit(store: Store, at: number, when: "before" | "after"): Store {
  let commits = -1;
  return {
    ...store,
    async commit(commit) {
      commits += 1;
      if (commits < at) return store.commit(commit);
      if (commits === at && when === "after") await store.commit(commit);
      throw new Error("killed");
    },
  };
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

describe.each(pickSize(COMMAND_SCENARIOS, SAMPLED))(
  "the command $command (reliability 2)",
  ({ command, review = false, answer, comments }) => {
    test.each(["before", "after"] as const)(
      "interrupted %s each commit and resumed, takes effect once",
      async (when) => {
        for (let at = FIRST_KILL[when] - 1; at < 60; at += STRIDE) {
          const app = await createPrepared(review);
          const items = app.plane.items(app.onb).length;
          const [item] = app.plane.items(app.onb);
          if (!item) throw new Error("no item");
          const job = createUpdateJob(await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, command), "c1");
          if (job) await app.store.commit({ jobs: [job] });
          const [taken] = await app.store.take("updates", updatesHandler.leaseMs, 1);
          if (!taken) throw new Error("no job");
          const handled = updatesHandler.handle({ ...app.deps, store: crashAtCommit(app.store, at, when) }, taken);
          const isFinished = await handled.then(
            () => true,
            () => false,
          );
          app.advance(updatesHandler.leaseMs + 1_000);
          await app.runUntilIdle();
          const id = app.telegram.chat(GROUP_CHAT).messages.find(({ from }) => from === ADA_USER)?.id;
          const answers = app.getBotMessages().filter(({ replyTo }) => replyTo === id);
          expect(answers.map(toPlainText), `commit ${at}`).toEqual([answer]);
          expect(app.plane.items(app.onb), `commit ${at}`).toHaveLength(items + (command.includes("new") ? 1 : 0));
          const written = app.readComments(item);
          for (const comment of comments)
            expect(
              written.filter((text) => text.match(comment)),
              `commit ${at}`,
            ).toHaveLength(1);
          // Any command stores at least its answer and that the update is done.
          if (isFinished) return expect(at, "number of interrupted commits").toBeGreaterThan(1);
        }
        throw new Error("the update was never handled without a crash");
      },
    );
  },
);

describe("free text (reliability 2)", () => {
  const CONCIERGE = { Concierge: { role: "concierge", wake: { kind: "openclaw" } } } as const;
  test.each(["before", "after"] as const)(
    "interrupted %s each commit and resumed, is one wish and one receipt, also when it joins the text before",
    async (when) => {
      for (let at = FIRST_KILL[when] - 1; at < 20; at += STRIDE) {
        const app = await createCommandsApp({ agents: CONCIERGE });
        await app.runFirstPoll();
        let isFinished = true;
        for (const text of ["@groundcrew_bot add a dark mode", "@groundcrew_bot to the blog"]) {
          const job = createUpdateJob(await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, text), "c1");
          if (job) await app.store.commit({ jobs: [job] });
          const [taken] = await app.store.take("updates", 1_000, 1);
          if (!taken) throw new Error("no job");
          const handled = updatesHandler.handle({ ...app.deps, store: crashAtCommit(app.store, at, when) }, taken);
          await handled.catch(() => {
            isFinished = false;
          });
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
        if (isFinished) return expect(at, "number of interrupted commits").toBeGreaterThan(1);
      }
      throw new Error("the update was never handled without a crash");
    },
  );
});
