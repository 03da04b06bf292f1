import { describe, expect, test } from "vitest";
import { z } from "zod";
import { renderDigest } from "../../functions/telegram/digest/digest.ts";
import { parseSettingsFile } from "../../shared/config/settings-file.ts";
import { joinRichText } from "../../shared/telegram/rich-text.ts";
import { BACKUP_CHECK, createSchedulesApp } from "./schedules-app.ts";

describe("RECUR-01 a schedule of the settings file", () => {
  test("RECUR-01 an occurrence is created at its time, once", async () => {
    const schedule = {
      ...BACKUP_CHECK,
      description: "Restore **one** file. Week {week}, {month}, no. {n}.",
      assignee: "Thot",
      labels: ["ops"],
      priority: "high",
      estimate: { minutes: 30 },
      due: "2d",
    };
    const app = await createSchedulesApp({ config: { schedules: [schedule] } });
    await app.runTick();
    app.setTime("2026-11-21T08:59:59Z");
    await app.runTick();
    expect(app.readTitles()).toEqual([]);
    app.setTime("2026-11-21T09:00:10Z");
    await app.runTick();
    await app.runTick();
    expect(app.readTitles()).toEqual(["Check Nov 21, 2026"]);
    const [item] = app.plane.items(app.onb);
    expect(app.readPlaneItem(item ?? { id: "" })).toMatchObject({
      state: "Todo",
      priority: "high",
      assignees: ["Thot"],
      labels: expect.arrayContaining(["ops", "agent:Thot"]),
      target_date: "2026-11-23",
      external_id: "schedule:backup-check:2026-11-21T09:00:00Z",
    });
    expect(item?.description_html).toContain("Restore <strong>one</strong> file. Week 47, November 2026, no. 1.");
    expect(item?.description_html).toContain("🔁 backup-check, no. 1.");
    expect(await app.list()).toMatchObject([
      {
        id: "backup-check",
        name: "backup-check",
        next: expect.arrayContaining(["2026-11-22T09:00:00.000Z"]),
        last: { time: "2026-11-21T09:00:00.000Z", number: 1, tasks: [{ key: "ONB-1", open: true, owners: ["Thot"] }] },
      },
    ]);
  });
});

describe("RECUR-01 a template in Plane", () => {
  test("RECUR-01 each occurrence gets what the template has in Plane", async () => {
    const app = await createSchedulesApp({ config: { schedules: [] } });
    const fields = { project: "ONB", title: "Review {n}", description: "All of it", assignee: "Imhotep" };
    const created = await app.send("POST", "/api/schedules", {
      cron: "0 9 * * 1",
      time_zone: "Europe/Paris",
      ...fields,
    });
    expect(created).toMatchObject({ status: 200, json: { name: "Review {n}", origin: "plane", key: "ONB-1" } });
    const [template] = app.plane.items(app.onb);
    expect(app.readPlaneItem(template ?? { id: "" })).toMatchObject({
      state: "Backlog",
      labels: expect.arrayContaining(["recurring", "agent:Imhotep"]),
    });
    app.setTime("2026-11-23T08:00:05Z");
    await app.runTick();
    const [, item] = app.plane.items(app.onb);
    expect(app.readPlaneItem(item ?? { id: "" })).toMatchObject({
      name: "Review 1",
      state: "Todo",
      labels: ["agent:Imhotep"],
      assignees: ["Imhotep"],
    });
    expect(app.readComments(template ?? { id: "" })).toMatchObject([expect.stringContaining("Last: ONB-2")]);
  });

  test("RECUR-01 a lost store finds it again in Plane", async () => {
    const app = await createSchedulesApp({ config: { schedules: [] } });
    await app.send("POST", "/api/schedules", {
      cron: "0 9 * * *",
      project: "ONB",
      title: "Check {n}",
      if_open: "create",
    });
    app.setTime("2026-11-21T09:00:05Z");
    await app.runTick();
    await app.restart({ store: "lost" });
    await app.listenAgain();
    app.setTime("2026-11-22T09:05:00Z");
    await app.runFirstPoll();
    await app.runTick();
    await app.runTick();
    expect(app.readTitles()).toEqual(["Check {n}", "Check 1", "Check 2"]);
  });
});

const requestsSchema = z.object({
  requests: z.array(
    z.looseObject({
      id: z.string(),
      hash: z.string(),
      text: z.string(),
      options: z.array(z.looseObject({ label: z.string() })),
    }),
  ),
});

