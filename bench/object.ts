import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { findFreePort } from "../test/support/redis-server.ts";
import { startChild } from "./child.ts";
import { formatMs, percentile } from "./figures.ts";
import { ADMIN_TOKEN, startSimulators } from "./simulators.ts";
import type { BenchLine } from "./table.ts";
import { sleep } from "./wait.ts";
import { createWebhookTemplate } from "./webhook-template.ts";

/** Size of a webhook's body in bytes. */
const SIZE = 3 * 1024;
const CONNECTIONS = 10;
/** Ticks of Linux in a second. */
const TICKS = 100;
const MEBIBYTE = 1024 ** 2;

const resultSchema = z.object({ times: z.array(z.number()), seconds: z.number() });
const healthSchema = z.object({ queues: z.record(z.string(), z.object({ pending: z.number() })) });

/**
 * Measures how many webhooks one Durable Object carries, in workerd on this machine: at each rate the time of an answer,
 * the time after the last one until all are processed, and the processor time of one. Cloudflare's processors and disks
 * are others, but the object has one thread there as well.
 */
export async function benchObject({
  rates,
  seconds,
  items,
}: {
  rates: readonly number[];
  seconds: number;
  items: number;
}) {
  const simulators = await startSimulators();
  const { secret } = simulators.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const template = createWebhookTemplate(simulators, secret, SIZE, items);
  simulators.useCurrentTime();
  const { PORT: _, ...env } = simulators.env;
  const worker = await startWorker({
    ...env,
    PLANE_WEBHOOK_SECRET: secret,
    PUBLIC_URL: "https://crew.example.com",
    ALLOWED_HOSTS: "127.0.0.1",
    TELEGRAM_MODE: "webhook",
    TELEGRAM_WEBHOOK_SECRET: "telegram-secret-of-the-bench",
  });
  const load = await startChild("load.ts");
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const request = (path: string, init = {}) => fetch(`http://127.0.0.1:${worker.port}${path}`, { headers, ...init });
  const waitUntilIdle = async () => {
    for (;;) {
      const { queues } = healthSchema.parse(await (await request("/health")).json());
      if (Object.values(queues).every(({ pending }) => pending === 0)) return;
      await sleep(50);
    }
  };
  try {
    await (await request("/ticks/poll", { method: "POST" })).text();
    await waitUntilIdle();
    const lines: BenchLine[] = [];
    let from = 0;
    for (const [i, rate] of [rates[0] ?? 1, ...rates].entries()) {
      const count = rate * seconds;
      const before = worker.readUse().cpu;
      const order = { ...template, port: worker.port, connections: CONNECTIONS, from, count, rate };
      const { times } = resultSchema.parse(await load.ask("send", order));
      const sent = performance.now();
      await waitUntilIdle();
      from += count;
      const { cpu, memory } = worker.readUse();
      // The first round is a warm-up.
      if (i === 0) continue;
      lines.push({
        what: `one Durable Object in workerd, ${items} tasks, ${rate} webhooks/s for ${seconds} s`,
        ours: `p50 ${formatMs(percentile(times, 50))}, p99 ${formatMs(percentile(times, 99))}, processed ${formatMs(performance.now() - sent)} after the last; ${(((cpu - before) * 1_000) / count).toFixed(1)} ms of CPU each; ${Math.round(memory / MEBIBYTE)} MiB`,
        met: times.length === count,
      });
    }
    return lines;
  } finally {
    await load.kill();
    worker.kill();
    await simulators.stop();
  }
}

/** Starts workerd as `npm run dev:workers` does; resolves when it listens. */
async function startWorker(variables: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-object-"));
  const [port, inspector] = [await findFreePort(), await findFreePort()];
  const envFile = join(folder, "variables.env");
  writeFileSync(
    envFile,
    Object.entries(variables)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(""),
  );
  const options = ["--local", "--port", String(port), "--persist-to", folder, "--env-file", envFile];
  const args = ["node_modules/wrangler/bin/wrangler.js", "dev", ...options, "--inspector-port", String(inspector)];
  const child = spawn(process.execPath, args, {
    detached: true,
    env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = () => {
    try {
      process.kill(-(child.pid ?? 0), "SIGKILL");
    } catch {
      // All of them have ended.
    }
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", kill);
  await new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => line.includes("Ready on") && resolve());
    child.once("exit", (code) => reject(new Error(`wrangler ended with ${code}`)));
  });
  return { port, kill, readUse: () => readUse(child.pid ?? 0) };
}

/** The processor time in seconds and the memory in bytes of all processes of workerd in a process group. */
function readUse(group: number): { cpu: number; memory: number } {
  const use = { cpu: 0, memory: 0 };
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [, name, rest = ""] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      // From the third field on: state, parent, group; utime and stime are the 14th and 15th.
      const fields = rest.split(" ");
      if (name !== "workerd" || Number(fields[2]) !== group) continue;
      use.cpu += (Number(fields[11]) + Number(fields[12])) / TICKS;
      use.memory += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return use;
}
