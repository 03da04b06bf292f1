import { describe, expect, test } from "vitest";
import type { CrashPoint } from "../../../support/crash-simulator.ts";
import { createSession } from "../../tickets/tickets-app.ts";
import { createCrashingApp, killEverywhere, SENT_ONCE } from "../crashing-app.ts";
import { createTicketMessagesApp } from "../ticket-messages-app.ts";

const createApp = () => createCrashingApp((options) => createTicketMessagesApp({}, options));

type App = Awaited<ReturnType<typeof createApp>>;

/** Requests ONB-1, approves it and starts its session. */
async function startSession(app: App): Promise<string> {
  await app.requestTicketMessage();
  return app.startSession();
}

describe.each(["before", "after"] as const)("reliability 2: when the process is killed %s any effect,", (when) => {
  const kill = (least: number, scene: (app: App, crash: CrashPoint) => Promise<boolean>) =>
    killEverywhere({ when, least }, createApp, scene);

  test("a permission that a button allows is allowed once, and its message shows who allowed it", async () => {
    await kill(3, async (app, crash) => {
      const token = await startSession(app);
      await app.askBySession(token, { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: {} });
      await app.press("✅ Allow");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      await app.listenAgain();
      const label = JSON.stringify(crash);
      expect(app.countMessages("Allowed by Ada (Telegram)"), label).toEqual(SENT_ONCE);
      expect((await app.exchange([createSession()])).sessions[0]?.inputs, label).toMatchObject([{ text: "1" }]);
      return died;
    });
  });

  test("a reply to a session is typed once, and its message shows it", async () => {
    await kill(3, async (app, crash) => {
      const token = await startSession(app);
      await app.askBySession(token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" });
      await app.reply("Which colour?", "Blue");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      await app.listenAgain();
      const label = JSON.stringify(crash);
      expect(app.countMessages("Answered by Ada (Telegram): \nBlue"), label).toEqual(SENT_ONCE);
      expect((await app.exchange([createSession()])).sessions[0]?.inputs, label).toMatchObject([{ text: "Blue" }]);
      return died;
    });
  });

  test("a session that a button extends is extended once", async () => {
    await kill(3, async (app, crash) => {
      await startSession(app);
      const readEnd = async () => Date.parse((await app.read("/api/sessions")).sessions[0].ends_at);
      const end = await readEnd();
      app.advance(26 * 60_000);
      await app.tick();
      await app.advanceAndDrain();
      await app.press("⏱️ 30 more minutes");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      await app.listenAgain();
      expect((await readEnd()) - end, JSON.stringify(crash)).toBe(30 * 60_000);
      return died;
    });
  });

  test("a result that a button approves is one comment and the status in Plane", { timeout: 60_000 }, async () => {
    await kill(6, async (app, crash) => {
      await startSession(app);
      await app.call("/api/sessions/ONB-1/complete", { summary: "All is done" });
      await app.advanceAndDrain();
      await app.press("✅ Approve update");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      await app.advanceAndDrain(30_000);
      const label = JSON.stringify(crash);
      const [item] = app.plane.items(app.onb);
      if (!item) throw new Error("no item");
      expect(
        app.readComments(item).filter((text) => text.includes("All is done")),
        label,
      ).toHaveLength(1);
      expect(app.readPlaneItem(item).state, label).toBe("Done");
      expect(app.countMessages("Written to Plane, approved by Ada (Telegram)"), label).toEqual(SENT_ONCE);
      return died;
    });
  });
});
