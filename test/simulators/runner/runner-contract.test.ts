import { randomUUID } from "node:crypto";
import { type TestContext, test, vi } from "vitest";
import { createRunnerSimulator } from "../../../simulators/runner/create-runner-simulator.ts";
import { type Desired, RUNNER_TOKEN, startExchangeServer, toDesired } from "../../runtime/runner/exchange-server.ts";
import { createRunnerRig } from "../../runtime/runner/runner-rig.ts";

vi.setConfig({ testTimeout: 120_000 });

/** Connects a simulated runner to a scripted server, which checks every message with the product's schemas. */
async function createSimulatorRig({ expect, onTestFinished }: TestContext) {
  const server = await startExchangeServer();
  const findScript = () => ({ startMs: 0, steps: [] });
  const own = { url: server.url, token: RUNNER_TOKEN, repositories: ["ONB"], findScript };
  const runner = createRunnerSimulator(own);
  runner.connect();
  onTestFinished(async () => {
    await runner.stop();
    await server.close();
  });
  return {
    server,
    want: (key: string, change: Partial<Desired> = {}) => toDesired(key, { session_id: randomUUID(), ...change }),
    report: server.getReport,
    waitFor: <T>(read: () => T) => expect.poll(read, { timeout: 40_000, interval: 20 }),
  };
}

/** The runners that must behave alike towards Groundcrew. */
const RUNNERS = {
  "the runner": async (context: TestContext) => {
    const { want, ...rig } = await createRunnerRig(context);
    return { ...rig, want: (key: string, change = {}) => want(key, [], change) };
  },
  "the simulated runner": createSimulatorRig,
};

test.concurrent.for(Object.entries(RUNNERS))("%s behaves as Groundcrew wants", async ([, createRig], context) => {
  const { expect } = context;
  const { server, want, report, waitFor } = await createRig(context);
  const first = want("ONB-1");
  server.set({ sessions: [first] });
  await waitFor(() => report("ONB-1")?.state).toBe("running");
  expect(report("ONB-1")).toMatchObject({
    ...{ run: 1, session_id: first.session_id, name: "claude-ONB-1", branch: "groundcrew/onb-1" },
    ...{ commits: [], dirty: false, applied: [] },
  });
  expect(server.requests.at(-1)?.repositories).toEqual(["ONB"]);

  const inputs: Desired["inputs"] = [
    { id: "a", kind: "text", text: "Which colour?" },
    { id: "b", kind: "interrupt", text: "" },
    { id: "c", kind: "keys", text: "x" },
  ];
  server.set({ sessions: [{ ...first, inputs }] });
  await waitFor(() => report("ONB-1")?.applied).toEqual(["a", "b", "c"]);
  server.set({ sessions: [{ ...first, inputs }] });
  await waitFor(() => server.requests.at(-1)?.seen).toBe("4");
  await waitFor(() => report("ONB-1")?.screen.split("❯ Which colour?")).toHaveLength(2);

  // Kindly, then acknowledged: an end is reported until Groundcrew knows it.
  const stop = { ticket: "ONB-1", run: 1, reason: "completed" };
  server.set({ stop: [{ ...stop, how: "kindly" }] });
  // On a busy machine tmux may never learn the exit status of a program that has ended.
  await waitFor(() => report("ONB-1")?.exit).toMatchObject({ reason: "exited", text: "completed" });
  server.set({ stop: [{ ...stop, how: "now" }] });
  await waitFor(() => report("ONB-1")).toBeUndefined();

  const second = want("ONB-1", { run: 2 });
  server.set({ sessions: [second] });
  await waitFor(() => report("ONB-1")).toMatchObject({ run: 2, session_id: second.session_id, state: "running" });
  expect(report("ONB-1")?.applied).toEqual([]);
  // A session that Groundcrew does not name goes on.
  server.set({});
  await waitFor(() => server.requests.at(-1)?.seen).toBe("8");
  expect(report("ONB-1")).toMatchObject({ run: 2, state: "running" });
  server.set({ stop: [{ ...stop, run: 2, how: "now" }] });
  await waitFor(() => report("ONB-1")?.exit?.text).toBe("completed");
  server.set({ remove: [{ ticket: "ONB-1", run: 2, force: false }] });
  await waitFor(() => report("ONB-1")).toBeUndefined();
  expect(server.problems).toEqual([]);
});
