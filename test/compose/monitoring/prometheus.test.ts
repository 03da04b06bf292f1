import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findFreePort } from "../../support/redis-server.ts";
import { RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { hasPromtool } from "./promtool.ts";
import { MONITORING } from "./queries.ts";

/** Starts the real Prometheus with the example, of which only addresses and intervals are changed. */
async function startPrometheus(groundcrew: string): Promise<(path: string) => Promise<unknown>> {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-prometheus-"));
  cpSync(`${MONITORING}/rules`, join(folder, "rules"), { recursive: true });
  writeFileSync(join(folder, "groundcrew-token"), RUNTIME_ADMIN_TOKEN, { mode: 0o400 });
  const config = readFileSync(`${MONITORING}/prometheus.yaml`, "utf8")
    .replaceAll("_interval: 30s", "_interval: 1s")
    .replace("groundcrew:8787", groundcrew)
    .replaceAll(/\[[a-z-]+:\d+\]/g, "[127.0.0.1:1]");
  writeFileSync(join(folder, "prometheus.yaml"), config);
  const port = await findFreePort();
  const options = [
    "--config.file=prometheus.yaml",
    "--storage.tsdb.path=data",
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const prometheus = spawn("prometheus", options, { cwd: folder, stdio: "ignore" });
  onTestFinished(async () => {
    const exited = once(prometheus, "exit");
    if (prometheus.exitCode === null && prometheus.kill("SIGKILL")) await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  return async (path) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => undefined);
    return response?.ok ? ((await response.json()) as { data: unknown }).data : undefined;
  };
}

test.skipIf(!hasPromtool())(
  "MONITOR-03 the real Prometheus reads Groundcrew with the token of the example, and loads the alerts",
  async () => {
    const { url } = await startTestRuntime();
    const query = await startPrometheus(new URL(url).host);
    const read = (expression: string) => query(`query?query=${encodeURIComponent(expression)}`);
    await expect
      .poll(() => read('up{job="groundcrew"}'), { timeout: 15_000, interval: 50 })
      .toMatchObject({ result: [{ metric: { job: "groundcrew" }, value: [expect.any(Number), "1"] }] });
    await expect
      .poll(() => read("max(groundcrew_plane_quota_left)"), { timeout: 5_000, interval: 50 })
      .toMatchObject({ result: [{ value: [expect.any(Number), "60"] }] });
    await expect
      .poll(() => query("rules?type=alert"), { timeout: 5_000, interval: 50 })
      .toMatchObject({ groups: [{ name: "groundcrew" }, { name: "services" }] });
    // The jobs of the exporters, which are not there, are found to be down.
    await expect
      .poll(() => read('count(up{job!="groundcrew"} == 0)'), { timeout: 5_000, interval: 50 })
      .toMatchObject({ result: [{ value: [expect.any(Number), "5"] }] });
  },
);