describe("RECUR-01 the last occurrence is open", () => {
  /** Lets the daily schedule come on this many days, beginning with 21 November. */
  async function runDays(app: Awaited<ReturnType<typeof createSchedulesApp>>, from: number, to: number) {
    for (let day = from; day <= to; day += 1) {
      app.setTime(`2026-11-${day}T09:00:05Z`);
      await app.runTick();
      await app.runTick();
    }
  }
  const createOpenApp = (fields: object = {}) =>
    createSchedulesApp({ config: { schedules: [{ ...BACKUP_CHECK, assignee: "Thot", ...fields }] } });
  const listQuestions = async (app: Awaited<ReturnType<typeof createSchedulesApp>>) =>
    requestsSchema.parse((await app.send("GET", "/api/requests")).json).requests;

  test("RECUR-01 nothing is created, and after three times in a row a person is asked once", async () => {
    const app = await createOpenApp();
    await app.runTick();
    await runDays(app, 21, 23);
    expect(await listQuestions(app)).toEqual([]);
    expect(await app.list()).toMatchObject([
      { skipped: ["2026-11-22T09:00:00.000Z", "2026-11-23T09:00:00.000Z"], last: { tasks: [{ owners: ["Thot"] }] } },
    ]);
    await runDays(app, 24, 26);
    expect(app.readTitles()).toEqual(["Check Nov 21, 2026"]);
    expect(await listQuestions(app)).toMatchObject([
      {
        text: "backup-check came 3 times while ONB-1 is open (Thot), so nothing was created. What now?",
        options: [{ label: "Keep skipping" }, { label: "Create another" }, { label: "Pause it" }],
      },
    ]);
  });

  test.each([
    ["Keep skipping", ["Check Nov 21, 2026"], {}],
    ["Create another", ["Check Nov 21, 2026", "Check Nov 24, 2026"], {}],
    ["Pause it", ["Check Nov 21, 2026"], { paused: { by: "admin" }, next: [] }],
  ])("RECUR-01 the answer is %s", async (comment, titles, view) => {
    const app = await createOpenApp();
    await app.runTick();
    await runDays(app, 21, 24);
    const [question] = await listQuestions(app);
    const answer = { answer: "answer", hash: question?.hash, comment };
    expect(await app.send("POST", `/api/requests/${question?.id}`, answer)).toMatchObject({ status: 200 });
    await app.runTick();
    await runDays(app, 25, 26);
    expect(app.readTitles()).toEqual(titles);
    expect(await app.list()).toMatchObject([view]);
    expect(await listQuestions(app)).toEqual([]);
  });

  test("RECUR-01 with create another one is created, which waits for the one before", async () => {
    const app = await createOpenApp({ if_open: "create", blocked_by_previous: true });
    await app.runTick();
    await runDays(app, 21, 22);
    const [first, second] = app.plane.items(app.onb);
    expect(app.readPlaneItem(second ?? { id: "" })).toMatchObject({ assignees: ["Thot"] });
    expect(await app.readItem(second ?? { id: "" })).toMatchObject({ blockers: [first?.id] });
  });

  test("RECUR-01 with remind whoever has it is reminded, once each time", async () => {
    const app = await createOpenApp({ if_open: "remind" });
    await app.runTick();
    await runDays(app, 21, 23);
    expect(app.readTitles()).toEqual(["Check Nov 21, 2026"]);
    const [item] = app.plane.items(app.onb);
    const comments = app.readComments(item ?? { id: "" }).filter((text) => text.includes("backup-check is due again"));
    expect(comments).toHaveLength(2);
  });

  test("RECUR-01 the digest has one line of it", async () => {
    const app = await createOpenApp();
    await app.runTick();
    await runDays(app, 21, 22);
    const readLine = async (time: string) =>
      joinRichText(await renderDigest(app.deps, "en", Date.parse(time)), "\n")
        .text.split("\n")
        .filter((text) => /🔁/.test(text));
    expect(await readLine("2026-11-22T08:00:00Z")).toEqual(["🔁 Recurring work: 1 created"]);
    expect(await readLine("2026-11-23T08:00:00Z")).toEqual([
      "🔁 Recurring work: 1 skipped (backup-check: ONB-1 is open, Thot)",
    ]);
  });
});

