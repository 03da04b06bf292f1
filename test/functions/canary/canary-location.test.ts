import { expect, test } from "vitest";
import { canaryTick } from "../../../functions/canary.ts";
import { readCanary } from "../../../shared/monitoring/canary.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { isCanary } from "../../../shared/sync/normalize.ts";
import { HOUR } from "../../../shared/time.ts";
import type { TestAppOptions } from "../../support/test-app.ts";
import { createCanaryTestApp } from "./canary-test-app.ts";

type CanaryTestApp = Awaited<ReturnType<typeof createCanaryTestApp>>;

/** The log lines about canaries that could not be sent. */
const getLoggedProblems = ({ app }: CanaryTestApp) =>
  app.logged.flatMap(({ level, message, problem }) => (message === "canary not sent" ? [`${level}: ${problem}`] : []));

async function readCanaryRecord({ app }: CanaryTestApp) {
  const stored = await readCanary(app.store);
  if (!stored) throw new Error("no canary is stored");
  return stored;
}

/** Runs the tick an hour later; its webhook arrives. */
async function tickAfterHour(testApp: CanaryTestApp) {
  testApp.app.advance(HOUR);
  return testApp.tickWithWebhook();
}

/** The project that provision creates, with its external id. */
async function createProvisionedProject({ app }: CanaryTestApp, identifier: string) {
  const json = { name: `Ours ${identifier}`, identifier, external_source: "groundcrew" };
  const mark = { external_id: "provision:first-project" };
  return (await app.deps.plane.call(projectsApi.create, { json: { ...json, ...mark } })).data;
}

/** Makes Plane refuse edits of these comments, as it would if it refused edits of archived items. */
function createRefusals() {
  const refused = new Map<string, Response>();
  const edits: string[] = [];
  const fetching: NonNullable<TestAppOptions["fetch"]> = async (input, init) => {
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    if (init?.method === "PATCH" && path.includes("/comments/")) {
      edits.push(path);
      for (const [part, response] of refused) if (path.includes(part)) return response.clone();
    }
    return fetch(input, init);
  };
  return { refused, edits, fetching };
}

const createNotFound = () => Response.json({ error: "The requested resource does not exist." }, { status: 404 });
const createForbidden = () =>
  Response.json({ detail: "You do not have permission to perform this action." }, { status: 403 });

test.each(["1.3.1", "1.2.2"] as const)(
  "The canary's location on Plane %s stays at an item that people archive, and is found again there, also without the store and without the comment",
  async (version) => {
    const testApp = await createCanaryTestApp({ version });
    await testApp.tickWithWebhook();
    const before = await readCanaryRecord(testApp);
    testApp.app.plane.archiveItem(before.item);
    expect(await tickAfterHour(testApp)).toMatchObject({ sent: 1, ms: expect.any(Number) });
    await testApp.app.poll();
    await testApp.app.runUntilIdle();
    expect(await tickAfterHour(testApp)).toMatchObject({ sent: 1, ms: expect.any(Number) });
    expect(await readCanaryRecord(testApp)).toMatchObject({ item: before.item, comment: before.comment });
    expect(getLoggedProblems(testApp)).toEqual([]);
    await testApp.app.restart({ store: "lost" });
    await testApp.app.runFirstPoll();
    expect(await tickAfterHour(testApp)).toMatchObject({ ms: expect.any(Number) });
    expect(await readCanaryRecord(testApp)).toMatchObject({ item: before.item, comment: before.comment });
    testApp.app.plane.deleteComment(before.comment);
    expect(await tickAfterHour(testApp)).toMatchObject({ ms: expect.any(Number) });
    expect((await readCanaryRecord(testApp)).item).toBe(before.item);
    expect((await readCanaryRecord(testApp)).comment).not.toBe(before.comment);
    expect(testApp.app.takeEvents()).toEqual([]);
  },
);

