import { describe, expect, test } from "vitest";
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
    await app.send("POST", "/api/schedules", { cron: "0 9 * * *", project: "ONB", title: "Check {n}" });
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