describe("RECUR-01 Groundcrew was away", () => {
  test("RECUR-01 the latest time is made late and says so, the older ones are named", async () => {
    const app = await createSchedulesApp();
    await app.runTick();
    app.setTime("2026-11-25T14:00:00Z");
    await app.restart();
    await app.listenAgain();
    await app.runTick();
    await app.runTick();
    expect(app.readTitles()).toEqual(["Check Nov 25, 2026"]);
    expect(app.plane.items(app.onb)[0]?.description_html).toContain(
      "It was planned for 09:00 and is late. 4 occurrences were missed between Nov 21, 2026 09:00 and Nov 24, 2026 09:00.",
    );
    expect(await app.list()).toMatchObject([
      { last: { late: true, missed: { count: 4, from: "2026-11-21T09:00:00.000Z", to: "2026-11-24T09:00:00.000Z" } } },
    ]);
  });

  test("RECUR-01 one whose answer is lost, with Plane away until the next time, is not missed", async () => {
    const plane = { losesAnswer: false, isAway: false };
    const app = await createSchedulesApp({
      config: { schedules: [{ ...BACKUP_CHECK, title: "Check {n}", if_open: "create" }] },
      async fetch(input, init) {
        if (plane.isAway) throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
        const response = await fetch(input, init);
        if (!plane.losesAnswer || init?.method !== "POST") return response;
        plane.isAway = true;
        throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
      },
    });
    await app.runTick();
    plane.losesAnswer = true;
    app.setTime("2026-11-21T09:00:05Z");
    await expect(app.runTick()).rejects.toThrow("could not be reached");
    app.setTime("2026-11-23T09:00:05Z");
    await expect(app.runTick()).rejects.toThrow("could not be reached");
    Object.assign(plane, { losesAnswer: false, isAway: false });
    await app.runTick();
    await app.runTick();
    expect(app.readTitles()).toEqual(["Check 1", "Check 2"]);
    expect(await app.list()).toMatchObject([
      { last: { time: "2026-11-23T09:00:00.000Z", missed: { count: 1, from: "2026-11-22T09:00:00.000Z" } } },
    ]);
  });

  test("RECUR-01 a lost store repeats no occurrence of the settings file", async () => {
    const app = await createSchedulesApp({ config: { schedules: [{ ...BACKUP_CHECK, title: "Check {n}" }] } });
    await app.runTick();
    app.setTime("2026-11-21T09:00:05Z");
    await app.runTick();
    await app.restart({ store: "lost" });
    await app.listenAgain();
    await app.runFirstPoll();
    await app.runTick();
    expect(app.readTitles()).toEqual(["Check 1"]);
    const [item] = app.plane.items(app.onb);
    if (item) app.plane.editItem(item, { state: "Done" });
    await app.deliverWebhooks();
    app.setTime("2026-11-22T09:00:05Z");
    await app.runTick();
    expect(app.readTitles()).toEqual(["Check 1", "Check 2"]);
  });

  test("RECUR-01 a clock that is set back makes nothing again, and nothing less", async () => {
    const app = await createSchedulesApp({
      config: { schedules: [{ ...BACKUP_CHECK, cron: "0 * * * *", title: "Check {n}", if_open: "create" }] },
    });
    await app.runTick();
    for (const hour of ["09", "10", "08", "09", "10", "11"]) {
      app.time.now = Date.parse(`2026-11-21T${hour}:00:05Z`);
      await app.runTick();
    }
    expect(app.plane.items(app.onb).map(({ external_id }) => external_id?.slice(-9))).toEqual(
      ["T09:00:00Z", "T10:00:00Z", "T11:00:00Z"].map((time) => time.slice(-9)),
    );
  });
});

describe("RECUR-01 a schedule stops by itself", () => {
  test.each([
    ["its project is not in Plane", { project: "GONE" }, "its project is not in Plane, or Groundcrew cannot read it"],
    ["its assignee is gone", { assignee: "Ptah" }, 'There is no user "Ptah"'],
  ])("RECUR-01 %s: it is paused with a notice, and goes on when it is resumed", async (_, fields, reason) => {
    const app = await createSchedulesApp({ config: { schedules: [{ ...BACKUP_CHECK, ...fields }] } });
    await app.runTick();
    app.setTime("2026-11-21T09:00:05Z");
    expect(await app.runTick()).toMatchObject({ paused: 1 });
    expect(app.readTitles()).toEqual([]);
    const { json } = await app.send("GET", "/api/notices");
    expect(json).toMatchObject({
      notices: [{ kind: "schedules_paused", text: expect.stringContaining(reason) }],
    });
    await app.restart({ config: { schedules: [BACKUP_CHECK] } });
    await app.listenAgain();
    expect(await app.send("PATCH", "/api/schedules/backup-check", { paused: false })).toMatchObject({ status: 200 });
    await app.runTick();
    expect((await app.send("GET", "/api/notices")).json).toEqual({ notices: [] });
    app.setTime("2026-11-22T09:00:05Z");
    await app.runTick();
    expect(app.readTitles()).toEqual(["Check Nov 22, 2026"]);
  });
});

