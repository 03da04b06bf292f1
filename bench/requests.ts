import type { Item } from "../simulators/plane/types.ts";
import { createBenchFolder } from "./bench-folder.ts";
import { type BenchChild, startChild } from "./child.ts";
import { formatCount } from "./figures.ts";
import { type BenchSimulators, fillWorkspace, startSimulators } from "./simulators.ts";
import { START_FLAGS } from "./start-flags.ts";
import type { BenchLine } from "./table.ts";
import { waitUntilIdle } from "./wait.ts";

export interface RequestSizes {
  agents: number;
  projects: number;
  /** Work items of each project. */
  items: number;
  /** Number of items that change between two ticks. */
  changed: number;
}

/** Counts the requests of one tick, without webhooks, in the ledger of the simulated Plane. */
export async function benchRequests(sizes: RequestSizes): Promise<BenchLine[]> {
  const { agents, projects, items, changed } = sizes;
  const simulators = await startSimulators();
  const { filled, config } = fillWorkspace(simulators, sizes);
  simulators.useCurrentTime();
  const folder = createBenchFolder(config);
  const env = { ...simulators.env, ...folder.env };
  const product = await startChild("product.ts", { args: ["whole"], env, flags: START_FLAGS });
  try {
    // The product begins with a poll of the whole workspace by itself.
    await product.ask("poll");
    await waitUntilIdle(product);
    const size = `${agents} agents × ${projects} projects × ${formatCount(items)} items`;
    const unchangedTick = await countTickRequests(simulators, product);
    const allItems = filled.flatMap((project) => project.items);
    const changedItems = allItems.filter((_, i) => i % Math.floor(allItems.length / changed) === 0).slice(0, changed);
    for (const [i, item] of changedItems.entries()) applyChange(simulators, item, i);
    simulators.plane.runWorker();
    simulators.plane.deliveries.dropAll();
    const changedTick = await countTickRequests(simulators, product);
    const base = projects + 1;
    const pages = changedTick.lists - projects;
    const perChangedItem = changedTick.items / changed;
    const names = changedTick.all - base - pages - changedTick.items;
    return [
      {
        what: `requests to Plane per tick, nothing changed, ${size}`,
        ours: `${unchangedTick.all}`,
        aim: `projects + 1 = ${base}`,
        met: unchangedTick.all === base,
      },
      {
        what: `requests to Plane per tick, ${changed} items changed`,
        ours: `${changedTick.all} = ${base} + ${pages} pages + ${perChangedItem.toFixed(2)} per changed item + ${names} for names`,
        aim: "≤ 2 per changed item",
        met: perChangedItem <= 2 && names <= 1,
      },
    ];
  } finally {
    await product.kill();
    await simulators.stop();
    folder.remove();
  }
}

/** Makes one of the three most common changes, in turn. */
function applyChange({ plane }: BenchSimulators, item: Item, i: number) {
  if (i % 3 === 0) plane.editItem(item, { state: i % 2 === 0 ? "In Progress" : "Done" });
  else if (i % 3 === 1) plane.editItem(item, { name: `${item.name}, once more`, priority: "high" });
  else plane.addComment(item, "<p>Looks good.</p>");
}

/** Requests of one poll and its jobs. */
interface RequestCounts {
  all: number;
  /** Reads of a page of a project's items. */
  lists: number;
  /** Requests about a single item. */
  items: number;
}

async function countTickRequests({ plane }: BenchSimulators, product: BenchChild): Promise<RequestCounts> {
  const before = plane.ledger.requests.length;
  await product.ask("poll");
  await waitUntilIdle(product);
  const received = plane.ledger.requests.slice(before).filter(({ api }) => api);
  const countMatching = (pattern: RegExp) => received.filter(({ path }) => pattern.test(path)).length;
  return {
    all: received.length,
    lists: countMatching(/\/work-items\/(\?|$)/),
    items: countMatching(/\/work-items\/[0-9a-f-]{36}\//),
  };
}
