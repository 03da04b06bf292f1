import type { Page } from "playwright-core";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import type { AgentsAnswer } from "../../functions/dashboard/access-routes.ts";
import type { DeadLettersAnswer } from "../../functions/operations.ts";
import type { ItemPatch } from "../../simulators/plane/types.ts";
import { PAGE_CHAT } from "./page-test-app.ts";
import { addPlan } from "./team-plan-app.ts";
import { playTicketScene } from "./ticket-scene.ts";
import { runTicketsPageApp } from "./tickets-page-app.ts";

/** Texts of people that a page must neither run, nor reorder, nor grow wide with. */
export const ARABIC = "مراجعة التقرير الأسبوعي قبل الاجتماع";
export const HOSTILE = `"><img src=x onerror=window.hacked=1><script>window.hacked=1</script> \u202egnp.exe ${"long".repeat(40)}`;

const DESCRIPTION = `<h2>Goal</h2><p>Write it <strong>well</strong>, as <a href="javascript:window.hacked=1">here</a> and
  <a href="https://example.com/style">there</a>.</p><ul><li>${"short".repeat(60)}</li></ul><pre>${"x".repeat(300)}</pre>`;

const DIFFERENCE = `diff --git a/src/sign-in.ts b/src/sign-in.ts
--- a/src/sign-in.ts
+++ b/src/sign-in.ts
@@ -10,3 +10,3 @@ export function signIn(user: string) {
   const now = Date.now();
-  const host = "old.example";
+  const host = request.host; // ${"x".repeat(200)}
   return open(host);
`;

/** Names that programs give to other things. */
const RESERVED = ["__proto__", "constructor"];

/**
 * Runs the product with something of each kind in every view: a ticket in each state, a plan in work, recurring work,
 * requests, comments, files and a chat, among them titles from right to left and hostile ones.
 */
export async function runEveryViewApp() {
  const app = await runTicketsPageApp(
    { labels: ["claude"], max_sessions: 2 },
    { TELEGRAM_ALLOWED_USERS: String(PAGE_CHAT) },
    { schedules: [{ name: "digest", cron: "0 9 1 * *", project: "ONB", title: ARABIC }] },
  );
  const { plane, project, thot } = app;
  plane.addProject({ name: `__proto__ ${"z".repeat(150)}`, identifier: "PROTO", by: app.ada });
  const label = plane.addLabel(project, "claude").id;
  const request = (name: string, patch: ItemPatch = {}) => plane.addItem(project, { ...patch, name, labels: [label] });
  await playTicketScene({ ...app, requestTicket: request });
  await app.sendDifference(DIFFERENCE);
  // ONB-6 to ONB-14 are the plan.
  const [first] = addPlan(plane, project, thot);
  const [arabic, hostile] = [ARABIC, HOSTILE].map((name) =>
    plane.addItem(project, { name, assignees: [thot], description_html: DESCRIPTION, priority: "urgent" }),
  );
  if (arabic && hostile && first) {
    plane.relate(hostile, arabic);
    plane.relate(arabic, first);
  }
  for (const name of RESERVED) plane.addItem(project, { name, assignees: [thot] });
  for (const name of [ARABIC, HOSTILE]) request(name, { description_html: DESCRIPTION });
  await app.deps().ticks.runNow("poll");
  const work = () => createTaskOperations(app.deps(), { name: "Thot", role: "worker" });
  await work().setStatus("ONB-6", { status: "in_progress" });
  await work().setStatus("ONB-6", { status: "done", text: "Done.", confidence: 0.9, cost: 0.4 });
  await work().setStatus("ONB-15", { status: "in_progress" });
  await work().deliver({ task: "ONB-15", name: "notes.md", file: new Blob([`# ${HOSTILE}`]) });
  await work().ask("ONB-15", { text: `${ARABIC}\n${HOSTILE}`, choices: [HOSTILE, ARABIC] });
  for (const text of [ARABIC, "w".repeat(10_000)]) if (arabic) plane.addComment(arabic, `<p>${text}</p>`);
  for (const text of [HOSTILE, "[link](javascript:window.hacked=1)", `/plane status ${"y".repeat(3_000)}`])
    await app.call("/api/chat", { text, language: "en" });
  await app.call("/api/schedules", { project: "ONB", title: HOSTILE, when: "every monday 9:00" });
  await app.deps().ticks.runNow("poll");
  return app;
}

/** Lets the view Settings show what needs a secrets file and broken systems: tokens of agents, and failed jobs. */
export async function fillSettings(page: Page): Promise<void> {
  const agents = [HOSTILE, ARABIC, "Thot"].map((name, tokens) => ({ name, tokens }));
  const job = { queue: "forward", id: "body:1/a", reason: HOSTILE, at: "2026-11-23T08:00:00Z", task: "ONB-7" } as const;
  const answers = {
    "/api/agents": { agents, write: true, path: "data/agents/<agent>/token" } satisfies AgentsAnswer,
    "/dead-letters": { dead_letters: [job] } satisfies DeadLettersAnswer,
  };
  for (const [path, json] of Object.entries(answers))
    await page.route(`**${path}*`, (route) => route.fulfill({ json }));
}
