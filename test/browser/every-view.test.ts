import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import type { AgentsAnswer } from "../../functions/dashboard/access-routes.ts";
import type { DeadLettersAnswer } from "../../functions/operations.ts";
import type { ItemPatch } from "../../simulators/plane/types.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { FIND_SMALL_TARGETS, findUnreachable, findViolations } from "./accessibility-checks.ts";
import { describeInChromium, openPage, type TestPage } from "./browser.ts";
import { enterToken, PAGE_CHAT, shareApp, WAIT } from "./page-test-app.ts";
import { addPlan } from "./team-plan-app.ts";
import { playTicketScene } from "./ticket-scene.ts";
import { runTicketsPageApp } from "./tickets-page-app.ts";

/** Texts of people that a page must neither run, nor reorder, nor grow wide with. */
const ARABIC = "مراجعة التقرير الأسبوعي قبل الاجتماع";
const HOSTILE = `"><img src=x onerror=window.hacked=1><script>window.hacked=1</script> \u202egnp.exe ${"long".repeat(40)}`;

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

/**
 * Runs the product with something of each kind in every view: a ticket in each state, a plan in work, recurring work,
 * requests, comments, files and a chat, among them titles from right to left and hostile ones.
 */
async function runEveryViewApp() {
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
  // Names that programs give to other things.
  for (const name of ["__proto__", "constructor"]) plane.addItem(project, { name, assignees: [thot] });
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
async function fillSettings(page: Page): Promise<void> {
  const agents = [HOSTILE, ARABIC, "Thot"].map((name, tokens) => ({ name, tokens }));
  const job = { queue: "forward", id: "body:1/a", reason: HOSTILE, at: "2026-11-23T08:00:00Z", task: "ONB-7" } as const;
  const answers = {
    "/api/agents": { agents, write: true, path: "data/agents/<agent>/token" } satisfies AgentsAnswer,
    "/dead-letters": { dead_letters: [job] } satisfies DeadLettersAnswer,
  };
  for (const [path, json] of Object.entries(answers))
    await page.route(`**${path}*`, (route) => route.fulfill({ json }));
}

const LAPTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
/** 1280 x 1024 pixels at 400 % zoom (WCAG 1.4.10). */
const ZOOMED = { width: 320, height: 256 };

/** What a laptop shows in more than one view, at which axe-core looks once. */
const REPEATED = ["header", "#chat"];

interface Place {
  path: string;
  /** What the view has when it is drawn. */
  has: string;
  /** How the title of the document begins in French. */
  title: string;
  /** The elements that are pressed, and then the key. */
  press?: readonly string[];
  key?: string;
  /** It is left by a key. */
  leave?: "Escape";
}

const SESSIONS = '[data-part="sessions"] .ticket';
const [LEFT, CLOSED] = [{ leave: "Escape" } as const, '[data-part="completed"] .actions button:last-child'];

const toPlace = (title: string, path: string, has: string, more: Partial<Place> = {}): Place => ({
  ...{ title, path, has },
  ...more,
});

/** Every view by its address, in each of its forms, and the dialogs. */
const PLACES: readonly Place[] = [
  toPlace("À traiter", "/inbox", "#inbox .idle"),
  toPlace("Tableau", "/board", "#board .card"),
  toPlace("Tableau", "/board?status=todo", "#board .column.only"),
  toPlace("Équipe", "/team", "#team .agent .task", { press: ['#team [data-show="picture"]'] }),
  toPlace("Équipe", "/team", "#team .agent .task", { press: ['#team [data-show="table"]'] }),
  toPlace("Plan", "/plans/ONB", "#plan .figures", { press: [".figures button.key"], ...LEFT }),
  toPlace("Plan", "/plans", "#plan .tiles"),
  toPlace("Plan", "/plans/ONB", "#plan .figures", {
    ...{ press: ['#plan [data-show="picture"]', ".node[data-critical] > button"], ...LEFT },
  }),
  toPlace("Récurrent", "/schedules", "#schedules [data-schedule]"),
  toPlace("Tickets", "/tickets", '#tickets .request[data-kind="permission"]'),
  toPlace("Tickets", "/tickets", ".ticket", { press: ['[data-part="pending"] [data-answer="reject"]'] }),
  toPlace("Tickets", "/tickets", ".ticket", { press: [`${SESSIONS} > .actions button:nth-last-child(2)`], ...LEFT }),
  toPlace("Tickets", "/tickets", ".ticket", { press: [CLOSED], ...LEFT }),
  toPlace("Tickets", "/tickets/ONB-1", ".ticket-page .diff-file"),
  toPlace("ONB-15", "/task/ONB-15", "#task form", { press: ['#task button:has-text("notes.md")'] }),
  toPlace("Activité", "/activity", "#trail tr", { press: ["#trail summary"] }),
  toPlace("Messages", "/chat", "#chat .message"),
  toPlace("Réglages", "/settings", "#failed-job-list li", { press: ["#agent-add summary"] }),
  toPlace("Réglages", "/settings", "#sign-ins li", { key: "Control+k", ...LEFT }),
  toPlace("Réglages", "/settings", "#sign-ins li", { key: "?", ...LEFT }),
  // Last, because the terminal stays open.
  toPlace("Tickets", "/tickets", ".ticket", { press: [`${SESSIONS}:has(.screen:not(:empty)) > .actions button`] }),
];

/** Light, dark, high contrast and forced colours. */
const LOOKS = [
  { colorScheme: "light" },
  { colorScheme: "dark" },
  { contrast: "more" },
  { forcedColors: "active" },
] as const;

/** Counts the written texts whose direction is not theirs. */
const COUNT_WRONG_DIRECTIONS = `[...document.querySelectorAll(".written")].filter((el) => el.checkVisibility() &&
  (getComputedStyle(el).direction === "rtl") !== el.textContent.startsWith("${ARABIC.slice(0, 8)}")).length`;

/** Counts what texts of people have become, and what has run. */
const COUNT_HACKS = `document.querySelectorAll('main :is(img, script, a[href^="javascript:"])').length + (window.hacked ?? 0)`;

/** Ids of the sections that are shown. */
const LIST_SECTIONS = `[...document.querySelectorAll("main > section")].filter((el) => el.checkVisibility()).map(({ id }) => id)`;

/** Checks what does not depend on colours: nothing is wider than the screen, too small, in a wrong direction, or markup. */
async function checkSize(page: TestPage, { width }: { width: number }): Promise<void> {
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
  expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
  expect(await page.evaluate(COUNT_WRONG_DIRECTIONS)).toBe(0);
  expect(await page.evaluate(COUNT_HACKS)).toBe(0);
}

describeInChromium("Every view, with hostile texts (reliability 18)", () => {
  const getApp = shareApp(runEveryViewApp);
  let laptop: TestPage;
  let phone: TestPage;

  beforeAll(async () => {
    laptop = await openPage(getApp().url, { ...LAPTOP, isShared: true });
    phone = await openPage(getApp().url, { ...PHONE, locale: "fr-FR", isShared: true });
  }, 120_000);

  /** Looks with axe-core: at the laptop in light, at the phone in the dark; in the full run at each in every look. */
  async function expectNoViolation(page: TestPage, isFirst = false): Promise<void> {
    const repeated = page === phone || isFirst ? [] : REPEATED;
    const own = { colorScheme: page === phone ? "dark" : "light" } as const;
    for (const look of IS_FULL_RUN ? LOOKS : [own]) {
      await page.emulateMedia({ colorScheme: "light", contrast: "no-preference", forcedColors: "none", ...look });
      expect([look, await findViolations(page, repeated)]).toEqual([look, []]);
    }
  }

  /** Goes to an address as the keys back and forward do, without loading the page anew. */
  async function goTo(page: TestPage, { path, has, press = [], key }: Place): Promise<void> {
    await page.evaluate(`history.pushState(null, "", "${path}"); dispatchEvent(new PopStateEvent("popstate"))`);
    await page.locator(has).filter({ visible: true }).first().waitFor(WAIT);
    for (const selector of press) await page.locator(selector).filter({ visible: true }).first().press("Enter");
    if (key) await page.keyboard.press(key);
  }

  /** Checks the size of a phone, and 400 % zoom. */
  async function checkPhone(): Promise<void> {
    for (const size of [ZOOMED, PHONE]) {
      await phone.setViewportSize(size);
      await checkSize(phone, size);
    }
  }

  test("the form that signs in: axe finds nothing in light, in the dark and in French on a phone, and it fits", async () => {
    await checkSize(laptop, LAPTOP);
    await checkPhone();
    for (const page of [laptop, phone]) {
      await page.waitForSelector("#sign-in:not([hidden])", WAIT);
      await expectNoViolation(page);
      await fillSettings(page);
      await enterToken(page);
      await page.waitForSelector("#inbox .requests", WAIT);
    }
  });

  const rows = PLACES.map((place, i) => ({ ...place, i, pressed: place.press?.at(-1) ?? place.key ?? "nothing" }));
  test.each(rows)("$path, $pressed pressed: axe finds nothing, it fits each screen, Tab reaches it", async (place) => {
    // In the usual run axe-core looks at a place on one of both screens.
    const isOnBoth = IS_FULL_RUN || place.path === "/board";
    await goTo(laptop, place);
    if (isOnBoth || place.i % 2 === 0) await expectNoViolation(laptop, place.path === "/board");
    await checkSize(laptop, LAPTOP);
    // A view scrolls on a laptop, not the document.
    expect(await laptop.evaluate("document.documentElement.scrollHeight")).toBe(LAPTOP.height);
    expect(await findUnreachable(laptop, IS_FULL_RUN)).toEqual([]);
    if (place.leave) await laptop.keyboard.press(place.leave);

    await goTo(phone, place);
    expect(await phone.title()).toMatch(new RegExp(`^(\\(\\d+\\) )?${place.title} · `));
    if (isOnBoth || place.i % 2 === 1) await expectNoViolation(phone);
    await checkPhone();
    // A phone shows one view at a time, and the activity of a task below it.
    const sections = (await phone.evaluate(LIST_SECTIONS)) as string[];
    expect(sections).toHaveLength(sections[0] === "task" ? 2 : 1);
    if (place.leave) await phone.keyboard.press(place.leave);
    expect(laptop.problems.concat(phone.problems)).toEqual([]);
  });
});
