import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { findFreePort } from "../../support/redis-server.ts";

/** Debian's RabbitMQ, without the wrapper that changes the user. */
export const RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Starts a RabbitMQ with its Prometheus plugin, as its image has it, and reads the metrics. Takes half a minute. */
export async function readRabbitmqMetrics(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-rabbitmq-"));
  const port = await findFreePort();
  writeFileSync(join(folder, "enabled_plugins"), "[rabbitmq_prometheus].\n");
  writeFileSync(join(folder, "rabbitmq.conf"), `prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = ${port}\n`);
  const server = spawn(RABBITMQ, [], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      RABBITMQ_NODENAME: `groundcrew-test-${process.pid}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: String(await findFreePort()),
      RABBITMQ_DIST_PORT: String(await findFreePort()),
      RABBITMQ_MNESIA_BASE: folder,
      RABBITMQ_LOG_BASE: folder,
      RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq.conf"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins"),
    },
    stdio: "ignore",
    // Erlang and its helpers end together.
    detached: true,
  });
  onTestFinished(async () => {
    const exited = once(server, "exit");
    if (server.exitCode === null && server.pid !== undefined && process.kill(-server.pid, "SIGKILL")) await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const read = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    return response?.ok ? await response.text() : "";
  };
  await expect.poll(read, { timeout: 50_000, interval: 200 }).toContain("rabbitmq_queue_messages_ready");
  return await read();
}
