import { expect, test } from "vitest";
import { schedulesTick } from "../../../functions/schedules.ts";
import { listSchedules } from "../../../shared/schedules/list-schedules.ts";
import { createAgentTaskApp } from "../../support/agent-test-app.ts";

async function createApp() {
  const options = { parts: { ticks: [schedulesTick] } };
  const { app, item } = await createAgentTaskApp("Thot", options, { name: "Check the backups" });
  /** A person comments on the task in Plane, and a webhook says so. */
  async function comment(html: string) {
    app.plane.addComment(item, html);
    await app.deliverUntilIdle();
  }
  return Object.assign(app, { item, comment });
}

test("RECUR-02 a comment /every monday 9:00 makes the task a template, and is no remark to its agent", async () => {
  const app = await createApp();
  await app.comment("<p>/every monday 9:00</p>");
  const labels = expect.arrayContaining(["recurring"]);
  expect(app.readPlaneItem(app.item)).toMatchObject({ state: "Backlog", assignees: ["Thot"], labels });
  expect(await listSchedules(app.deps)).toMatchObject([
    { name: "Check the backups", cron: "0 9 * * 1", key: "ONB-1", text: "every Monday at 9:00" },
  ]);
  expect(app.takeEvents().filter((event) => event.includes("addressed"))).toEqual([]);
  const [card] = app.readComments(app.item);
  expect(card).toContain("🔁 every Monday at 9:00");
  expect(card).toContain("Nov 23, 2026 09:00 · Nov 30, 2026 09:00 · Dec 7, 2026 09:00");
});

test("RECUR-02 words that are no schedule are answered with the forms that are", async () => {
  const app = await createApp();
  await app.comment("<p>/every 2 weeks &lt;b&gt;</p>");
  expect(await listSchedules(app.deps)).toEqual([]);
  const [answer] = app.readComments(app.item);
  expect(answer).toContain("“2 weeks &#60;b&#62;” cannot be counted");
  expect(answer).toContain("every monday 9:00");
  expect(app.readPlaneItem(app.item).labels).not.toContain("recurring");
});