test("The canary's location does not exist while the configured project is archived, which is logged and only costs requests for projects", async () => {
  const testApp = await createCanaryTestApp();
  await testApp.tickWithWebhook();
  const before = await readCanaryRecord(testApp);
  testApp.app.plane.archiveProject(testApp.onb);
  for (const hour of [1, 2]) {
    testApp.app.advance(HOUR);
    expect(
      await testApp.app.recordRequests(async () => expect(await canaryTick.run(testApp.app.deps)).toEqual({})),
    ).toEqual(["GET projects", "GET projects"]);
    expect(getLoggedProblems(testApp)).toHaveLength(hour);
  }
  expect(getLoggedProblems(testApp)[0]).toBe(
    "warn: project ONB does not exist, is archived, or has no membership for Groundcrew's account",
  );
  testApp.app.plane.restoreProject(testApp.onb);
  expect(await tickAfterHour(testApp)).toMatchObject({ ms: expect.any(Number) });
  expect((await readCanaryRecord(testApp)).item).toBe(before.item);
});

test("The canary's location moves to provision's new project after the old one was deleted, with a log line for each hour between", async () => {
  const testApp = await createCanaryTestApp({ config: {} });
  const first = await createProvisionedProject(testApp, "OLD");
  await testApp.tickWithWebhook();
  expect((await readCanaryRecord(testApp)).project).toBe(first.id);
  testApp.app.plane.deleteProject(first.id);
  testApp.app.advance(HOUR);
  for (const _ of [1, 2]) expect(await canaryTick.run(testApp.app.deps)).toEqual({});
  expect(getLoggedProblems(testApp)).toEqual([
    "warn: its project is deleted, archived or not accessible; set canary.project to another one",
    "warn: its project is deleted, archived or not accessible; set canary.project to another one",
  ]);
  const second = await createProvisionedProject(testApp, "NEW");
  expect(await tickAfterHour(testApp)).toMatchObject({ ms: expect.any(Number) });
  expect((await readCanaryRecord(testApp)).project).toBe(second.id);
});

test.each([
  ["404", createNotFound],
  ["400", () => Response.json({ error: "Archived" }, { status: 400 })],
  ["403", createForbidden],
])(
  "The canary's location is created once a day at most where every edit is refused with %s, which is logged",
  async (status, refusal) => {
    const { refused, fetching } = createRefusals();
    const testApp = await createCanaryTestApp({ fetch: fetching });
    await testApp.tickWithWebhook();
    refused.set("/comments/", refusal());
    for (const hour of [1, 2, 3]) {
      testApp.app.advance(HOUR);
      expect(await canaryTick.run(testApp.app.deps)).toEqual({});
      expect(getLoggedProblems(testApp)).toHaveLength(hour);
    }
    expect(testApp.app.plane.items(testApp.onb).filter(isCanary)).toHaveLength(2);
    expect(getLoggedProblems(testApp).at(-1)).toMatch(/^warn: Plane refused to edit it: /);
    expect(getLoggedProblems(testApp).at(-1)).toContain(status);
    refused.clear();
    expect(await tickAfterHour(testApp)).toMatchObject({ ms: expect.any(Number) });
    expect(testApp.app.plane.items(testApp.onb).filter(isCanary)).toHaveLength(2);
  },
);

test("The canary's location does not change when the key is wrong or Plane does not answer; the tick then fails", async () => {
  const { refused, fetching } = createRefusals();
  const testApp = await createCanaryTestApp({ fetch: fetching });
  await testApp.tickWithWebhook();
  const before = await readCanaryRecord(testApp);
  refused.set("/comments/", Response.json({ detail: "Given API token is not valid" }, { status: 403 }));
  await expect(canaryTick.run(testApp.app.deps)).rejects.toMatchObject({ code: "auth" });
  refused.set("/comments/", new Response("<h1>Bad Gateway</h1>", { status: 502 }));
  await expect(canaryTick.run(testApp.app.deps)).rejects.toMatchObject({ code: "unavailable" });
  expect(await readCanaryRecord(testApp)).toMatchObject({ item: before.item, comment: before.comment });
  expect(testApp.app.plane.items(testApp.onb).filter(isCanary)).toHaveLength(1);
});
