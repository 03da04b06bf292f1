import { expect, test } from "vitest";
import { renderDigest } from "../../functions/telegram/digest/digest.ts";
import { createWakeRules } from "../../functions/wake/rules.ts";
import { createWorkRules } from "../../functions/work.ts";
import { parseSettingsFile } from "../../shared/config/settings-file.ts";
import { forecastTasks } from "../../shared/tasks/forecast.ts";
import { findStartableTasks } from "../../shared/tasks/startable-tasks.ts";
import { readWake } from "../../shared/tasks/wakes.ts";
import { joinRichText } from "../../shared/telegram/rich-text.ts";
import { BACKUP_CHECK, createSchedulesApp } from "./schedules-app.ts";

type Options = NonNullable<Parameters<typeof createSchedulesApp>[0]>;

/** The product with one schedule of the settings file, which it has seen. */
async function createOneSchedule(fields: object = {}, { config, ...options }: Options = {}) {
  const schedules = [{ ...BACKUP_CHECK, ...fields }];
  const app = await createSchedulesApp({ ...options, config: { schedules, ...config } });
  await app.runTick();
  return app;
}

const MANY = { title: "Check {n}", if_open: "create" };

/** The 9:00 of these days of November. */
const toNines = (...days: number[]) => days.map((day) => `${day}T09:00:05`);

type App = Awaited<ReturnType<typeof createSchedulesApp>>;

const listRequests = async (app: App) => (await app.read("/api/requests")).requests;

test("RECUR-01 an occurrence of the settings file is created at its time, once", async () => {
  const app = await createOneSchedule({
    ...{ description: "Restore **one** file. Week {week}, {month}, no. {n}.", assignee: "Thot", labels: ["ops"] },
    ...{ priority: "high", estimate: { minutes: 30 }, due: "2d" },
  });
  await app.runAt("21T08:59:59");
  expect(app.readTitles()).toEqual([]);
  await app.runAt("21T09:00:10", "21T09:00:11");
  const [item, ...others] = app.readItems();
  expect(others).toEqual([]);
  expect(item).toMatchObject({
    ...{ name: "Check Nov 21, 2026", state: "Todo", priority: "high", assignees: ["Thot"] },
    ...{ target_date: "2026-11-23", external_id: "schedule:backup-check:2026-11-21T09:00:00Z" },
    labels: expect.arrayContaining(["ops", "agent:Thot"]),
  });
  expect(item?.description_html).toContain("Restore <strong>one</strong> file. Week 47, November 2026, no. 1.");
  expect(item?.description_html).toContain("🔁 backup-check, no. 1.");
  expect(await app.list()).toMatchObject([
    {
      ...{ id: "backup-check", name: "backup-check", next: expect.arrayContaining(["2026-11-22T09:00:00.000Z"]) },
      last: { time: "2026-11-21T09:00:00.000Z", number: 1, tasks: [{ key: "ONB-1", open: true, owners: ["Thot"] }] },
    },
  ]);
});

test("RECUR-01 an occurrence may be the tasks of a plan", async () => {
  const tasks = [
    { id: "a", title: "Collect {month}", assignee: "Thot" },
    { id: "b", title: "Report {month}", assignee: "Imhotep", blocked_by: ["a"] },
  ];
  const app = await createOneSchedule({ title: undefined, tasks });
  await app.runAt("21T09:00:05", "21T09:00:06");
  expect(app.readTitles()).toEqual(["Collect November 2026", "Report November 2026"]);
  const [first, second] = app.plane.items(app.onb);
  expect(await app.readItem(second ?? { id: "" })).toMatchObject({ blockers: [first?.id], owners: ["Imhotep"] });
});

const OWNED = { assignee: "Thot" };

test("RECUR-01 while the last occurrence is open nothing is created, the digest says so, and after three times in a row a person is asked once", async () => {
  const app = await createOneSchedule(OWNED);
  await app.runAt(...toNines(21, 22));
  const readLine = async (time: string) =>
    /🔁.*/.exec(joinRichText(await renderDigest(app.deps, "en", Date.parse(time)), "\n").text)?.[0];
  expect(await readLine("2026-11-22T08:00:00Z")).toBe("🔁 Recurring work: 1 created");
  const skipped = "🔁 Recurring work: 1 skipped (backup-check: ONB-1 is open, Thot)";
  expect(await readLine("2026-11-23T08:00:00Z")).toBe(skipped);
  await app.runAt(...toNines(23));
  expect(await listRequests(app)).toEqual([]);
  const times = ["2026-11-22T09:00:00.000Z", "2026-11-23T09:00:00.000Z"];
  expect(await app.list()).toMatchObject([{ skipped: times, last: { tasks: [{ owners: ["Thot"] }] } }]);
  await app.runAt(...toNines(24, 25, 26));
  expect(app.readTitles()).toEqual(["Check Nov 21, 2026"]);
  const text = "backup-check came 3 times while ONB-1 is open (Thot), so nothing was created. What now?";
  const options = [{ label: "Keep skipping" }, { label: "Create another" }, { label: "Pause it" }];
  expect(await listRequests(app)).toMatchObject([{ text, options }]);
});

