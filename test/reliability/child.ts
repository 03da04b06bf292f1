import { z } from "zod";
import { nodeFiles, readEnvironment } from "../../runtime/node/settings-files.ts";
import { startRuntime } from "../../runtime/start-runtime.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { crashAtPipelineStep, PIPELINE_STEPS } from "./crash-at-pipeline-step.ts";
import { createTestManifest, NO_LIMITS } from "./test-manifest.ts";

/** What a test hands in and no setting says, as JSON in the first argument. */
const childOptions = z
  .object({
    burst: z.number().exactOptional(),
    gather: z.number().exactOptional(),
    /** The lease of a job. */
    ttl: z.number().exactOptional(),
    /** Polls asked for come so much later. */
    collect: z.number().exactOptional(),
    /** Without polls what is found was brought by webhooks alone. */
    poll: z.boolean().default(true),
    /** Where this process ends, by its own hand as by `kill -9`. */
    die: z.object({ step: z.enum(PIPELINE_STEPS), nth: z.number() }).exactOptional(),
  })
  .parse(JSON.parse(process.argv[2] ?? "{}"));

const parsed = parseSettings(readEnvironment(), nodeFiles);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const { settings } = parsed;
const { burst, gather, ttl, collect, die } = childOptions;
const manifest = createTestManifest(
  { limits: NO_LIMITS, ...omitUndefined({ burstWindow: burst, editDelay: gather }) },
  ttl,
);
const openedStore = await openStore(settings.store.url, { prefix: settings.store.prefix });
const { store, fetch: childFetch } = die
  ? crashAtPipelineStep(openedStore, die, () => process.kill(process.pid, "SIGKILL"))
  : { store: openedStore, fetch };
const runtime = await startRuntime(settings, {
  manifest: childOptions.poll ? manifest : { ...manifest, ticks: manifest.ticks.filter(({ name }) => name !== "poll") },
  write: (line) => process.stdout.write(`${line}\n`),
  processMetrics: true,
  overrides: {
    store,
    fetch: childFetch,
    ...omitUndefined({ poll: collect !== undefined ? { collectDelay: collect, retryDelay: 500 } : undefined }),
  },
});
process.on("SIGTERM", () => void runtime.stop().then(() => process.exit(0)));
