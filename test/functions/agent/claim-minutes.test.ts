import { expect, test } from "vitest";
import { addNotification, EMPTY_BURST, renderBurst } from "../../../functions/telegram/delivery/burst.ts";
import { createPresentation } from "../../../functions/telegram/presentation/presentation.ts";
import { claimsTick, createWorkRules } from "../../../functions/work.ts";
import { createNotificationAction, outboxBodySchema } from "../../../shared/jobs/outgoing-jobs.ts";
import { MINUTE } from "../../../shared/time.ts";
import { callTool, createHttpTestApp, getResultText } from "../../support/http-test-app.ts";

type Options = NonNullable<Parameters<typeof createHttpTestApp>[0]>;

/** Creates a task of Thot and Imhotep that Thot has just set to in_progress over MCP. */
async function createClaimedTask(config: Options["config"] = {}, locale: "en" | "fr" = "en") {
  const app = await createHttpTestApp({
    config,
    setUpPlane: () => ({ LOCALE: locale }),
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents)] },
  });
  const item = app.addTask("Write the menu", ["Thot", "Imhotep"]);
  await app.runFirstPoll();

  /** Calls a tool with the MCP SDK's client; returns the text of the result. */
  const call = async (agent: string, tool: string, input: Record<string, unknown> = {}) => {
    const { isError = false, ...result } = await callTool(await app.connectMcpClient(agent), tool, {
      task: "ONB-1",
      ...input,
    });
    return { isError, text: getResultText({ ...result, isError }) };
  };
  /** Advances the clock minute by minute, each with its tick, as a running product does. */
  const advanceMinutes = async (n: number) => {
    for (let i = 0; i < n; i += 1) {
      app.advance(MINUTE);
      await claimsTick.run(app.deps);
      await app.drain();
    }
  };
  /** The notifications of lost claims as Telegram shows them, after the outbox has stored and read them. */
  const renderNotices = () => {
    const presentation = createPresentation({ locale, plane: { url: "https://plane.example.com" } });
    return app.actions
      .filter(({ event }) => event.kind === "claim_lost")
      .map((action) => {
        const body = outboxBodySchema.parse(JSON.parse(JSON.stringify(createNotificationAction(42, action).body)));
        if (body.type !== "notification") throw new Error(`unexpected body ${body.type}`);
        return renderBurst(addNotification(EMPTY_BURST, body), presentation).text.replace(/[\u00a0\u202f]/g, " ");
      });
  };
  await claimsTick.run(app.deps);
  expect(await call("Thot", "update_task_status", { status: "in_progress" })).toMatchObject({ isError: false });
  await app.runUntilIdle();
  await app.poll();
  // The clock was advanced meanwhile; from here on, the last call is this one.
  expect(await call("Thot", "start_timer")).toMatchObject({ isError: false });
  return { app, item, call, advanceMinutes, renderNotices };
}

test.each([
  [{ claim_minutes: 30 }, 30],
  [{}, 15],
])(
  "with %j each call renews a claim; the refusal, the comment and the notification of its end name %i minutes",
  async (config, n) => {
    const { app, item, call, advanceMinutes, renderNotices } = await createClaimedTask(config);
    await advanceMinutes(10);
    expect(await call("Thot", "report", { text: "A third of it" })).toMatchObject({ isError: false });
    await advanceMinutes(n - 1);
    expect(app.readPlaneItem(item).state).toBe("In Progress");
    await advanceMinutes(1);
    expect(app.readPlaneItem(item).state).toBe("Todo");
    expect(app.readComments(item)).toContainEqual(expect.stringContaining(`then showed no activity for ${n} minutes.`));
    expect(renderNotices()).toEqual([expect.stringContaining(`No activity for ${n} minutes: the task was released.`)]);
    expect((await call("Thot", "report", { text: "Half of it" })).text).toContain(
      `because no call renewed it for ${n} minutes`,
    );
  },
);

test.each([
  [30, 15],
  [15, 30],
])(
  "a claim taken under claim_minutes: %i keeps its end after a restart under claim_minutes: %i",
  async (before, after) => {
    const { app, item, call, advanceMinutes } = await createClaimedTask({ claim_minutes: before });
    await advanceMinutes(1);
    await app.restart({ config: { claim_minutes: after } });
    await app.listenAgain();
    await advanceMinutes(before - 2);
    expect(app.readPlaneItem(item).state).toBe("In Progress");
    expect(await call("Imhotep", "claim_task")).toMatchObject({ isError: true });
    await advanceMinutes(1);
    expect(app.readPlaneItem(item).state).toBe("Todo");
    expect(await call("Imhotep", "claim_task")).toMatchObject({ isError: false });
    await advanceMinutes(after - 1);
    expect(await call("Thot", "claim_task")).toMatchObject({ isError: true });
    await advanceMinutes(1);
    expect(await call("Thot", "claim_task")).toMatchObject({ isError: false });
  },
);

test("a call never ends a claim earlier: after a restart under a shorter claim_minutes it keeps the end it had", async () => {
  const { app, item, call, advanceMinutes } = await createClaimedTask({ claim_minutes: 30 });
  await advanceMinutes(1);
  await app.restart({ config: { claim_minutes: 5 } });
  await app.listenAgain();
  expect(await call("Thot", "report", { text: "Half of it" })).toMatchObject({ isError: false });
  await advanceMinutes(28);
  expect(await call("Imhotep", "claim_task")).toMatchObject({ isError: true });
  await advanceMinutes(1);
  expect(await call("Imhotep", "claim_task")).toMatchObject({ isError: false });
  expect(app.readComments(item)).toContainEqual(expect.stringContaining("then showed no activity for 29 minutes."));
});
