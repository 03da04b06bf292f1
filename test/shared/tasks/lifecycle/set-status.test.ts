import { expect, test } from "vitest";
import type { PlaneVersion } from "../../../../simulators/plane/types.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

const VERSIONS: PlaneVersion[] = ["1.3.1", "1.2.2"];

/** An app with one task for Imhotep and one for Thot. */
async function createStatusTestApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write the guide", "Imhotep");
  const other = app.addTask("Print it", "Thot");
  await app.runFirstPoll();
  const setStatus = (change: Parameters<ReturnType<typeof app.actAs>["setStatus"]>[1], by = "Imhotep", key = "ONB-1") =>
    app.actAs(by).setStatus(key, change);
  const getOwnComments = () => app.readComments(item).filter((comment) => !comment.includes("card"));
  return { app, item, other, setStatus, getOwnComments };
}

test("OPENCLAW-04 an agent starts and finishes its task, each with a comment", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  expect(await setStatus({ status: "in_progress" })).toMatchObject({
    key: "ONB-1",
    status: "in_progress",
    heldUntil: expect.any(Number),
  });
  expect(app.readPlaneItem(item).state).toBe("In Progress");
  await app.runUntilIdle();
  expect(
    await setStatus({ status: "done", text: "All **said**.", commit: "a1b2c3", tests: "12 passed" }),
  ).toMatchObject({
    status: "done",
    inReview: false,
  });
  expect(app.readPlaneItem(item).state).toBe("Done");
  await app.runUntilIdle();
  const statusComments = app.readComments(item).filter((comment) => /Started|Done/.test(comment));
  expect(statusComments).toHaveLength(2);
  expect(statusComments[1]).toBe("Imhotep: <p><strong>Started</strong></p>");
  expect(statusComments[0]).toMatch(/^Imhotep: <p><strong>Done<\/strong><\/p>.*said.*<code>a1b2c3<\/code>.*12 passed/s);
  expect(app.takeEvents()).toEqual(["ONB-1 started", "ONB-1 completed"]);
  await expect(app.actAs("Imhotep").claim("ONB-1")).rejects.toMatchObject({ code: "conflict" });
});

test("the current status makes no request to Plane, and a text sent with it is written once", async () => {
  const { app, setStatus, getOwnComments } = await createStatusTestApp();
  await setStatus({ status: "in_progress", text: "Off we go." });
  await app.runUntilIdle();
  expect(await app.recordRequests(() => setStatus({ status: "in_progress" }))).toEqual([]);
  for (const text of ["Off we go.", "Half of it.", "Half of it."]) await setStatus({ status: "in_progress", text });
  await setStatus({ status: "done", text: "Ready." });
  for (const text of ["Ready.", "And proofread."]) await setStatus({ status: "done", text });
  await app.runUntilIdle();
  const texts = getOwnComments().join("\n");
  for (const text of ["Off we go.", "Half of it.", "Ready.", "And proofread."])
    expect(texts.split(text), text).toHaveLength(2);
});

test("a change of status does not wait for its comment, which the queue writes once, before whatever follows it", async () => {
  const { app, setStatus, getOwnComments } = await createStatusTestApp();
  const faults = app.plane.faults.add({ method: "POST", path: "comments" }, { kind: "status", status: 503 });
  expect(await setStatus({ status: "in_progress" })).toMatchObject({ status: "in_progress" });
  app.advance(2_000);
  await app.drain();
  expect(getOwnComments()).toEqual([]);
  faults();
  await app.actAs("Imhotep").comment("ONB-1", { text: "Half of it." });
  await setStatus({ status: "blocked", text: "Which one?" });
  await setStatus({ status: "in_progress", text: "That one." });
  await setStatus({ status: "cancelled", text: "Not needed." }, "Ada");
  await app.runUntilIdle();
  const texts = getOwnComments().map((comment) =>
    comment
      .replace(/<[^>]*>/g, " ")
      .replace(/\s+/g, " ")
      .trim(),
  );
  expect(texts.reverse()).toEqual([
    "Imhotep: Started",
    "Imhotep: Half of it.",
    "Imhotep: Blocked Which one?",
    "Imhotep: Started That one.",
    "Ada: Cancelled Not needed.",
  ]);
});

test("OPENCLAW-15 a comment on a change of status that Plane refuses for good blocks the task, and a person is told", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  const refusal = {
    kind: "status",
    status: 403,
    body: JSON.stringify({ detail: "You do not have permission." }),
  } as const;
  app.plane.faults.add({ method: "POST", path: "comments", owner: app.getUser("Imhotep") }, refusal);
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  expect((await app.readItem(item))?.snapshot.status).toBe("blocked");
  expect(app.actions.filter(({ event }) => event.kind === "failed")).toHaveLength(1);
});

