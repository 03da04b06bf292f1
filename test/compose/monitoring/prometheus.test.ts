import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { findFreePort } from "../../support/redis-server.ts";
import { RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../../support/test-runtime.ts";
import { hasPromtool } from "./promtool.ts";
import { MONITORING } from "./queries.ts";

/** The machine may be busy, and Prometheus scrapes every second here. */
const POLL = { timeout: 20_000, interval: 50 };

/**
 * Starts the real Prometheus with the overlay's configuration, of which only addresses and intervals are changed: nothing
 * listens at those of the exporters.
 */
async function startPrometheus(groundcrew: string) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-prometheus-"));
  for (const name of ["rules", "targets"]) cpSync(`${MONITORING}/${name}`, join(folder, name), { recursive: true });
  writeFileSync(join(folder, "groundcrew-token"), RUNTIME_ADMIN_TOKEN, { mode: 0o400 });
  let closedPort = 0;
  const replaceAddresses = (text: string) =>
    text.replaceAll(/(?<=targets: \[.*)[a-z-]+:\d+/g, (address) => {
      closedPort += 1;
      return address.startsWith("groundcrew:") ? groundcrew : `127.0.0.1:${closedPort}`;
    });
  const config = readFileSync(`${MONITORING}/prometheus.yaml`, "utf8").replaceAll("_interval: 30s", "_interval: 1s");
  writeFileSync(join(folder, "prometheus.yaml"), replaceAddresses(config));
  for (const name of readdirSync(join(folder, "targets"))) {
    const path = join(folder, "targets", name);
    writeFileSync(path, replaceAddresses(readFileSync(path, "utf8")));
  }
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
  return async (path: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => undefined);
    return response?.ok ? ((await response.json()) as { data: unknown }).data : undefined;
  };
}

describe.skipIf(!hasPromtool())("MONITOR-03 the real Prometheus", () => {
  test("reads Groundcrew on METRICS_PORT, loads the alerts, and knows every target by its job", async () => {
    const { metricsUrl = "" } = await startTestRuntime({ env: { METRICS_PORT: String(await findFreePort()) } });
    const query = await startPrometheus(new URL(metricsUrl).host);
    const read = (expression: string) => query(`query?query=${encodeURIComponent(expression)}`);
    await expect
      .poll(() => read('up{job="groundcrew"}'), POLL)
      .toMatchObject({ result: [{ metric: { job: "groundcrew" }, value: [expect.any(Number), "1"] }] });
    await expect
      .poll(() => read("max(groundcrew_plane_quota_left)"), POLL)
      .toMatchObject({ result: [{ value: [expect.any(Number), "60"] }] });
    await expect
      .poll(() => query("rules?type=alert"), POLL)
      .toMatchObject({ groups: [{ name: "groundcrew" }, { name: "services" }] });
    // The exporters, which are not there, are found to be down.
    const jobs = ["caddy", "cadvisor", "monitoring", "node", "postgres", "rabbitmq", "redis"];
    await expect
      .poll(() => read("sort(count by (job) (up == 0))"), POLL)
      .toMatchObject({ result: expect.toSatisfy((result: unknown[]) => result.length === jobs.length) });
    const { result } = (await read("count by (job) (up == 0)")) as { result: { metric: { job: string } }[] };
    expect(result.map(({ metric }) => metric.job).sort()).toEqual(jobs);
  });
});
