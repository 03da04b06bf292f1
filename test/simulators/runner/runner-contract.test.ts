import { randomUUID } from "node:crypto";
import { describe, type TestContext, test, vi } from "vitest";
import { createRunnerRig } from "../../runtime/runner/runner-rig.ts";
import { createSimulatorRig } from "./simulator-rig.ts";

vi.setConfig({ testTimeout: 120_000 });

type Context = Pick<TestContext, "expect" | "onTestFinished">;

/** The runners that must behave alike towards Groundcrew. ONB-2 ends by a crash as soon as it has started. */
const RUNNERS = {
  "the runner": async (context: Context) => {
    const { want, ...rig } = await createRunnerRig(context);
    return { ...rig, want: (key: string, change = {}) => want(key, key === "ONB-2" ? ["die"] : [], change) };
  },
  "the simulated runner": (context: Context) => createSimulatorRig(context, { "ONB-2": { steps: [{ do: "crash" }] } }),
};

describe.concurrent.each(Object.entries(RUNNERS))("%s", (_name, createRig) => {
  test("starts, types, stops, resumes and starts anew as Groundcrew wants, and reports each end until it is known", async ({
    expect,
    onTestFinished,
  }) => {
    const { server, want, report, waitFor } = await createRig({ expect, onTestFinished });
    const first = want("ONB-1");
    const crashed = want("ONB-2");
    server.set({ sessions: [first, crashed, want("WEB-1", { project: "WEB" })] });
    await waitFor(() => report("ONB-1")?.state).toBe("running");
    expect(report("ONB-1")).toMatchObject({
      ...{ run: 1, session_id: first.session_id, name: "claude-ONB-1", branch: "groundcrew/onb-1" },
      ...{ commits: [], dirty: false, applied: [] },
    });
    await waitFor(() => report("WEB-1")?.exit?.reason).toBe("start_failed");
    expect(report("WEB-1")?.exit?.text).toContain("no repository for WEB");
    expect(server.requests.at(-1)?.repositories).toEqual(["ONB"]);

    await waitFor(() => report("ONB-2")?.exit).toMatchObject({ reason: "killed", signal: "SIGKILL" });
    const firstStart = report("ONB-2")?.started_at;
    const inputs = [
      { id: "a", kind: "text", text: "Which colour?" },
      { id: "b", kind: "interrupt", text: "" },
      { id: "c", kind: "keys", text: "x" },
    ] as const;
    server.set({
      sessions: [
        { ...first, inputs: [...inputs] },
        { ...crashed, resume: true },
      ],
    });
    await waitFor(() => report("ONB-1")?.applied).toEqual(["a", "b", "c"]);
    await waitFor(() => report("ONB-1")?.screen.split("> Which colour?")).toHaveLength(2);
    await waitFor(() => report("ONB-2")?.started_at !== firstStart).toBe(true);
    expect(report("ONB-2")?.session_id).toBe(crashed.session_id);

    // A session that Groundcrew does not name is ended, and one that it wants to end is ended kindly.
    const stop = { ticket: "ONB-1", run: 1, reason: "completed" };
    server.set({ stop: [{ ...stop, how: "kindly" }] });
    await waitFor(() => report("ONB-1")?.exit).toEqual({ reason: "exited", status: 0, text: "completed" });
    await waitFor(() => report("ONB-2")?.state).toBe("ended");
    server.set({ stop: [{ ...stop, how: "now" }] });
    await waitFor(() => report("ONB-1")).toBeUndefined();
    expect(report("ONB-2")?.state).toBe("ended");

    const second = want("ONB-1", { run: 2, session_id: randomUUID() });
    server.set({ sessions: [second] });
    await waitFor(() => report("ONB-1")).toMatchObject({ run: 2, session_id: second.session_id, state: "running" });
    expect(report("ONB-1")?.applied).toEqual([]);
    server.set({ stop: [{ ...stop, run: 2, how: "now" }] });
    await waitFor(() => report("ONB-1")?.exit?.reason).toBe("killed");
    server.set({ stop: [{ ...stop, run: 2, how: "now" }], remove: [{ ticket: "ONB-1", run: 2, force: false }] });
    await waitFor(() => report("ONB-1")).toBeUndefined();
    expect(server.problems).toEqual([]);
  });
});
