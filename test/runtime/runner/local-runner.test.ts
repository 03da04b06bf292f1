import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { RELIABILITY_ADMIN_TOKEN, startSimulators } from "../../reliability/simulators.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createRunnerHost } from "./runner-host.ts";

vi.setConfig({ testTimeout: 120_000 });

/** What the product answers to a person. */
interface Tickets {
  tickets?: { id: string; state: string; summary?: string }[];
  sessions?: { id: string; state: string }[];
  tmux_service?: boolean;
}

test("one process runs an approved ticket from Plane to its comment, with tmux, git and a stand-in for Claude Code", async () => {
  const host = createRunnerHost();
  const simulators = await startSimulators();
  const project = simulators.addProject();
  const port = await findFreePort();
  const output: string[] = [];
  writeFileSync(
    join(host.folder, "config.json"),
    JSON.stringify({ tickets: { repositories: { ONB: host.repository } } }),
    { mode: 0o600 },
  );
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", resolve("runtime/start.js")], {
    cwd: host.folder,
    env: {
      ...host.env,
      ...simulators.env,
      PORT: String(port),
      GROUNDCREW_CONFIG: "config.json",
      STORE_URL: "file:./data",
    },
  });
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => output.push(String(data)));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    host.tmux("kill-server");
    rmSync(host.folder, { recursive: true, force: true });
  });

  async function call(path: string, method = "GET", body?: object): Promise<Tickets> {
    const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, "content-type": "application/json" };
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    return (await (await fetch(`http://127.0.0.1:${port}${path}`, init)).json()) as Tickets;
  }
  const waitFor = <T>(read: () => Promise<T>) =>
    expect.poll(read, { timeout: 40_000, interval: 200, message: output.slice(-20).join("") });

  await waitFor(async () => output.join("").includes('"runner started"')).toBe(true);
  await waitFor(async () => (await call("/health")).tmux_service).toBe(true);
  await call("/ticks/poll", "POST");
  const steps = [
    "do: run echo made > made.txt; git add -A; git commit -qm 'feat: made'",
    "do: run printf 'All is done' > $GROUNDCREW_COMPLETION_FILE",
  ];
  simulators.plane.addItem(project, {
    name: "Make it",
    description_html: `<pre><code>${steps.join("\n")}</code></pre>`,
  });
  await call("/ticks/poll", "POST");
  await waitFor(async () => (await call("/api/pending-tickets")).tickets?.map(({ id }) => id)).toEqual(["ONB-1"]);
  await call("/api/approve/ONB-1", "POST", {});
  await waitFor(async () => (await call("/api/completed-tickets")).tickets).toMatchObject([
    { id: "ONB-1", summary: "All is done" },
  ]);
  expect(await call("/api/update-plane/ONB-1", "POST", {})).toMatchObject({ status: "success", comment_posted: true });
  expect(host.git(["log", "--format=%s", "groundcrew/onb-1"])).toBe("feat: made\nfirst\n");
  await waitFor(async () => host.tmux("list-sessions")).toBe("");

  const exited = once(child, "exit");
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});
