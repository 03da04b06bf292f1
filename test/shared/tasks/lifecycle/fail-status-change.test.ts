import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createRefusingApp(fault: { status: number; body: string }, forAll = false, LOCALE = "en") {
  const app = await createAgentTestApp({ setUpPlane: () => ({ LOCALE }) });
  const item = app.addTask("Write the guide", "Imhotep");
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.runUntilIdle();
  const whose = forAll ? {} : { owner: app.getUser("Imhotep") };
  app.plane.faults.add({ method: "PATCH", path: "work-items", ...whose }, { kind: "status", ...fault });
  const finish = () => app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Ready." });
  const getFailedEvents = () => app.actions.filter(({ event }) => event.kind === "failed").map(({ event }) => event);
  const getFailureComments = () =>
    app.readComments(item).filter((comment) => /could not set the task to done|au statut/.test(comment));
  return { app, item, finish, getFailedEvents, getFailureComments };
}

const FORBIDDEN = { status: 403, body: JSON.stringify({ detail: "You do not have permission." }) };
const INVALID = { status: 400, body: JSON.stringify({ state: ["Not valid."] }) };

test.each([
  ["forbids", FORBIDDEN, "forbidden"],
  ["finds invalid", INVALID, "conflict"],
])(
  "OPENCLAW-15 a status change that Plane %s is logged, reported to the human, and blocks the task with a comment until its agent continues it",
  async (_, fault, code) => {
    const { app, item, finish, getFailedEvents, getFailureComments } = await createRefusingApp(fault);
    await expect(finish()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/The task is blocked now.*Do not retry/),
    });
    await app.runUntilIdle();
    expect((await app.readItem(item))?.snapshot.status).toBe("blocked");
    expect(getFailedEvents()).toMatchObject([
      { agent: "Imhotep", text: expect.stringContaining("could not set it to done") },
    ]);
    expect(getFailureComments()).toHaveLength(1);
    expect(app.logged).toContainEqual(expect.objectContaining({ level: "error", item: "ONB-1", agent: "Imhotep" }));
    app.plane.faults.clear();
    expect(await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" })).toMatchObject({
      status: "in_progress",
      heldUntil: expect.any(Number),
    });
    expect(await finish()).toMatchObject({ status: "done" });
  },
);

const WRITES = {
  comment: {
    path: "comments",
    code: "commentNotPosted",
    run: (app: App) => app.actAs("Imhotep").comment("ONB-1", { text: "Half of it" }),
  },
  upload: {
    path: "attachments",
    code: "fileNotAttached",
    run: (app: App) =>
      app.actAs("Imhotep").deliver({ task: "ONB-1", name: "a.pdf", file: new Blob(["%PDF-1.4"]), text: "" }),
  },
};

type App = Awaited<ReturnType<typeof createRefusingApp>>["app"];

test.each(Object.entries(WRITES))(
  "OPENCLAW-15 a %s that Plane refuses for good blocks the task with a comment, a person gets one message, and the agent can go on later",
  async (_, { path, code, run }) => {
    const { app, item, getFailedEvents } = await createRefusingApp(FORBIDDEN);
    app.plane.faults.clear();
    app.plane.faults.add({ path, owner: app.getUser("Imhotep") }, { kind: "status", ...FORBIDDEN });
    if (path === "attachments") app.plane.faults.add({ method: "POST", path }, { kind: "status", ...INVALID });
    await expect(run(app)).rejects.toThrow(/The task is blocked now.*Do not retry/);
    await app.runUntilIdle();
    await expect(run(app)).rejects.toThrow(/Do not retry/);
    await app.runUntilIdle();
    expect((await app.readItem(item))?.snapshot.status).toBe("blocked");
    expect(getFailedEvents()).toMatchObject([{ agent: "Imhotep", refusal: { name: code } }]);
    expect(app.readComments(item).filter((comment) => comment.includes("<strong>Blocked</strong>"))).toHaveLength(1);
    app.plane.faults.clear();
    expect(await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" })).toMatchObject({
      status: "in_progress",
    });
    await run(app);
  },
);

test("with LOCALE fr the comment on a refused status change is French, and the agent's refusal is English", async () => {
  const { app, finish, getFailedEvents, getFailureComments } = await createRefusingApp(INVALID, false, "fr");
  await expect(finish()).rejects.toMatchObject({
    message: expect.stringMatching(/could not set it to done: Plane refused/),
  });
  await app.runUntilIdle();
  const text =
    "Imhotep n’a pas pu passer la tâche au statut « terminée » : Plane a rejeté la modification (state: Not valid.).";
  expect(getFailureComments().map((comment) => comment.replace(/[\u00a0\u202f]/g, " "))).toEqual([
    `Ada: <p><strong>Bloquée</strong> : ${text}</p>`,
  ]);
  expect(getFailedEvents()).toMatchObject([
    {
      refusal: { name: "statusNotSet", values: { agent: "Imhotep", status: "done" }, reason: { name: "planeInvalid" } },
    },
  ]);
});

test("when Groundcrew may not block the task either, the human is notified once and the agent's call is refused with the reason", async () => {
  const { app, item, finish, getFailedEvents } = await createRefusingApp(FORBIDDEN, true);
  await expect(finish()).rejects.toMatchObject({ message: expect.stringContaining("could not be blocked") });
  await expect(finish()).rejects.toMatchObject({ code: "forbidden" });
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  expect(getFailedEvents()).toHaveLength(1);
});
