import { expect, test } from "vitest";
import type { PlaneVersion } from "../../../../simulators/plane/types.ts";
import { createStatusTestApp } from "./status-app.ts";

const VERSIONS: PlaneVersion[] = ["1.3.1", "1.2.2"];

test.each(VERSIONS)(
  "OPENCLAW-04 an agent starts and finishes its task, each with a comment (Plane %s)",
  async (version) => {
    const { app, item, setStatus } = await createStatusTestApp({ version });
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
    expect(statusComments[0]).toMatch(
      /^Imhotep: <p><strong>Done<\/strong><\/p>.*said.*<code>a1b2c3<\/code>.*12 passed/s,
    );
    expect(app.takeEvents()).toEqual(["ONB-1 started", "ONB-1 completed"]);
    await expect(app.actAs("Imhotep").claim("ONB-1")).rejects.toMatchObject({ code: "conflict" });
  },
);

test("starting a task claims it: no other agent can start it, and the refusal names the holder", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  app.plane.editItem(item, { assignees: [app.getUser("Imhotep"), app.getUser("Thot")] });
  await app.poll();
  await setStatus({ status: "in_progress" });
  await expect(setStatus({ status: "in_progress" }, "Thot")).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/held by Imhotep since .* until /),
  });
});

test("setting the current status makes no request to Plane and returns the current state", async () => {
  const { app, setStatus, getOwnComments } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  const before = getOwnComments().length;
  const asked = await app.recordRequests(async () => {
    expect(await setStatus({ status: "in_progress" })).toMatchObject({
      status: "in_progress",
      heldUntil: expect.any(Number),
    });
  });
  expect(asked).toEqual([]);
  expect(getOwnComments()).toHaveLength(before);
});

test("a text sent with the current status is written once", async () => {
  const { app, setStatus, getOwnComments } = await createStatusTestApp();
  await setStatus({ status: "in_progress", text: "Off we go." });
  for (const text of ["Off we go.", "Half of it.", "Half of it."]) await setStatus({ status: "in_progress", text });
  await setStatus({ status: "done", text: "Ready." });
  for (const text of ["Ready.", "And proofread."]) await setStatus({ status: "done", text });
  await app.runUntilIdle();
  const texts = getOwnComments().join("\n");
  for (const text of ["Off we go.", "Half of it.", "Ready.", "And proofread."])
    expect(texts.split(text), text).toHaveLength(2);
});

test("a task that was claimed and never started is free when its agent returns it", async () => {
  const { app, item, setStatus, getOwnComments } = await createStatusTestApp();
  app.plane.editItem(item, { assignees: [app.getUser("Imhotep"), app.getUser("Thot")] });
  await app.poll();
  await app.actAs("Imhotep").claim("ONB-1");
  await setStatus({ status: "todo" }, "Thot");
  await expect(app.actAs("Thot").claim("ONB-1")).rejects.toMatchObject({ code: "conflict" });
  const now = await setStatus({ status: "todo", text: "Not for me." });
  expect(now).toMatchObject({ status: "todo" });
  expect(now.heldUntil).toBeUndefined();
  expect(getOwnComments().join()).toContain("Not for me.");
  expect(await app.actAs("Thot").claim("ONB-1")).toMatchObject({ agent: "Thot" });
  await app.runUntilIdle();
  expect(app.actions.filter(({ event }) => event.kind === "claim_lost")).toEqual([]);
});

test("a change of status costs two requests with the agent's key: a write and a comment", async () => {
  const { app, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  const before = app.plane.ledger.requests.length;
  await setStatus({ status: "done", text: "Ready." });
  await app.runUntilIdle();
  const own = app.plane.ledger.requests.slice(before).filter(({ owner }) => owner === app.getUser("Imhotep").id);
  expect(own.map(({ method }) => method)).toEqual(["PATCH", "POST"]);
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
  "OPENCLAW-04 a task is neither started nor finished while a blocker is open (Plane %s)",
  async (version) => {
    const { app, item, other, setStatus } = await createStatusTestApp({ version });
    if (version === "1.2.2") app.plane.editItem(item, { description_html: "<p>Blocked by: ONB-2</p>" });
    else app.plane.relate(item, other);
    app.plane.editItem(item, { state: "In Progress" });
    await app.poll();
    await app.runUntilIdle();
    await expect(setStatus({ status: "in_progress" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("waits for ONB-2 (todo)"),
    });
    await expect(setStatus({ status: "done", text: "Ready." })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("waits for ONB-2 (todo)"),
    });
    expect(app.readPlaneItem(item).state).toBe("In Progress");
    app.plane.editItem(other, { state: "Done" });
    await app.poll();
    await app.runUntilIdle();
    expect(await setStatus({ status: "done", text: "Ready." })).toMatchObject({ status: "done" });
  },
);

test.each(VERSIONS)(
  "OPENCLAW-14 a blocker that was not observed yet is found when a task is started or finished (Plane %s)",
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

test("a task whose only label is blocked can be continued at once", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await app.runUntilIdle();
  await setStatus({ status: "blocked" });
  expect(app.readPlaneItem(item).labels).toContain("blocked");
  expect(await setStatus({ status: "in_progress" })).toMatchObject({ status: "in_progress" });
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

test("reliability 18: texts and reports of a status change are shown as text", async () => {
  const { app, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress", text: "<script>alert(1)</script>" });
  await setStatus({ status: "done", text: "x", commit: "<b>1</b>", tests: "<img src=x>" });
  expect(app.readComments(item).join("\n")).not.toMatch(/<script|<b>|<img/);
});
