import { expect, test } from "vitest";
import { canaryTick } from "../../../functions/canary.ts";
import { readCanary } from "../../../shared/monitoring/canary.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { isCanary } from "../../../shared/sync/normalize.ts";
import { HOUR } from "../../../shared/time.ts";
import { createCanaryTestApp } from "./canary-test-app.ts";

/** An app in which Plane can refuse all edits of comments, as it would if it refused edits of archived items. */
async function createLocationApp(options: Parameters<typeof createCanaryTestApp>[0] = {}) {
  const refusing: { response?: Response } = {};
  const testApp = await createCanaryTestApp({
    ...options,
    async fetch(input, init) {
      const path = new URL(input instanceof Request ? input.url : input).pathname;
      const isEdit = init?.method === "PATCH" && path.includes("/comments/");
      return isEdit && refusing.response ? refusing.response.clone() : fetch(input, init);
    },
  });
  const { app, onb } = testApp;
  return {
    ...testApp,
    refusing,
    countCanaries: () => app.plane.items(onb).filter(isCanary).length,
    /** The log lines about canaries that could not be sent. */
    getProblems: () =>
      app.logged.flatMap(({ level, message, problem }) =>
        message === "canary not sent" ? [`${level}: ${problem}`] : [],
      ),
    async readLocation() {
      const stored = await readCanary(app.store);
      if (!stored) throw new Error("no canary is stored");
      return { project: stored.project, item: stored.item, comment: stored.comment };
    },
    /** Runs the tick an hour later; its webhook arrives. */
    async expectArrivalAfterHour() {
      app.advance(HOUR);
      expect(await testApp.tickWithWebhook()).toMatchObject({ ms: expect.any(Number) });
    },
  };
}

test("The canary's location stays at an item that people archive, and is found again there, also without the store and without the comment", async () => {
  const { app, tickWithWebhook, readLocation, expectArrivalAfterHour, getProblems } = await createLocationApp();
  await tickWithWebhook();
  const before = await readLocation();
  app.plane.archiveItem(before.item);
  await expectArrivalAfterHour();
  await app.poll();
  await app.runUntilIdle();
  await expectArrivalAfterHour();
  expect([await readLocation(), getProblems()]).toEqual([before, []]);
  await app.restart({ store: "lost" });
  await app.runFirstPoll();
  await expectArrivalAfterHour();
  expect(await readLocation()).toEqual(before);
  app.plane.deleteComment(before.comment);
  await expectArrivalAfterHour();
  const { item, comment } = await readLocation();
  expect([item, comment === before.comment]).toEqual([before.item, false]);
  expect(app.takeEvents()).toEqual([]);
});

test("The canary's location does not exist while the configured project is archived, which is logged and only costs requests for projects", async () => {
  const { app, onb, tickWithWebhook, readLocation, expectArrivalAfterHour, getProblems } = await createLocationApp();
  await tickWithWebhook();
  const before = await readLocation();
  app.plane.archiveProject(onb);
  for (const hour of [1, 2]) {
    app.advance(HOUR);
    const requests = await app.recordRequests(async () => expect(await canaryTick.run(app.deps)).toEqual({}));
    expect([requests, getProblems().length]).toEqual([["GET projects", "GET projects"], hour]);
  }
  expect(getProblems()[0]).toBe(
    "warn: project ONB does not exist, is archived, or has no membership for Groundcrew's account",
  );
  app.plane.restoreProject(onb);
  await expectArrivalAfterHour();
  expect(await readLocation()).toEqual(before);
});

test("The canary's location moves to provision's new project after the old one was deleted, with a log line for each hour between", async () => {
  const { app, tickWithWebhook, readLocation, expectArrivalAfterHour, getProblems } = await createLocationApp({
    config: {},
  });
  const createProvisionedProject = async (identifier: string) => {
    const mark = { external_source: "groundcrew", external_id: "provision:first-project" };
    const json = { name: `Ours ${identifier}`, identifier, ...mark };
    return (await app.deps.plane.call(projectsApi.create, { json })).data.id;
  };
  const first = await createProvisionedProject("OLD");
  await tickWithWebhook();
  expect((await readLocation()).project).toBe(first);
  app.plane.deleteProject(first);
  app.advance(HOUR);
  for (const _ of [1, 2]) expect(await canaryTick.run(app.deps)).toEqual({});
  const problem = "warn: its project is deleted, archived or not accessible; set canary.project to another one";
  expect(getProblems()).toEqual([problem, problem]);
  const second = await createProvisionedProject("NEW");
  await expectArrivalAfterHour();
  expect((await readLocation()).project).toBe(second);
});

test("The canary's location is created once a day at most where every edit is refused, which is logged", async () => {
  const { app, tickWithWebhook, refusing, countCanaries, expectArrivalAfterHour, getProblems } =
    await createLocationApp();
  await tickWithWebhook();
  for (const status of [404, 400, 403]) {
    refusing.response = Response.json({ error: "You do not have permission." }, { status });
    app.advance(HOUR);
    expect(await canaryTick.run(app.deps)).toEqual({});
    expect(getProblems().at(-1)).toMatch(new RegExp(`^warn: Plane refused to edit it: .*${status}`));
  }
  expect([countCanaries(), getProblems().length]).toEqual([2, 3]);
  delete refusing.response;
  await expectArrivalAfterHour();
  expect(countCanaries()).toBe(2);
});

test("The canary's location does not change when the key is wrong or Plane does not answer; the tick then fails", async () => {
  const { app, tickWithWebhook, refusing, countCanaries, readLocation } = await createLocationApp();
  await tickWithWebhook();
  const before = await readLocation();
  refusing.response = Response.json({ detail: "Given API token is not valid" }, { status: 403 });
  await expect(canaryTick.run(app.deps)).rejects.toMatchObject({ code: "auth" });
  refusing.response = new Response("<h1>Bad Gateway</h1>", { status: 502 });
  await expect(canaryTick.run(app.deps)).rejects.toMatchObject({ code: "unavailable" });
  expect([await readLocation(), countCanaries()]).toEqual([before, 1]);
});