test("RECUR-01 with create another one is created while the last is open, which waits for the one before; with remind whoever has it is reminded", async () => {
  const app = await createOneSchedule({ ...OWNED, if_open: "create", blocked_by_previous: true });
  await app.runAt(...toNines(21, 22));
  const [first, second] = app.plane.items(app.onb);
  expect(await app.readItem(second ?? { id: "" })).toMatchObject({ owners: ["Thot"], blockers: [first?.id] });
  const other = await createOneSchedule({ ...OWNED, if_open: "remind" });
  await other.runAt(...toNines(21, 22, 22, 23));
  expect(other.readTitles()).toEqual(["Check Nov 21, 2026"]);
  const comments = other.readComments(other.plane.items(other.onb)[0] ?? { id: "" });
  expect(comments.filter((text) => text.includes("backup-check is due again"))).toHaveLength(2);
});

test("RECUR-01 after Groundcrew was away the latest time is made late and says so, the older ones are named", async () => {
  const app = await createOneSchedule();
  app.setTime("2026-11-25T14:00:00Z");
  await app.restart();
  await app.listenAgain();
  for (let ticks = 0; ticks < 2; ticks += 1) await app.runTick();
  expect(app.readTitles()).toEqual(["Check Nov 25, 2026"]);
  const late = "It was planned for 09:00 and is late. 4 occurrences were missed between Nov 21, 2026 09:00 and Nov 24";
  expect(app.plane.items(app.onb)[0]?.description_html).toContain(`${late}, 2026 09:00.`);
  const missed = { count: 4, from: "2026-11-21T09:00:00.000Z", to: "2026-11-24T09:00:00.000Z" };
  expect(await app.list()).toMatchObject([{ last: { late: true, missed } }]);
});

test("RECUR-01 a lost store repeats no occurrence of the settings file and finds templates in Plane again", async () => {
  const app = await createOneSchedule({ title: "Check {n}" });
  const template = { cron: "0 9 * * *", project: "ONB", title: "Review {n}", if_open: "create" };
  await app.send("POST", "/api/schedules", template);
  await app.runAt(...toNines(21));
  await app.restart({ store: "lost" });
  await app.listenAgain();
  await app.runFirstPoll();
  await app.runTick();
  expect(app.readTitles().toSorted()).toEqual(["Check 1", "Review 1", "Review {n}"]);
  for (const item of app.plane.items(app.onb)) if (item.name === "Check 1") app.plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  await app.runAt(...toNines(22, 22));
  expect(app.readTitles().toSorted()).toEqual(["Check 1", "Check 2", "Review 1", "Review 2", "Review {n}"]);
});

const readNotices = async (app: App) => (await app.read("/api/notices")).notices;
const toPaused = (reason: string) => [{ kind: "schedules_paused", text: expect.stringContaining(reason) }];

test.each([
  ["its project is not in Plane", { project: "GONE" }, "its project is not in Plane, or Groundcrew cannot read it"],
  ["its assignee is gone", { assignee: "Ptah" }, 'There is no user "Ptah"'],
])("RECUR-01 a schedule pauses with a notice while %s, and goes on when resumed", async (_, fields, reason) => {
  const app = await createOneSchedule(fields);
  await app.runAt(...toNines(21));
  expect(app.readTitles()).toEqual([]);
  expect(await readNotices(app)).toMatchObject(toPaused(reason));
  await app.restart({ config: { schedules: [BACKUP_CHECK] } });
  await app.listenAgain();
  expect(await app.send("PATCH", "/api/schedules/backup-check", { paused: false })).toMatchObject({ status: 200 });
  await app.runTick();
  expect(await readNotices(app)).toEqual([]);
  await app.runAt(...toNines(22));
  expect(app.readTitles()).toEqual(["Check Nov 22, 2026"]);
});