describe("RECUR-01 a schedule whose agent may not work now", () => {
  const schedule = { ...BACKUP_CHECK, cron: "0 9,11 * * *", title: "Check {n}", assignee: "Thot", if_open: "create" };

  test.each([
    ["the month's budget is used up", { budget: { amount: 5 } }, "2026-12-01T11:00:05Z", ["Check 1"]],
    ["it has used up its limits of the hour", { limits: { cost: 5 } }, "2026-11-21T11:00:05Z", ["Check 1"]],
  ])("RECUR-01 pauses while %s, and goes on by itself after it", async (reason, settings, after, titles) => {
    const app = await createSchedulesApp({ config: { schedules: [schedule], ...settings } });
    await app.runTick();
    app.setTime("2026-11-21T08:50:00Z");
    app.addTask("Costly", "Thot");
    await app.poll();
    await app.actAs("Thot").report("ONB-1", { cost: 6 });
    app.setTime("2026-11-21T09:00:05Z");
    expect(await app.runTick()).toMatchObject({ paused: 1 });
    expect((await app.send("GET", "/api/notices")).json).toMatchObject({
      notices: [{ kind: "schedules_paused", text: expect.stringContaining(reason.replace("it has", "Thot has")) }],
    });
    expect(app.readTitles()).toEqual(["Costly"]);
    app.setTime(after.replace("11:00:05", "10:30:00"));
    await app.runTick();
    app.setTime(after);
    await app.runTick();
    expect(app.readTitles()).toEqual(["Costly", ...titles]);
  });

  test("RECUR-01 a hard budget that a person lets the month exceed pauses nothing", async () => {
    const budget = { amount: 5, stop: true };
    const app = await createSchedulesApp({ config: { schedules: [schedule], budget } });
    await app.runTick();
    app.addTask("Costly", "Thot");
    await app.poll();
    await app.actAs("Thot").report("ONB-1", { cost: 6 });
    app.setTime("2026-11-21T09:00:05Z");
    expect(await app.runTick()).toMatchObject({ paused: 1 });
    const { requests } = z
      .object({ requests: z.array(z.looseObject({ id: z.string(), kind: z.string(), hash: z.string() })) })
      .parse((await app.send("GET", "/api/requests")).json);
    expect(requests.map(({ kind }) => kind)).toEqual(["budget"]);
    const [{ id = "", hash = "" } = {}] = requests;
    expect(await app.send("POST", `/api/requests/${id}`, { answer: "approve", hash })).toMatchObject({ status: 200 });
    expect(await app.send("PATCH", "/api/schedules/backup-check", { paused: false })).toMatchObject({ status: 200 });
    app.setTime("2026-11-21T11:00:05Z");
    await app.runTick();
    expect(app.readTitles()).toEqual(["Costly", "Check 1"]);
  });
});

describe("RECUR-01 the settings file", () => {
  test.each([
    [{ cron: "0 9 * *" }, "schedules[0].cron", "a cron expression of five fields"],
    [{ cron: "0 0 31 2 *" }, "schedules[0].cron", "a cron expression of five fields"],
    [{ cron: "* * * * * *" }, "schedules[0].cron", "a cron expression of five fields"],
    [{ time_zone: "Paris" }, "schedules[0].time_zone", "an IANA time zone"],
    [{ due: "2 days" }, "schedules[0].due", "a number of days or weeks"],
    [{ title: undefined }, "schedules[0].title", "a title, or tasks in its place"],
    [{ colour: "red" }, "schedules[0].colour", "one of name, cron"],
    [
      {
        title: undefined,
        tasks: [
          { id: "a", title: "A", blocked_by: ["b"] },
          { id: "b", title: "B" },
        ],
      },
      "schedules[0].tasks[0].blocked_by",
      "tasks above this one",
    ],
  ])("RECUR-01 %j is refused with its place", (fields, name, wanted) => {
    const { problems } = parseSettingsFile(JSON.stringify({ schedules: [{ ...BACKUP_CHECK, ...fields }] }));
    expect(problems).toMatchObject([
      { name: `GROUNDCREW_CONFIG ${name}`, wanted: expect.stringContaining(wanted), position: { line: 1 } },
    ]);
  });

  test("RECUR-01 an occurrence may be the tasks of a plan", async () => {
    const tasks = [
      { id: "a", title: "Collect {month}", assignee: "Thot" },
      { id: "b", title: "Report {month}", assignee: "Imhotep", blocked_by: ["a"] },
    ];
    const { title: _, ...schedule } = BACKUP_CHECK;
    const app = await createSchedulesApp({ config: { schedules: [{ ...schedule, tasks }] } });
    await app.runTick();
    app.setTime("2026-11-21T09:00:05Z");
    await app.runTick();
    await app.runTick();
    expect(app.readTitles()).toEqual(["Collect November 2026", "Report November 2026"]);
    const [first, second] = app.plane.items(app.onb);
    expect(await app.readItem(second ?? { id: "" })).toMatchObject({ blockers: [first?.id], owners: ["Imhotep"] });
  });
});

