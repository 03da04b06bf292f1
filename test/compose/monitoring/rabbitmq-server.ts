import { join } from "node:path";
import { expect } from "vitest";
import { startProgram } from "../../support/program.ts";
import { findFreePort } from "../../support/redis-server.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";

/** Debian's RabbitMQ, without the wrapper that changes the user. */
export const RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** Starts a RabbitMQ with its Prometheus plugin, as its image has it, and reads the metrics. Takes half a minute. */
export async function readRabbitmqMetrics(): Promise<string> {
  const folder = createTestFolder("rabbitmq");
  const port = await findFreePort();
  writeFiles(folder, {
    enabled_plugins: "[rabbitmq_prometheus].\n",
    "rabbitmq.conf": `prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = ${port}\n`,
  });
  const env = {
    ...{ HOME: folder, MNESIA_BASE: folder, LOG_BASE: folder, NODENAME: `groundcrew-test-${process.pid}@localhost` },
    ...{
      NODE_IP_ADDRESS: "127.0.0.1",
      NODE_PORT: String(await findFreePort()),
      DIST_PORT: String(await findFreePort()),
    },
    ...{ CONFIG_FILE: join(folder, "rabbitmq.conf"), ENABLED_PLUGINS_FILE: join(folder, "enabled_plugins") },
  };
  const named = Object.entries(env).map(([name, value]) => [name === "HOME" ? name : `RABBITMQ_${name}`, value]);
  // Erlang and its helpers end together.
  startProgram([RABBITMQ], { env: Object.fromEntries(named), isGroup: true });
  const read = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    return response?.ok ? await response.text() : "";
  };
  await expect.poll(read, { timeout: 50_000, interval: 200 }).toContain("rabbitmq_queue_messages_ready");
  return await read();
}