test.each<[string, Record<string, unknown>, string]>([
  ["the month's budget is used up", { budget: { amount: 5 } }, "2026-12-01"],
  ["Thot has used up its limits of the hour", { limits: { cost: 5 } }, "2026-11-21"],
  ["a hard budget, which a person then lets the month exceed, is used up", { budget: { amount: 5, stop: true } }, ""],
])("RECUR-01 a schedule pauses while %s, and goes on after it", async (reason, config, day) => {
  const app = await createOneSchedule({ ...MANY, cron: "0 9,11 * * *", assignee: "Thot" }, { config });
  await app.runAt("21T08:50:00");
  app.addTask("Costly", "Thot");
  await app.poll();
  await app.actAs("Thot").report("ONB-1", { cost: 6 });
  await app.runAt(...toNines(21));
  expect(await readNotices(app)).toMatchObject(toPaused(day === "" ? "budget is used up" : reason));
  expect(app.readTitles()).toEqual(["Costly"]);
  if (day === "") {
    const [{ id, hash, kind } = {}] = await listRequests(app);
    expect(kind).toBe("budget");
    await app.send("POST", `/api/requests/${id}`, { answer: "approve", hash });
    await app.send("PATCH", "/api/schedules/backup-check", { paused: false });
    await app.runAt("21T11:00:05");
  } else
    for (const time of ["10:30:00", "11:00:05"]) {
      app.setTime(`${day}T${time}Z`);
      await app.runTick();
    }
  expect(app.readTitles()).toEqual(["Costly", "Check 1"]);
});

test.each([
  [{ cron: "0 9 * *" }, "cron", "a cron expression of five fields"],
  [{ cron: "0 0 31 2 *" }, "cron", "a cron expression of five fields"],
  [{ cron: "* * * * * *" }, "cron", "a cron expression of five fields"],
  [{ time_zone: "Paris" }, "time_zone", "an IANA time zone"],
  [{ due: "2 days" }, "due", "a number of days or weeks"],
  [{ title: undefined }, "title", "a title, or tasks in its place"],
  [{ colour: "red" }, "colour", "one of name, cron"],
  [
    { title: undefined, tasks: [{ id: "a", title: "A", blocked_by: ["b"] }, ...[{ id: "b", title: "B" }]] },
    "tasks[0].blocked_by",
    "tasks above this one",
  ],
])("RECUR-01 %j in the settings file is refused with its place", (fields, name, wanted) => {
  const { problems } = parseSettingsFile(JSON.stringify({ schedules: [{ ...BACKUP_CHECK, ...fields }] }));
  const problem = { name: `GROUNDCREW_CONFIG schedules[0].${name}`, wanted: expect.stringContaining(wanted) };
  expect(problems).toMatchObject([{ ...problem, position: { line: 1 } }]);
});

test("RECUR-01 ten schedules of one minute share a small quota in the order of the settings file", async () => {
  const names = Array.from({ length: 10 }, (_, i) => `s${9 - i}`);
  const schedules = names.map((name) => ({ ...BACKUP_CHECK, name, title: name, if_open: "create" }));
  const app = await createSchedulesApp({ rateLimit: 12, config: { schedules } });
  for (let minute = 0; minute < 20 && app.readTitles().length < 20; minute += 1) {
    if (minute === 10) app.setTime("2026-11-22T08:59:00Z");
    app.advance(60_000);
    await app.runTick().catch(() => {});
    if (minute === 1) app.setTime("2026-11-21T09:00:05Z");
  }
  expect(app.readTitles()).toEqual([...names, ...names]);
});

async function createTemplate(more: object = {}) {
  const app = await createSchedulesApp({ config: { schedules: [] } });
  const fields = { cron: "0 9 * * *", project: "ONB", ...MANY, ...more };
  const { status, json } = await app.send("POST", "/api/schedules", fields);
  expect([status, json]).toMatchObject([200, { name: "Check {n}", origin: "plane", key: "ONB-1" }]);
  const { id } = json;
  return { app, id, change: (body: object) => app.send("PATCH", `/api/schedules/${id}`, body) };
}

test("RECUR-01 each occurrence gets what its template has in Plane", async () => {
  const more = { cron: "0 9 * * 1", time_zone: "Europe/Paris", description: "All of it", assignee: "Imhotep" };
  const { app, id } = await createTemplate(more);
  const labels = expect.arrayContaining(["recurring", "agent:Imhotep"]);
  expect(app.readItems()).toMatchObject([{ state: "Backlog", labels }]);
  await app.runAt("23T08:00:05");
  const occurrence = { name: "Check 1", state: "Todo", labels: ["agent:Imhotep"], assignees: ["Imhotep"] };
  expect(app.readItems()[1]).toMatchObject(occurrence);
  expect(app.readComments({ id })).toMatchObject([expect.stringContaining("Last: ONB-2")]);
});

