import { z } from "zod";
import { files, readEnvironment } from "../../runtime/node/files.ts";
import { startRuntime } from "../../runtime/node.ts";
import { openStore } from "../../runtime/stores/open.ts";
import { parseSettings } from "../../shared/config.ts";
import { manifestWith, NO_LIMITS } from "./manifest.ts";
import { mortal, STEPS } from "./mortal.ts";

/** What a test hands in and no setting says, as JSON in the first argument. */
const handed = z
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
    die: z.object({ step: z.enum(STEPS), nth: z.number() }).exactOptional(),
  })
  .parse(JSON.parse(process.argv[2] ?? "{}"));

const parsed = parseSettings(readEnvironment(), files);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const { settings } = parsed;
const { burst, gather, ttl, collect, die } = handed;
const manifest = manifestWith(
  {
    limits: NO_LIMITS,
    ...(burst !== undefined && { burst }),
    ...(gather !== undefined && { gather }),
  },
  ttl,
);
const opened = await openStore(settings.store.url, { prefix: settings.store.prefix });
const { store, fetch: ask } = die
  ? mortal(opened, die, () => process.kill(process.pid, "SIGKILL"))
  : { store: opened, fetch };
const runtime = await startRuntime(settings, {
  manifest: handed.poll ? manifest : { ...manifest, ticks: manifest.ticks.filter(({ name }) => name !== "poll") },
  write: (line) => process.stdout.write(`${line}\n`),
  ofProcess: true,
  overrides: { store, fetch: ask, ...(collect !== undefined && { poll: { collect, again: 500 } }) },
});
process.on("SIGTERM", () => void runtime.stop().then(() => process.exit(0)));
