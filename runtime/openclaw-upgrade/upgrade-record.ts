import { z } from "zod";

const findingSchema = z.object({
  name: z.string(),
  status: z.enum(["ok", "warning", "failed", "skipped"]),
  detail: z.string(),
  todo: z.string().optional(),
});

const stepSchema = z.object({
  name: z.string(),
  status: z.enum(["started", "done", "failed"]),
  startedAt: z.number(),
  endedAt: z.number().optional(),
  problem: z.string().optional(),
  findings: z.array(findingSchema).default([]),
});
export type StepRecord = z.infer<typeof stepSchema>;

const vulnerabilitySchema = z.object({ id: z.string(), package: z.string(), severity: z.string() });
const scanSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("scanned"), scanner: z.string(), found: z.array(vulnerabilitySchema) }),
  z.object({ kind: z.literal("not scanned"), why: z.string() }),
]);

/** Times of the smoke test and of spawned agents, before and after. Milliseconds; absent where unknown. */
const spawnSchema = z.object({
  turnMs: z.number().optional(),
  wakeMs: z.number().optional(),
  spawned: z
    .object({
      total: z.number(),
      failed: z.number(),
      mostAtOnce: z.number(),
      medianWaitMs: z.number().optional(),
      medianRunMs: z.number().optional(),
    })
    .optional(),
});
export type SpawnMetrics = z.infer<typeof spawnSchema>;

/**
 * One upgrade, as it is on the disk. `running`: not finished, continue or roll back. `refused`: it ended before anything
 * was changed. `rolling_back`: a rollback is not finished.
 */
export const upgradeRecordSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[0-9TZ-]{1,40}$/),
  from: z.string(),
  to: z.string(),
  driver: z.enum(["compose", "npm"]),
  state: z.enum(["running", "completed", "refused", "rolling_back", "rolled_back", "rollback_failed"]),
  startedAt: z.number(),
  endedAt: z.number().optional(),
  steps: z.array(stepSchema),
  rollbackSteps: z.array(stepSchema).default([]),
  backup: z.object({ archive: z.string(), sha256: z.string(), bytes: z.number(), ms: z.number() }).optional(),
  scans: z.object({ from: scanSchema, to: scanSchema }).optional(),
  spawn: z.object({ from: spawnSchema.optional(), to: spawnSchema.optional() }).default({}),
  /** Lines of the gateway's log that show a problem, cleaned and without secrets. */
  logLines: z.array(z.string()).default([]),
});
export type UpgradeRecord = z.infer<typeof upgradeRecordSchema>;

/** Steps from which on the installation differs from what it was before. */
const CHANGING_STEPS: ReadonlySet<string> = new Set(["backup", "pin", "deploy", "limits", "smoke"]);

/** Whether a step has begun that stops or changes OpenClaw. */
export function hasChangedInstallation({ steps }: UpgradeRecord): boolean {
  return steps.some(({ name }) => CHANGING_STEPS.has(name));
}