test.each(VERSIONS)(
  "OPENCLAW-04 OPENCLAW-14 a task is neither started nor finished while a blocker is open, even if that was not observed yet (Plane %s)",
  async (version) => {
    const { app, item, other, setStatus } = await createStatusTestApp({ version });
    const third = app.addTask("Bind it", "Imhotep");
    await app.poll();
    const wait = (one: typeof item, key: string) =>
      version === "1.2.2"
        ? app.plane.editItem(one, { description_html: `<p>Blocked by: ${key}</p>` })
        : app.plane.relate(one, other);
    wait(third, "ONB-2");
    app.dropWebhooks();
    await expect(setStatus({ status: "in_progress" }, "Imhotep", "ONB-3")).rejects.toThrow("it waits for ONB-2 (todo)");
    await setStatus({ status: "in_progress" });
    wait(item, "ONB-2");
    app.dropWebhooks();
    await expect(setStatus({ status: "done", text: "Ready." })).rejects.toThrow("it waits for ONB-2 (todo)");
    expect(app.readPlaneItem(item).state).toBe("In Progress");
    app.plane.editItem(other, { state: "Done" });
    await app.poll();
    expect(await setStatus({ status: "done", text: "Ready." })).toMatchObject({ status: "done" });
  },
);

test("a task must be started before it is finished, and a closed task stays closed", async () => {
  const { setStatus } = await createStatusTestApp();
  await expect(setStatus({ status: "done", text: "x" })).rejects.toMatchObject({
    code: "conflict",
    message: "ONB-1 is todo, so it cannot be set to done. Set it to in_progress first.",
  });
  await setStatus({ status: "cancelled", text: "Nobody wants it." });
  await expect(setStatus({ status: "in_progress" })).rejects.toMatchObject({ code: "conflict" });
});

test("reliability 20: a change of another agent's task is refused with its owner, and nothing is written", async () => {
  const { app, setStatus } = await createStatusTestApp();
  const asked = await app.recordRequests(async () => {
    await expect(setStatus({ status: "in_progress" }, "Thot")).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("belongs to Imhotep"),
    });
  });
  expect(asked).toEqual([]);
});

test("a blocked task has no holder, keeps its other labels, and its agent can continue it", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  app.plane.addLabel(app.onb, "chore");
  app.plane.editItem(item, { labels: ["chore"] });
  await app.poll();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  const now = await setStatus({ status: "blocked", text: "Which logo?" });
  expect(now).toMatchObject({ status: "blocked" });
  expect(now.heldUntil).toBeUndefined();
  expect(app.readPlaneItem(item)).toMatchObject({ state: "In Progress" });
  expect(app.readPlaneItem(item).labels).toEqual(expect.arrayContaining(["blocked", "chore"]));
  await app.runUntilIdle();
  expect(app.readComments(item).filter((comment) => comment.includes("Which logo?"))).toHaveLength(1);
  expect(await setStatus({ status: "in_progress" })).toMatchObject({
    status: "in_progress",
    heldUntil: expect.any(Number),
  });
  expect(app.readPlaneItem(item).labels).not.toContain("blocked");
  expect(app.readPlaneItem(item).labels).toContain("chore");
  await app.runUntilIdle();
  expect(app.readComments(item).filter((comment) => comment.includes("Started"))).toHaveLength(2);
});

test("an agent that did not block a task cannot unblock it", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  app.plane.addState(app.onb, { name: "Blocked", group: "started" });
  app.plane.editItem(item, { state: "Blocked" });
  await app.poll();
  await expect(setStatus({ status: "in_progress" })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("somebody else blocked it"),
  });
  expect(await setStatus({ status: "in_progress" }, "Ada")).toMatchObject({ status: "in_progress" });
});

test("a human moves any task without a claim, and its agent's next call is refused with the loss", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  await setStatus({ status: "todo" }, "Ada");
  await app.runUntilIdle();
  expect(app.readPlaneItem(item).state).toBe("Todo");
  await expect(setStatus({ status: "done", text: "Ready." })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("the status of the task was changed in Plane"),
  });
});

test("the Concierge cancels and blocks other agents' tasks, but does not start or finish them", async () => {
  const { setStatus } = await createStatusTestApp();
  await expect(setStatus({ status: "in_progress" }, "Concierge")).rejects.toMatchObject({ code: "forbidden" });
  expect(await setStatus({ status: "blocked", text: "Not yet." }, "Concierge")).toMatchObject({ status: "blocked" });
  expect(await setStatus({ status: "cancelled" }, "Concierge")).toMatchObject({ status: "cancelled" });
});
