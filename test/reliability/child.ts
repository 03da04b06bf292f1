import { z } from "zod";
import { nodeFiles, readEnvironment } from "../../runtime/node/files.ts";
import { startRuntime } from "../../runtime/start-runtime.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { Store } from "../../shared/store/port.ts";
import { type CrashPoint, createCrashingProcess } from "../support/crashing-process.ts";
import { createTestManifest, NO_LIMITS } from "./test-manifest.ts";

/** Options of a test that are not settings, as JSON in the first argument. */
const childOptions = z
  .object({
    burst: z.number().exactOptional(),
    /** Lease of a job in ms. */
    ttl: z.number().exactOptional(),
    /** Delay of requested polls in ms. */
    collect: z.number().exactOptional(),
    /** False removes the poll, so that changes are found through webhooks only. */
    poll: z.boolean().default(true),
    /** An agent's requests to Plane do not wait a second for each other. */
    unpaced: z.boolean().default(false),
    /** The effect, which is a commit or a request, before or after which this process kills itself, as by `kill -9`. */
    crash: z
      .object({
        when: z.enum(["before", "after"]),
        nth: z.number(),
        /** Effects are counted from the first one that contains this text. */
        from: z.string().default(""),
      })
      .exactOptional(),
  })
  .parse(JSON.parse(process.argv[2] ?? "{}"));

const parsed = parseSettings(readEnvironment(), nodeFiles);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const { settings } = parsed;
const { burst, ttl, collect, unpaced } = childOptions;
const manifest = createTestManifest({ limits: NO_LIMITS, ...omitUndefined({ burstWindow: burst }) }, ttl);
const productStore = await openStore(settings.store.url, { prefix: settings.store.prefix });
const openedStore = unpaced ? skipPace(productStore) : productStore;
const runtime = await startRuntime(settings, {
  manifest: childOptions.poll ? manifest : { ...manifest, ticks: manifest.ticks.filter(({ name }) => name !== "poll") },
  write: (line) => process.stdout.write(`${line}\n`),
  processMetrics: true,
  overrides: {
    ...(childOptions.crash ? crashAt(childOptions.crash, openedStore) : { store: openedStore }),
    ...omitUndefined({ poll: collect !== undefined ? { collectDelay: collect, retryDelay: 500 } : undefined }),
  },
});
process.on("SIGTERM", () => void runtime.stop().then(() => process.exit(0)));

/** Returns the store without the pace of an agent's requests to Plane. */
function skipPace(store: Store): Store {
  return {
    ...store,
    consume: (key, ...rest) => (key.startsWith("agent:") ? Promise.resolve(0) : store.consume(key, ...rest)),
  };
}

/** Wraps the store and fetch so that this process kills itself at an effect. */
function crashAt({ from, ...point }: CrashPoint & { from: string }, store: Store) {
  let isCounting = false;
  const isStep = (name: string, args: readonly unknown[]) => {
    if (name !== "commit" && name !== "fetch") return false;
    isCounting ||= from === "" || JSON.stringify(args).includes(from);
    return isCounting;
  };
  const crash = createCrashingProcess(point, isStep, () => process.kill(process.pid, "SIGKILL"));
  return { store: crash.wrap(store), fetch: crash.wrapFetch(fetch) };
}
