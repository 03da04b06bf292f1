import { describe, expect, it } from "vitest";
import { canaryTick } from "../../../functions/canary/canary-tick.ts";
import { isCanary, readCanary } from "../../../shared/canary/canary-record.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { HOUR } from "../../../shared/time.ts";
import type { TestAppOptions } from "../../support/test-app.ts";
import { createCanaryTestApp } from "./canary-test-app.ts";

type CanaryTestApp = Awaited<ReturnType<typeof createCanaryTestApp>>;

/** The log lines about canaries that could not be sent. */
const getLoggedProblems = ({ crew }: CanaryTestApp) =>
  crew.logged.flatMap(({ level, message, problem }) => (message === "canary not sent" ? [`${level}: ${problem}`] : []));

async function readKeptCanary({ crew }: CanaryTestApp) {
  const kept = await readCanary(crew.store);
  if (!kept) throw new Error("no canary is stored");
  return kept;
}

/** Runs the tick an hour later; its webhook arrives. */
async function tickAfterHour(aviary: CanaryTestApp) {
  aviary.crew.advance(HOUR);
  return aviary.tickWithWebhook();
}

/** The project that provision creates, with its external id. */
async function createProvisionedProject({ crew }: CanaryTestApp, identifier: string) {
  const json = { name: `Ours ${identifier}`, identifier, external_source: "groundcrew" };
  const mark = { external_id: "provision:first-project" };
  return (await crew.deps.plane.call(projectsApi.create, { json: { ...json, ...mark } })).data;
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

describe.each(["1.3.1", "1.2.2"] as const)("The canary's location on Plane %s", (version) => {
  it("stays when people archive the item, because Plane still accepts and reports edits of its comment", async () => {
    const aviary = await createCanaryTestApp({ version });
    await aviary.tickWithWebhook();
    const before = await readKeptCanary(aviary);
    aviary.crew.plane.archiveItem(before.item);
    expect(await tickAfterHour(aviary)).toMatchObject({ sent: 1, ms: expect.any(Number) });
    await aviary.crew.poll();
    await aviary.crew.runUntilIdle();
    expect(await tickAfterHour(aviary)).toMatchObject({ sent: 1, ms: expect.any(Number) });
    expect(await readKeptCanary(aviary)).toMatchObject({ item: before.item, comment: before.comment });
    expect(aviary.crew.takeEvents()).toEqual([]);
    expect(getLoggedProblems(aviary)).toEqual([]);
  });

  it("is found again at its archived item, also without the store and without the comment", async () => {
    const aviary = await createCanaryTestApp({ version });
    await aviary.tickWithWebhook();
    const before = await readKeptCanary(aviary);
    aviary.crew.plane.archiveItem(before.item);
    await aviary.crew.restart({ store: "lost" });
    await aviary.crew.runFirstPoll();
    expect(await tickAfterHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect(await readKeptCanary(aviary)).toMatchObject({ item: before.item, comment: before.comment });
    aviary.crew.plane.deleteComment(before.comment);
    expect(await tickAfterHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect((await readKeptCanary(aviary)).item).toBe(before.item);
    expect((await readKeptCanary(aviary)).comment).not.toBe(before.comment);
    expect(aviary.crew.takeEvents()).toEqual([]);
  });

  it("does not exist while the configured project is archived, which is logged and only costs requests for projects", async () => {
    const aviary = await createCanaryTestApp({ version });
    await aviary.tickWithWebhook();
    const before = await readKeptCanary(aviary);
    aviary.crew.plane.archiveProject(aviary.onb);
    for (const hour of [1, 2]) {
      aviary.crew.advance(HOUR);
      expect(
        await aviary.crew.recordRequests(async () => expect(await canaryTick.run(aviary.crew.deps)).toEqual({})),
      ).toEqual(["GET projects", "GET projects"]);
      expect(getLoggedProblems(aviary)).toHaveLength(hour);
    }
    expect(getLoggedProblems(aviary)[0]).toBe(
      "warn: project ONB does not exist, is archived, or has no membership for Groundcrew's account",
    );
    aviary.crew.plane.restoreProject(aviary.onb);
    expect(await tickAfterHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect((await readKeptCanary(aviary)).item).toBe(before.item);
  });

  it("moves to provision's new project after the old one was deleted, with a log line for each hour between", async () => {
    const aviary = await createCanaryTestApp({ version, config: {} });
    const first = await createProvisionedProject(aviary, "OLD");
    await aviary.tickWithWebhook();
    expect((await readKeptCanary(aviary)).project).toBe(first.id);
    aviary.crew.plane.deleteProject(first.id);
    aviary.crew.advance(HOUR);
    for (const _ of [1, 2]) expect(await canaryTick.run(aviary.crew.deps)).toEqual({});
    expect(getLoggedProblems(aviary)).toEqual([
      "warn: its project is deleted, archived or not accessible; set canary.project to another one",
      "warn: its project is deleted, archived or not accessible; set canary.project to another one",
    ]);
    const second = await createProvisionedProject(aviary, "NEW");
    expect(await tickAfterHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect((await readKeptCanary(aviary)).project).toBe(second.id);
  });

  it("is created beside an item that Plane lets nobody edit, causes no notifications and stays there", async () => {
    const { refused, fetching } = createRefusals();
    const aviary = await createCanaryTestApp({ version, fetch: fetching });
    await aviary.tickWithWebhook();
    const before = await readKeptCanary(aviary);
    aviary.crew.plane.archiveItem(before.item);
    refused.set(before.comment, createNotFound());
    expect(await tickAfterHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    const after = await readKeptCanary(aviary);
    expect(after.item).not.toBe(before.item);
    const requests = await aviary.crew.recordRequests(() => tickAfterHour(aviary));
    expect(requests).toEqual(["GET projects", "PATCH work-items/:id/comments/:id"]);
    expect((await readKeptCanary(aviary)).item).toBe(after.item);
    await aviary.crew.poll();
    await aviary.crew.runUntilIdle();
    expect(aviary.crew.takeEvents()).toEqual([]);
    expect(getLoggedProblems(aviary)).toEqual([]);
  });
});

describe("The canary's location", () => {
  it.each([
    ["404", createNotFound],
    ["400", () => Response.json({ error: "Archived" }, { status: 400 })],
    ["403", createForbidden],
  ])("is created once a day at most where every edit is refused with %s, which is logged", async (status, refusal) => {
    const { refused, fetching } = createRefusals();
    const aviary = await createCanaryTestApp({ fetch: fetching });
    await aviary.tickWithWebhook();
    refused.set("/comments/", refusal());
    for (const hour of [1, 2, 3]) {
      aviary.crew.advance(HOUR);
      expect(await canaryTick.run(aviary.crew.deps)).toEqual({});
      expect(getLoggedProblems(aviary)).toHaveLength(hour);
    }
    expect(aviary.crew.plane.items(aviary.onb).filter(isCanary)).toHaveLength(2);
    expect(getLoggedProblems(aviary).at(-1)).toMatch(/^warn: Plane refused to edit it: /);
    expect(getLoggedProblems(aviary).at(-1)).toContain(status);
    refused.clear();
    expect(await tickAfterHour(aviary)).toMatchObject({ ms: expect.any(Number) });
    expect(aviary.crew.plane.items(aviary.onb).filter(isCanary)).toHaveLength(2);
  });

  it("does not change when the key is wrong or Plane does not answer; the tick then fails", async () => {
    const { refused, fetching } = createRefusals();
    const aviary = await createCanaryTestApp({ fetch: fetching });
    await aviary.tickWithWebhook();
    const before = await readKeptCanary(aviary);
    refused.set("/comments/", Response.json({ detail: "Given API token is not valid" }, { status: 403 }));
    await expect(canaryTick.run(aviary.crew.deps)).rejects.toMatchObject({ code: "auth" });
    refused.set("/comments/", new Response("<h1>Bad Gateway</h1>", { status: 502 }));
    await expect(canaryTick.run(aviary.crew.deps)).rejects.toMatchObject({ code: "unavailable" });
    expect(await readKeptCanary(aviary)).toMatchObject({ item: before.item, comment: before.comment });
    expect(aviary.crew.plane.items(aviary.onb).filter(isCanary)).toHaveLength(1);
  });
});