describe("RECUR-01 several schedules", () => {
  test("RECUR-01 ten of one minute share a small quota in the order of the settings file", async () => {
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

  test("RECUR-01 two requests at once for an occurrence now make one", async () => {
    const app = await createSchedulesApp();
    await app.runTick();
    const run = () => app.send("PATCH", "/api/schedules/backup-check", { run: true });
    let second: Awaited<ReturnType<typeof run>> | undefined;
    app.plane.faults.beforeRequest(async ({ method }) => {
      if (method !== "POST") return;
      app.plane.faults.beforeRequest(undefined);
      second = await run();
    });
    expect(await run()).toMatchObject({ status: 200 });
    // Waiting for the other one takes no time here, so it gives up.
    expect(second).toMatchObject({ status: 503 });
    expect(await run()).toMatchObject({ status: 200 });
    expect(app.readTitles()).toEqual(["Check Nov 21, 2026"]);
    expect(app.plane.items(app.onb)[0]?.description_html).toContain("🔁 backup-check, no. 1, created on request.");
  });
});

describe("RECUR-01 a template is changed", () => {
  async function createTemplate() {
    const app = await createSchedulesApp({ config: { schedules: [] } });
    const fields = { cron: "0 9 * * *", project: "ONB", title: "Check {n}", if_open: "create" };
    const { json } = await app.send("POST", "/api/schedules", fields);
    const { id } = z.object({ id: z.string() }).parse(json);
    const runAt = async (time: string) => {
      app.setTime(time);
      await app.runTick();
    };
    return { app, id, runAt, change: (body: object) => app.send("PATCH", `/api/schedules/${id}`, body) };
  }

  test("RECUR-01 deleting cancels it, and undoing brings it back", async () => {
    const { app, id, runAt, change } = await createTemplate();
    expect(await app.send("DELETE", `/api/schedules/${id}`)).toEqual({ status: 200, json: { deleted: true } });
    expect(app.readPlaneItem({ id })).toMatchObject({ state: "Cancelled" });
    expect(await app.list()).toEqual([]);
    await runAt("2026-11-21T09:00:05Z");
    expect(await change({ deleted: false })).toMatchObject({ status: 200, json: { id } });
    await runAt("2026-11-22T09:00:05Z");
    expect(app.readTitles()).toEqual(["Check {n}", "Check 1"]);
  });

  test("RECUR-01 other times count from the change on, and an unset field keeps its value", async () => {
    const { app, runAt, change } = await createTemplate();
    await runAt("2026-11-21T09:30:00Z");
    expect(await change({ cron: "0 8 * * *" })).toMatchObject({
      status: 200,
      json: {
        if_open: "create",
        text: "every day at 8:00",
        next: expect.arrayContaining(["2026-11-22T08:00:00.000Z"]),
      },
    });
    await runAt("2026-11-21T10:00:00Z");
    await runAt("2026-11-22T08:00:05Z");
    expect(app.readTitles()).toEqual(["Check {n}", "Check 1", "Check 2"]);
  });

  test("RECUR-01 what comes while it is paused is left out", async () => {
    const { app, runAt, change } = await createTemplate();
    await change({ paused: true });
    await runAt("2026-11-21T09:00:05Z");
    await change({ paused: false });
    await runAt("2026-11-21T10:00:00Z");
    expect(app.readTitles()).toEqual(["Check {n}"]);
    await runAt("2026-11-22T09:00:05Z");
    expect(app.readTitles()).toEqual(["Check {n}", "Check 1"]);
  });

  test("RECUR-01 after its count or its last day nothing comes", async () => {
    const { app, runAt, change } = await createTemplate();
    await change({ count: 1 });
    await runAt("2026-11-21T09:00:05Z");
    await runAt("2026-11-22T09:00:05Z");
    expect(await app.list()).toMatchObject([{ ended: true, next: [] }]);
    await change({ count: null, until: "2026-11-23" });
    await runAt("2026-11-23T09:00:05Z");
    await runAt("2026-11-24T09:00:05Z");
    expect(app.readTitles()).toEqual(["Check {n}", "Check 1", "Check 2"]);
  });
});
