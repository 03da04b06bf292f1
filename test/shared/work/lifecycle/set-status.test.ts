import { expect, test } from "vitest";
import type { PlaneVersion } from "../../../../simulators/plane/types.ts";
import { createStatusTestApp } from "./status-app.ts";

const VERSIONS: PlaneVersion[] = ["1.3.1", "1.2.2"];

test.each(VERSIONS)(
  "OPENCLAW-04 an agent starts and finishes its task, each with a comment (Plane %s)",
  async (version) => {
    const { crew, item, setStatus } = await createStatusTestApp({ version });
    expect(await setStatus({ status: "in_progress" })).toMatchObject({
      key: "ONB-1",
      word: "in_progress",
      heldUntil: expect.any(Number),
    });
    expect(crew.readPlaneItem(item).state).toBe("In Progress");
    await crew.runUntilIdle();
    expect(
      await setStatus({ status: "done", text: "All **said**.", commit: "a1b2c3", tests: "12 passed" }),
    ).toMatchObject({
      word: "done",
      inReview: false,
    });
    expect(crew.readPlaneItem(item).state).toBe("Done");
    await crew.runUntilIdle();
    const statusComments = crew.readComments(item).filter((comment) => /Started|Done/.test(comment));
    expect(statusComments).toHaveLength(2);
    expect(statusComments[1]).toBe("Imhotep: <p><strong>Started</strong></p>");
    expect(statusComments[0]).toMatch(
      /^Imhotep: <p><strong>Done<\/strong><\/p>.*said.*<code>a1b2c3<\/code>.*12 passed/s,
    );
    expect(crew.takeEvents()).toEqual(["ONB-1 started", "ONB-1 completed"]);
    await expect(crew.actAs("Imhotep").claim("ONB-1")).rejects.toMatchObject({ code: "conflict" });
  },
);

test("starting a task claims it: nobody else can start it, and the refusal names the holder", async () => {
  const { crew, item, setStatus } = await createStatusTestApp();
  crew.plane.editItem(item, { assignees: [crew.getUser("Imhotep"), crew.getUser("Thot")] });
  await crew.poll();
  await setStatus({ status: "in_progress" });
  await expect(setStatus({ status: "in_progress" }, "Thot")).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/held by Imhotep since .* until /),
  });
});

test("setting the current status makes no request to Plane and returns the current state", async () => {
  const { crew, setStatus, getOwnComments } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await crew.runUntilIdle();
  const before = getOwnComments().length;
  const asked = await crew.recordRequests(async () => {
    expect(await setStatus({ status: "in_progress" })).toMatchObject({
      word: "in_progress",
      heldUntil: expect.any(Number),
    });
  });
  expect(asked).toEqual([]);
  expect(getOwnComments()).toHaveLength(before);
});

test("a text sent with the current status is written once", async () => {
  const { setStatus, getOwnComments } = await createStatusTestApp();
  await setStatus({ status: "in_progress", text: "Off we go." });
  for (const text of ["Off we go.", "Half of it.", "Half of it."]) await setStatus({ status: "in_progress", text });
  await setStatus({ status: "done", text: "Ready." });
  for (const text of ["Ready.", "And proofread."]) await setStatus({ status: "done", text });
  const texts = getOwnComments().join("\n");
  for (const text of ["Off we go.", "Half of it.", "Ready.", "And proofread."])
    expect(texts.split(text), text).toHaveLength(2);
});

test("a task that was claimed and never started is free when its agent returns it", async () => {
  const { crew, item, setStatus, getOwnComments } = await createStatusTestApp();
  crew.plane.editItem(item, { assignees: [crew.getUser("Imhotep"), crew.getUser("Thot")] });
  await crew.poll();
  await crew.actAs("Imhotep").claim("ONB-1");
  await setStatus({ status: "todo" }, "Thot");
  await expect(crew.actAs("Thot").claim("ONB-1")).rejects.toMatchObject({ code: "conflict" });
  const now = await setStatus({ status: "todo", text: "Not for me." });
  expect(now).toMatchObject({ word: "todo" });
  expect(now.heldUntil).toBeUndefined();
  expect(getOwnComments().join()).toContain("Not for me.");
  expect(await crew.actAs("Thot").claim("ONB-1")).toMatchObject({ agent: "Thot" });
  await crew.runUntilIdle();
  expect(crew.actions.filter(({ event }) => event.kind === "claim_lost")).toEqual([]);
});

