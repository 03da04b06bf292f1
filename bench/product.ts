import { manifest as fullManifest } from "../functions/index.ts";
import { nodeFiles, readEnvironment } from "../runtime/node/files.ts";
import { createLineWriter } from "../runtime/node/process.ts";
import { startRuntime } from "../runtime/start-runtime.ts";
import { openStore } from "../runtime/stores/open-store.ts";
import { parseSettings } from "../shared/config/settings.ts";
import type { Store } from "../shared/store/port.ts";
import { serveParent } from "./child.ts";

/**
 * Runs the product in its own process, with the settings of the environment. With `idle` as first argument no queue
 * runs: webhooks are only stored.
 */

const parsed = parseSettings(readEnvironment(), nodeFiles);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const { settings } = parsed;
const isIdle = process.argv[2] === "idle";

/** Times at which notifications came into the outbox, by the id of their work item. */
const dueTimes: [item: string, at: number][] = [];

const openedStore = await openStore(settings.store.url, { prefix: settings.store.prefix });
const runtime = await startRuntime(settings, {
  manifest: isIdle ? { ...fullManifest, jobHandlers: [], ticks: [] } : fullManifest,
  write: createLineWriter(process.stdout),
  processMetrics: true,
  overrides: { store: isIdle ? openedStore : watchOutbox(openedStore) },
});

serveParent({
  port: () => Number(new URL(runtime.url).port),
  stats: () => runtime.deps.store.stats(),
  memory: () => process.memoryUsage.rss(),
  poll: () => runtime.deps.ticks.runFresh("poll"),
  due: () => dueTimes.splice(0),
});

/** Returns the store with a `commit` that records the notifications that it adds to the outbox. */
function watchOutbox(store: Store): Store {
  return {
    ...store,
    async commit(commit) {
      const outcome = await store.commit(commit);
      if (outcome === "committed" && commit.jobs)
        for (const { queue, body } of commit.jobs) if (queue === "outbox") recordDue(body);
      return outcome;
    },
  };
}

function recordDue(body: unknown) {
  const { facts } = body as { facts?: { item?: { id: string } } };
  if (facts?.item) dueTimes.push([facts.item.id, Date.now()]);
}