test("RECUR-01 deleting a template cancels it, undoing brings it back, and what comes meanwhile or while it is paused is left out", async () => {
  const { app, id, change } = await createTemplate();
  expect(await app.send("DELETE", `/api/schedules/${id}`)).toEqual({ status: 200, json: { deleted: true } });
  expect(app.readPlaneItem({ id })).toMatchObject({ state: "Cancelled" });
  expect(await app.list()).toEqual([]);
  await app.runAt(...toNines(21));
  expect(await change({ deleted: false })).toMatchObject({ status: 200, json: { id } });
  await app.runAt(...toNines(22));
  await change({ paused: true });
  await app.runAt(...toNines(23));
  await change({ paused: false });
  await app.runAt("23T10:00:00");
  expect(app.readTitles()).toEqual(["Check {n}", "Check 1"]);
  await app.runAt(...toNines(24));
  expect(app.readTitles()).toEqual(["Check {n}", "Check 1", "Check 2"]);
});

test("RECUR-01 other times of a template count from the change on, an unset field keeps its value, and after its count or last day nothing comes", async () => {
  const { app, change } = await createTemplate();
  await app.runAt("21T09:30:00");
  const next = expect.arrayContaining(["2026-11-22T08:00:00.000Z"]);
  const json = { if_open: "create", text: "every day at 8:00", next };
  expect(await change({ cron: "0 8 * * *" })).toMatchObject({ status: 200, json });
  await app.runAt("21T10:00:00", "22T08:00:05");
  expect(app.readTitles()).toEqual(["Check {n}", "Check 1", "Check 2"]);
  await change({ count: 3 });
  await app.runAt("23T08:00:05", "24T08:00:05");
  expect(await app.list()).toMatchObject([{ ended: true, next: [] }]);
  await change({ count: null, until: "2026-11-25" });
  await app.runAt("25T08:00:05", "26T08:00:05");
  expect(app.readTitles()).toEqual(["Check {n}", "Check 1", "Check 2", "Check 3", "Check 4"]);
});

/** The product with an agent that is woken for Backlog, too, and an existing task of it in Backlog. */
async function createApp() {
  const app = await createSchedulesApp({
    agents: { Thot: { role: "worker", wake: { kind: "openclaw", url: "http://127.0.0.1:9" } } },
    config: { wake_backlog: true, schedules: [] },
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents), createWakeRules(agents)] },
  });
  const backlog = app.plane.states(app.onb).find(({ name }) => name === "Backlog");
  const template = { state: backlog?.id ?? "", labels: [app.plane.addLabel(app.onb, "Recurring").id] };
  const readWakes = async () => {
    const { wake } = await readWake(app.deps, "Thot");
    return [...wake.pending.map(({ id }) => id), ...Object.keys(wake.wokenTasks)];
  };
  return Object.assign(app, { template, readWakes });
}

test("RECUR-02 a template wakes nobody, whether a webhook or a poll finds it", async () => {
  const app = await createApp();
  app.addTask("By webhook", "Thot", app.template);
  await app.deliverUntilIdle();
  app.addTask("By poll", "Thot", app.template);
  app.dropWebhooks();
  await app.pollUntilIdle();
  expect(await app.readWakes()).toEqual([]);
  expect(await findStartableTasks(app.deps, "Thot")).toEqual([]);
  const ordinary = app.addTask("Ordinary", "Thot", { state: app.template.state });
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  expect(await app.readWakes()).toContain(ordinary.id);
});

test("RECUR-02 a task in work that becomes a template is released", async () => {
  const app = await createApp();
  const item = app.addTask("Check", "Thot");
  await app.deliverUntilIdle();
  await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
  app.advance(40_000);
  await app.runUntilIdle();
  app.plane.addComment(item, "<p>/every monday 9:00</p>");
  await app.deliverUntilIdle();
  expect(app.readPlaneItem(item)).toMatchObject({ state: "Backlog" });
  const refused = await app.callTool("Thot", "report_progress", { task: "ONB-1", text: "Half", percent: 50 });
  expect(refused.status).toBeGreaterThanOrEqual(400);
});

test("RECUR-02 a template is in no list of open tasks, no forecast and no figure, and blocks nothing", async () => {
  const app = await createApp();
  const item = app.addTask("Check", "Thot", app.template);
  const dependant = app.addTask("Afterwards", "Imhotep");
  app.plane.relate(dependant, item);
  await app.deliverWebhooks();
  await app.pollUntilIdle();
  for (const path of ["/api/board", "/api/idle-tasks"])
    expect(JSON.stringify(await app.read(path))).not.toContain("ONB-1");
  expect(await findStartableTasks(app.deps, "Imhotep")).toHaveLength(1);
  const projects = await app.callTool("Concierge", "list_projects", {});
  expect(projects.json).toMatchObject({ projects: [{ project: "ONB", total: 1, closed: 0 }] });
  expect(await forecastTasks(app.deps, [])).toMatchObject({ tasks: 0 });
});
