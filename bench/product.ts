import { manifest as whole } from "../functions/index.ts";
import { files, readEnvironment } from "../runtime/node/files.ts";
import { lineWriter } from "../runtime/node/lines.ts";
import { startRuntime } from "../runtime/node.ts";
import { openStore } from "../runtime/stores/open.ts";
import { parseSettings } from "../shared/config.ts";
import type { Store } from "../shared/store/port.ts";
import { answerParent } from "./child.ts";

/**
 * The product in a process of its own, with the settings its environment holds. `idle` as first argument: no queue is
 * worked, so that webhooks are kept and nothing else happens.
 */

const parsed = parseSettings(readEnvironment(), files);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const { settings } = parsed;
const isIdle = process.argv[2] === "idle";

/** When each item's notice came into the outbox: this clock's time by the item's id. */
const due: [item: string, at: number][] = [];

const opened = await openStore(settings.store.url, { prefix: settings.store.prefix });
const runtime = await startRuntime(settings, {
  manifest: isIdle ? { ...whole, workers: [], ticks: [] } : whole,
  write: lineWriter(process.stdout),
  ofProcess: true,
  overrides: { store: isIdle ? opened : watched(opened) },
});

answerParent({
  port: () => Number(new URL(runtime.url).port),
  stats: () => runtime.deps.store.stats(),
  memory: () => process.memoryUsage.rss(),
  poll: () => runtime.deps.ticks.fresh("poll"),
  due: () => due.splice(0),
});

/** The same store; what a commit brings into the outbox is noted once it is kept. */
function watched(store: Store): Store {
  return {
    ...store,
    async commit(commit) {
      const outcome = await store.commit(commit);
      if (outcome === "kept" && commit.jobs)
        for (const { queue, body } of commit.jobs) if (queue === "outbox") note(body);
      return outcome;
    },
  };
}

function note(body: unknown) {
  const { facts } = body as { facts?: { item?: { id: string } } };
  if (facts?.item) due.push([facts.item.id, Date.now()]);
}
