import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { createBenchFolder } from "./bench-folder.ts";
import { startChild } from "./child.ts";
import { formatCount, formatMs } from "./figures.ts";
import { fillWorkspace, startSimulators } from "./simulators.ts";
import { startProduct } from "./start-product.ts";
import type { BenchLine } from "./table.ts";
import { sleep } from "./wait.ts";
import { createWebhookTemplate } from "./webhook-template.ts";

const MIB = 1024 * 1024;
const CONNECTIONS = 10;
/** Webhooks that are sent before the queues are let run empty. */
const BATCH = 2_000;
const readSource = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), "utf8");

const DOCKERFILE = readSource("compose/Dockerfile");
/** The command of the image, without its first word, `node`. */
const [, ...IMAGE_ARGUMENTS] = z.array(z.string()).parse(JSON.parse(/^CMD (\[.*\])$/m.exec(DOCKERFILE)?.[1] ?? ""));
/** What the image sets for malloc. A read-only container has no place for Node's compile cache. */
const IMAGE_ENV = {
  ...Object.fromEntries([...DOCKERFILE.matchAll(/^ +(MALLOC_\w+)=(\d+)/gm)].map(([, name, value]) => [name, value])),
  NODE_DISABLE_COMPILE_CACHE: "1",
};
/** The memory limit of the container in MiB. */
const LIMIT_MIB = Number(/memory: (\d+)M, pids: 64/.exec(readSource("compose/compose.yaml"))?.[1]);

/** The limit in MiB of the same run that is the floor. */
const FLOOR_MIB = 256;

export interface ContainerSizes {
  projects: number;
  /** Work items of each project. */
  items: number;
  /** Number of webhooks that are sent and processed after the first look. */
  events: number;
}

/**
 * Runs the command of the image inside the container's memory limit, without swap: a first look at a large workspace,
 * then webhooks as fast as they are answered. The floor is the same within 256 MiB.
 * Needs the memory controller of control groups, version 1, as root; without it the bench says so.
 */
export async function benchContainer(sizes: ContainerSizes): Promise<BenchLine[]> {
  const runWithin = async (mib: number) => {
    const group = createMemoryGroup(mib);
    const program = copyNode();
    try {
      const durations = await measure(sizes, group.wrap([program.path, ...IMAGE_ARGUMENTS]), group);
      return { ...durations, kills: group.readKills(), most: group.readMost() };
    } finally {
      await group.remove();
      program.remove();
    }
  };
  const floor = await runWithin(FLOOR_MIB);
  const limited = await runWithin(LIMIT_MIB);
  const ratio = (own: number, other: number) => (other / own).toFixed(2);
  const toLine = (what: string, own: number, other: number): BenchLine => ({
    what: `${what} within ${LIMIT_MIB} MiB`,
    ours: formatMs(own),
    floor: `${formatMs(other)} within ${FLOOR_MIB} MiB`,
    ratio: ratio(own, other),
    aim: "0.5 or more",
    met: own <= 2 * other,
  });
  return [
    {
      ...toLine(`first look at ${formatCount(sizes.projects * sizes.items)} items`, limited.firstLook, floor.firstLook),
      aim: "0.5 or more",
      met: limited.firstLook <= 2 * floor.firstLook,
    },
    toLine(`${formatCount(sizes.events)} webhooks stored and processed`, limited.events, floor.events),
    {
      what: `processes killed for their memory within ${LIMIT_MIB} MiB`,
      ours: `${limited.kills} (most used: ${Math.round(limited.most / MIB)} MiB with the files that the kernel keeps)`,
      aim: "0",
      met: limited.kills === 0,
    },
  ];
}

/**
 * Copies Node without leaving the copy in memory: the pages of a program count for the group that reads them first, and
 * those of the Node that runs the bench are there already. In a container they count for the container.
 */
function copyNode() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-node-"));
  const path = join(folder, "node");
  copyFileSync(process.execPath, path);
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stdio: "ignore" });
  return { path, remove: () => rmSync(folder, { recursive: true }) };
}

/** Durations in milliseconds. */
interface Durations {
  firstLook: number;
  events: number;
}

async function measure(
  { projects, items, events }: ContainerSizes,
  command: readonly string[],
  group: MemoryGroup,
): Promise<Durations> {
  const simulators = await startSimulators();
  const { config } = fillWorkspace(simulators, { agents: 10, projects, items });
  const { secret } = simulators.plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const template = createWebhookTemplate(simulators, secret, 3 * 1024, 500);
  simulators.useCurrentTime();
  const folder = createBenchFolder(config);
  const load = await startChild("load.ts");
  try {
    const env = { ...simulators.env, ...folder.env, PLANE_WEBHOOK_SECRET: secret };
    const product = await startProduct(command, { ...env, ...IMAGE_ENV });
    const waitForJobs = async () => {
      while ((await product.pending()) > 0) await sleep(250);
    };
    const startedAt = performance.now();
    await product.poll();
    await waitForJobs();
    const lookedAt = performance.now();
    for (let from = 0; from < events; from += BATCH) {
      const count = Math.min(BATCH, events - from);
      const order = { ...template, count, from, port: product.port, connections: CONNECTIONS };
      const { kept: stored } = z.object({ kept: z.array(z.string()) }).parse(await load.ask("send", order));
      if (stored.length !== count) throw new Error(`The product stored ${stored.length} of ${count} webhooks.`);
      await waitForJobs();
    }
    const endedAt = performance.now();
    await product.stop();
    return { firstLook: lookedAt - startedAt, events: endedAt - lookedAt };
  } catch (thrown) {
    if (group.readKills() > 0) throw new Error("The product was killed for its memory.");
    throw thrown;
  } finally {
    await load.kill();
    await simulators.stop();
    folder.remove();
  }
}

type MemoryGroup = ReturnType<typeof createMemoryGroup>;

/** A control group with a limit of memory and swap together, like a container's. */
function createMemoryGroup(mib: number) {
  const path = `/sys/fs/cgroup/memory/groundcrew-${process.pid}`;
  const read = (name: string) => readFileSync(`${path}/${name}`, "utf8");
  mkdirSync(path);
  for (const name of ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"])
    writeFileSync(`${path}/${name}`, `${mib}M`);
  return {
    /** The same command within the group: the shell enters it and is replaced by the command. */
    wrap: (command: readonly string[]) => ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', path, ...command],
    /** Number of processes that the kernel has killed. */
    readKills: () => Number(/^oom_kill (\d+)$/m.exec(read("memory.oom_control"))?.[1]),
    /** Most memory in bytes that was used at once. */
    readMost: () => Number(read("memory.max_usage_in_bytes")),
    async remove() {
      while (read("cgroup.procs") !== "") await sleep(100);
      rmdirSync(path);
    },
  };
}