test("a change of status costs three requests: a read, a write and a comment", async () => {
  const { crew, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await crew.runUntilIdle();
  const before = crew.plane.ledger.requests.length;
  await setStatus({ status: "done", text: "Ready." });
  const own = crew.plane.ledger.requests.slice(before).filter(({ owner }) => owner === crew.getUser("Imhotep").id);
  expect(own.map(({ method }) => method)).toEqual(["GET", "PATCH", "POST"]);
});

test.each(VERSIONS)(
  "OPENCLAW-04 a task is neither started nor finished while a blocker is open (Plane %s)",
  async (version) => {
    const { crew, item, other, setStatus } = await createStatusTestApp({ version });
    if (version === "1.2.2") crew.plane.editItem(item, { description_html: "<p>Blocked by: ONB-2</p>" });
    else crew.plane.relate(item, other);
    crew.plane.editItem(item, { state: "In Progress" });
    await crew.poll();
    await crew.runUntilIdle();
    await expect(setStatus({ status: "in_progress" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("waits for ONB-2 (todo)"),
    });
    await expect(setStatus({ status: "done", text: "Ready." })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("waits for ONB-2 (todo)"),
    });
    expect(crew.readPlaneItem(item).state).toBe("In Progress");
    crew.plane.editItem(other, { state: "Done" });
    await crew.poll();
    await crew.runUntilIdle();
    expect(await setStatus({ status: "done", text: "Ready." })).toMatchObject({ word: "done" });
  },
);

test.each(VERSIONS)(
  "OPENCLAW-14 a blocker that was not observed yet is found when a task is started or finished (Plane %s)",
  async (version) => {
    const { crew, item, other, setStatus } = await createStatusTestApp({ version });
    const third = crew.addTask("Bind it", "Imhotep");
    await crew.poll();
    const wait = (one: typeof item, key: string) =>
      version === "1.2.2"
        ? crew.plane.editItem(one, { description_html: `<p>Blocked by: ${key}</p>` })
        : crew.plane.relate(one, other);
    wait(third, "ONB-2");
    crew.dropWebhooks();
    await expect(setStatus({ status: "in_progress" }, "Imhotep", "ONB-3")).rejects.toThrow("it waits for ONB-2 (todo)");
    await setStatus({ status: "in_progress" });
    wait(item, "ONB-2");
    crew.dropWebhooks();
    await expect(setStatus({ status: "done", text: "Ready." })).rejects.toThrow("it waits for ONB-2 (todo)");
    expect(crew.readPlaneItem(item).state).toBe("In Progress");
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
  const { crew, setStatus } = await createStatusTestApp();
  const asked = await crew.recordRequests(async () => {
    await expect(setStatus({ status: "in_progress" }, "Thot")).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("belongs to Imhotep"),
    });
  });
  expect(asked).toEqual([]);
});

test("a blocked task has no holder, keeps its other labels, and its agent can continue it", async () => {
  const { crew, item, setStatus } = await createStatusTestApp();
  crew.plane.addLabel(crew.onb, "chore");
  crew.plane.editItem(item, { labels: ["chore"] });
  await crew.poll();
  await setStatus({ status: "in_progress" });
  await crew.runUntilIdle();
  const now = await setStatus({ status: "blocked", text: "Which logo?" });
  expect(now).toMatchObject({ word: "blocked" });
  expect(now.heldUntil).toBeUndefined();
  expect(crew.readPlaneItem(item)).toMatchObject({ state: "In Progress" });
  expect(crew.readPlaneItem(item).labels).toEqual(expect.arrayContaining(["blocked", "chore"]));
  await crew.runUntilIdle();
  expect(crew.readComments(item).filter((comment) => comment.includes("Which logo?"))).toHaveLength(1);
  expect(await setStatus({ status: "in_progress" })).toMatchObject({
    word: "in_progress",
    heldUntil: expect.any(Number),
  });
  expect(crew.readPlaneItem(item).labels).not.toContain("blocked");
  expect(crew.readPlaneItem(item).labels).toContain("chore");
  await crew.runUntilIdle();
  expect(crew.readComments(item).filter((comment) => comment.includes("Started"))).toHaveLength(2);
});

test("a task whose only label is blocked can be continued at once", async () => {
  const { crew, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress" });
  await crew.runUntilIdle();
  await setStatus({ status: "blocked" });
  expect(crew.readPlaneItem(item).labels).toContain("blocked");
  expect(await setStatus({ status: "in_progress" })).toMatchObject({ word: "in_progress" });
});

test("an agent that did not block a task cannot unblock it", async () => {
  const { crew, item, setStatus } = await createStatusTestApp();
  crew.plane.addState(crew.onb, { name: "Blocked", group: "started" });
  crew.plane.editItem(item, { state: "Blocked" });
  await crew.poll();
  await expect(setStatus({ status: "in_progress" })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("somebody else blocked it"),
  });
  expect(await setStatus({ status: "in_progress" }, "Ada")).toMatchObject({ word: "in_progress" });
});

test("reliability 18: texts and reports of a status change are shown as text", async () => {
  const { crew, item, setStatus } = await createStatusTestApp();
  await setStatus({ status: "in_progress", text: "<script>alert(1)</script>" });
  await setStatus({ status: "done", text: "x", commit: "<b>1</b>", tests: "<img src=x>" });
  expect(crew.readComments(item).join("\n")).not.toMatch(/<script|<b>|<img/);
});
