import { expect, onTestFinished, test, vi } from "vitest";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 120_000 });

const RED = "run printf '\\033[31mred\\033[0m'; printf '\\033]52;c;aGk=\\007\\033]0;title\\007'";

test("a watched terminal is sent in colours, and only while it is watched", async () => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const { frames, requests, set } = rig.server;
  const desired = rig.want("ONB-1", [RED]);
  set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "running");
  expect(frames).toEqual([]);

  set({ sessions: [{ ...desired, watched: true }] });
  await rig.waitFor(() => frames.at(-1)?.screen.includes("all done")).toBe(true);
  expect(frames.at(-1)).toMatchObject({ ticket: "ONB-1", run: 1, columns: 120, rows: 40, cursor: { column: 0 } });
  expect(frames.at(-1)?.screen).toContain("\u001b[31mred");
  expect(frames.at(-1)?.screen.split("\n")).toHaveLength(40);
  await rig.waitFor(() => requests.at(-1)?.watched).toEqual(["ONB-1"]);

  // What is typed changes the picture; nothing else is sent.
  const type = (id: string, text: string) => ({
    ...desired,
    watched: true,
    inputs: [{ id, kind: "text", text } as const],
  });
  set({ sessions: [type("1", "one more turn")] });
  await rig.waitFor(() => frames.at(-1)?.screen.includes("Fake answer: one more turn")).toBe(true);
  for (const [i, frame] of frames.entries()) expect(frame).not.toEqual(frames[i + 1]);

  set({ sessions: [desired] });
  await rig.waitFor(() => requests.at(-1)?.watched).toEqual([]);
  const count = frames.length;
  set({ sessions: [{ ...desired, inputs: [{ id: "2", kind: "text", text: "unseen" }] }] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen.includes("Fake answer: unseen")).toBe(true);
  expect(frames).toHaveLength(count);
  expect(rig.server.problems).toEqual([]);
});

test("pictures end when the answer to a frame says that nobody watches any more", async () => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const { frames, frameAnswer, requests, set } = rig.server;
  const desired = rig.want("ONB-1");
  frameAnswer.watched = false;
  set({ sessions: [{ ...desired, watched: true }] });
  await rig.waitFor(() => frames.length).toBe(1);
  await rig.waitFor(() => rig.report("ONB-1")?.screen.includes("all done")).toBe(true);
  // Each answer of an exchange begins them again until Groundcrew does not want them.
  set({ sessions: [desired] });
  await rig.waitFor(() => requests.at(-1)?.watched).toEqual([]);
});

test.skipIf(!process.env["FULL"])(
  "while frames are not taken only the newest is kept, and the exchange goes on",
  async () => {
    const rig = await createRunnerRig({ expect, onTestFinished });
    const { frames, frameAnswer, set } = rig.server;
    frameAnswer.status = 500;
    const desired = { ...rig.want("ONB-1"), watched: true };
    set({ sessions: [desired] });
    await rig.waitFor(() => rig.output.join("").includes("frame was not taken")).toBe(true);
    for (const text of ["first", "second"]) {
      set({ sessions: [{ ...desired, inputs: [{ id: text, kind: "text", text }] }] });
      await rig.waitFor(() => rig.report("ONB-1")?.screen.includes(`Fake answer: ${text}`)).toBe(true);
    }
    expect(frames).toEqual([]);
    frameAnswer.status = 200;
    await rig.waitFor(() => frames.length).toBeGreaterThan(0);
    expect(frames[0]?.screen).toContain("Fake answer: second");
    expect(rig.output.join("").match(/frame was not taken/g)).toHaveLength(1);
  },
);

test("a session that ends does not hold up the pictures of the others, and its last picture is sent", async () => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const { frames, set } = rig.server;
  const desired = ["ONB-1", "ONB-2", "ONB-3"].map((key) => ({
    ...rig.want(key, key === "ONB-2" ? ["run sleep 1", "exit 3"] : []),
    watched: true,
  }));
  set({ sessions: desired });
  await rig.waitForState("ONB-2", "ended");
  const last = (key: string) => frames.filter(({ ticket }) => ticket === key).at(-1)?.screen ?? "";
  await rig.waitFor(() => last("ONB-2")).toContain("Bash(sleep 1)");
  set({
    sessions: desired
      .filter(({ ticket }) => ticket !== "ONB-2")
      .map((session) => ({ ...session, inputs: [{ id: "1", kind: "text" as const, text: "still here" }] })),
  });
  for (const key of ["ONB-1", "ONB-3"]) await rig.waitFor(() => last(key)).toContain("Fake answer: still here");
});
