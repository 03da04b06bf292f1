import { expect, test, vi } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { PROCEDURES } from "../../../functions/work.ts";
import { type ProcedureKind, runProcedure, toProcedurePut } from "../../../shared/procedure/procedure.ts";
import { findClaim } from "../../../shared/records/claim-record.ts";
import { workSets } from "../../../shared/records/store-keys.ts";
import { decideRequest, readTaskRequests } from "../../../shared/requests/requests.ts";
import { type AgentTestApp, createAgentTaskApp, createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";
import { crashAfterChange } from "../../support/crash-after-change.ts";

const MINUTE = 60_000;

async function createTaskApp() {
  const { app, item } = await createAgentTaskApp("Imhotep");
  await app.actAs("Imhotep").setStatus(item.id, { status: "in_progress" });
  const getComments = (text: string) => app.readComments(item).filter((comment) => comment.includes(text));
  return { app, item, getComments };
}

/** The process ends before this step of a change to done. */
async function endBefore(app: AgentTestApp, step: string) {
  const process = crashAfterChange(app.deps);
  const found = PROCEDURES.find(({ name }) => name === "status")?.steps.find(({ name }) => name === step);
  const spy = vi.spyOn(found ?? expect.fail("no such step"), "run").mockImplementation(() => process.end());
  const work = createTaskOperations(process.deps, app.getCaller("Imhotep"));
  expect(await process.orCrash(work.setStatus("ONB-1", { status: "done", text: "Ready." }))).toBe("over");
  spy.mockRestore();
}

/** Advances the clock, polls, and works the jobs that are due by then. */
async function pollAfter(app: AgentTestApp, ms: number) {
  app.advance(ms);
  await app.poll();
}

test("a change of status that reached Plane before a kill -9 is completed by the queue alone", async () => {
  const { app, item, getComments } = await createTaskApp();
  await endBefore(app, "release");
  await pollAfter(app, MINUTE);
  expect(getComments("Ready.")).toEqual([]);
  await pollAfter(app, 2 * MINUTE);
  await app.runUntilIdle();
  expect(getComments("Ready.")).toHaveLength(1);
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
  expect(await app.store.count(workSets.procedures)).toBe(0);
});

test("a procedure whose step fails in the queue becomes a dead letter, and its replay completes it", async () => {
  const { app, item, getComments } = await createTaskApp();
  await app.actAs("Imhotep").setStatus(item.id, { status: "done", text: "Hm.", confidence: 0.4 });
  await app.runUntilIdle();
  const { id = "", hash = "" } = (await readTaskRequests(app.deps, item.id, "review")).at(-1)?.value ?? {};
  const refused = app.plane.faults.add({ method: "POST", path: "/comments/" }, { kind: "status", status: 400 });
  const decision = { answer: "approve", hash, by: "Ada", where: "api" } as const;
  await decideRequest(app.deps, id, decision, "verdict").catch(() => {});
  for (let tries = 0; tries < 20; tries += 1) await pollAfter(app, 6 * MINUTE);
  const readDead = async () => (await app.store.listDeadJobs("work")).filter((job) => job.id.startsWith("resume:"));
  const dead = await readDead();
  expect(dead).toHaveLength(1);
  refused();
  await app.store.replay("work", dead[0]?.id ?? "");
  await app.drain();
  expect(getComments("pproved")).toHaveLength(1);
  expect(await readDead()).toEqual([]);
});

test("a change of status that never reached Plane is given up once its agent's claim would have ended", async () => {
  const { app } = await createTaskApp();
  await endBefore(app, "write");
  for (const left of [1, 0]) {
    for (let minute = 0; minute < 10; minute += 1) await pollAfter(app, MINUTE);
    expect(await app.store.count(workSets.procedures)).toBe(left);
  }
  expect(app.logged).toContainEqual(expect.objectContaining({ message: "procedure given up", kind: "status" }));
});

test("of two runs of a procedure the older continues with the other's record, and none with a later procedure", async () => {
  const { store, deps } = await createAgentTestApp();
  const taken: string[] = [];
  const run = (id: string, by: string) => runProcedure(deps, kind, { subject: "it", id }, by);
  const begin = async (id: string) =>
    store.commit({ put: [toProcedurePut(kind, { subject: "it", id, input: {} }, await store.now())] });
  const take = (step: string) => async (by: string) => {
    if (step === "begin" && by === "older") await run("1", "newer");
    taken.push(`${by}: ${step}`);
    return {};
  };
  const kind: ProcedureKind<object, string> = {
    ...{ name: "test", resumeAfterMs: MINUTE, keptMs: MINUTE, createRun: async () => "queue" },
    steps: ["begin", "end"].map((name) => ({ name, does: name, run: take(name) })),
  };
  await begin("1");
  await run("1", "older");
  await begin("2");
  await run("1", "older");
  expect(taken).toEqual(["newer: begin", "newer: end", "older: begin"]);
});

const WEBSITE_TASKS = [
  { id: "draw", title: "Drawing", assignee: "Imhotep" },
  { id: "text", title: "Text", assignee: "Thot", blocked_by: ["draw"] },
];

type CountedCall = [title: string, most: number, act: (app: AgentTestApp, task: string) => Promise<unknown>];

/** Calls about one task in this order, and the most requests that each takes: as many as before there were procedures. */
const CALLS: CountedCall[] = [
  [
    "a start with its comment, its labels and the agent card",
    14,
    (app, task) => app.actAs("Imhotep").setStatus(task, { status: "in_progress" }),
  ],
  [
    "an upload with its comment",
    3,
    (app, task) => app.actAs("Imhotep").deliver({ task, name: "report.md", file: new Blob(["# Report"]) }),
  ],
  [
    "a finished task with its comment and the agent card",
    7,
    (app, task) => app.actAs("Imhotep").setStatus(task, { status: "done", text: "Ready." }),
  ],
  [
    "a wish whose plan has a new project and two tasks, one after the other",
    35,
    (app) => app.actAs("Concierge").plan({ project: "Website", tasks: WEBSITE_TASKS }),
  ],
];

/** Longer than the interval between edits of an agent card, so that they are counted as well. */
const SETTLED_S = 90;

test("a change of status, an upload and a wish take no more requests to Plane than before they were procedures", async () => {
  const { app, item } = await createAgentTaskApp("Imhotep", {
    config: { plan: { approve: false } },
    parts: WORK_RULES,
  });
  await app.addWish();
  for (const [title, most, act] of CALLS) {
    const requests = await app.recordRequests(async () => {
      await act(app, item.id);
      for (let second = 0; second < SETTLED_S; second += 1) {
        app.advance(1_000);
        await app.drain();
      }
    });
    expect(requests.length, `${title}:\n${requests.join("\n")}`).toBeLessThanOrEqual(most);
    expect(requests.length, title).toBeGreaterThan(most / 2);
  }
});
