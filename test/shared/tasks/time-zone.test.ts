import { expect, test } from "vitest";
import { claimsTick } from "../../../functions/work.ts";
import { parseCard } from "../../../shared/tasks/card-comment.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";

/** The test app starts at 08:00 UTC, which is 13:30 in Kolkata. */
const KOLKATA = { TIMEZONE: "Asia/Kolkata" };

async function createHeldTask(env: Record<string, string>) {
  const app = await createAgentTestApp({
    setUpPlane: () => env,
    parts: WORK_RULES,
  });
  const item = app.addTask("Write it down", ["Thot", "Imhotep"]);
  await app.runFirstPoll();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  return { app, item };
}

test.each([
  [KOLKATA, "13:3", String.raw`\+05:30`],
  [{}, "08:0", "UTC"],
])(
  "people read in TIMEZONE in Plane since when a task is held, and the card is read back: %j",
  async (env, clock, zone) => {
    const { app, item } = await createHeldTask(env);
    const card = app.plane.comments(item).find(({ external_id }) => external_id?.startsWith("card:"));
    expect(card?.comment_html).toMatch(new RegExp(String.raw`Since:</strong> 2026-11-21 ${clock}\d:\d\d ${zone}<`));
    const since = parseCard(card?.comment_html ?? "")?.card.since ?? 0;
    expect(new Date(since).toISOString()).toMatch(/^2026-11-21T08:0/);
    for (let i = 0; i < 17; i++) {
      app.advance(MINUTE);
      await claimsTick.run(app.deps);
      await app.drain();
    }
    expect(app.readComments(item)).toContainEqual(
      expect.stringMatching(
        new RegExp(String.raw`held this task from Nov 21, 2026 ${clock}\d to ${clock.slice(0, 3)}\d\d, then`),
      ),
    );
  },
);
