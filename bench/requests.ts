import type { Item } from "../demo/plane/types.ts";
import { type Child, startChild } from "./child.ts";
import { whole } from "./figures.ts";
import { START_FLAGS } from "./flags.ts";
import { makeFolder } from "./folder.ts";
import { fillWorkspace, type Outside, startOutside } from "./outside.ts";
import type { Line } from "./table.ts";
import { quiet } from "./watch.ts";

export interface RequestSizes {
  agents: number;
  projects: number;
  /** Work items of each project. */
  items: number;
  /** How many of them change between two ticks. */
  changed: number;
}

/** What Plane is asked for by one tick, by Plane's own ledger, with no webhook to help. */
export async function requests(sizes: RequestSizes): Promise<Line[]> {
  const { agents, projects, items, changed } = sizes;
  const outside = await startOutside();
  const { filled, config } = fillWorkspace(outside, sizes);
  outside.today();
  const folder = makeFolder(config);
  const env = { ...outside.env, ...folder.env };
  const product = await startChild("product.ts", { args: ["whole"], env, flags: START_FLAGS });
  try {
    // The start begins by itself with the first pass over everything.
    await product.ask("poll");
    await quiet(product);
    const size = `${agents} agents × ${projects} projects × ${whole(items)} items`;
    const still = await tick(outside, product);
    const all = filled.flatMap((one) => one.items);
    const touched = all.filter((_, i) => i % Math.floor(all.length / changed) === 0).slice(0, changed);
    for (const [i, item] of touched.entries()) change(outside, item, i);
    outside.plane.settle();
    outside.plane.deliveries.dropAll();
    const moved = await tick(outside, product);
    const base = projects + 1;
    const pages = moved.lists - projects;
    const each = moved.items / changed;
    const names = moved.all - base - pages - moved.items;
    return [
      {
        what: `requests to Plane per tick, nothing changed, ${size}`,
        ours: `${still.all}`,
        aim: `projects + 1 = ${base}`,
        met: still.all === base,
      },
      {
        what: `requests to Plane per tick, ${changed} items changed`,
        ours: `${moved.all} = ${base} + ${pages} pages + ${each.toFixed(2)} per changed item + ${names} for names`,
        aim: "≤ 2 per changed item",
        met: each <= 2 && names <= 1,
      },
    ];
  } finally {
    await product.kill();
    await outside.stop();
    folder.remove();
  }
}

/** The three changes that people make most. */
function change({ plane }: Outside, item: Item, i: number) {
  if (i % 3 === 0) plane.editItem(item, { state: i % 2 === 0 ? "In Progress" : "Done" });
  else if (i % 3 === 1) plane.editItem(item, { name: `${item.name}, once more`, priority: "high" });
  else plane.addComment(item, "<p>Looks good.</p>");
}

/** What one poll and everything it leads to asked for. */
interface Asked {
  all: number;
  /** Pages of a project's items. */
  lists: number;
  /** About a single item. */
  items: number;
}

async function tick({ plane }: Outside, product: Child): Promise<Asked> {
  const before = plane.ledger.requests.length;
  await product.ask("poll");
  await quiet(product);
  const asked = plane.ledger.requests.slice(before).filter(({ api }) => api);
  const those = (which: RegExp) => asked.filter(({ path }) => which.test(path)).length;
  return { all: asked.length, lists: those(/\/work-items\/(\?|$)/), items: those(/\/work-items\/[0-9a-f-]{36}\//) };
}
