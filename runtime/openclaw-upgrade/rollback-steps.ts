import { createReadStream, existsSync } from "node:fs";
import { reportOk } from "../../functions/doctor/check.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { hashChunks } from "../node/hash-chunks.ts";
import type { Deadline } from "./deadline.ts";
import { type Finding, reportSkipped } from "./finding.ts";
import { waitForGateway } from "./probe-gateway.ts";
import { checkOldVersion } from "./smoke-test.ts";
import type { UpgradeContext } from "./upgrade-context.ts";
import type { UpgradeRecord } from "./upgrade-record.ts";

/** Limit of a whole rollback: less than 2 minutes. */
export const ROLLBACK_LIMIT: Ms = 120 * SECOND;

/**
 * Timeouts of the steps back, which add up to less than the limit. OpenClaw 2026.9 waits up to 5 minutes for its runs
 * when it is asked to stop, so it is killed; 2026.2 took 8 to 40 s to start on two busy cores.
 */
export const ROLLBACK_TIMEOUTS = {
  stop: 15 * SECOND,
  unpin: 2 * SECOND,
  restore: 30 * SECOND,
  start: 60 * SECOND,
  verify: 10 * SECOND,
} as const satisfies Record<string, Ms>;

interface RollbackStep {
  name: keyof typeof ROLLBACK_TIMEOUTS;
  title: (record: Pick<UpgradeRecord, "from" | "backup">) => string;
  run: (context: UpgradeContext, record: UpgradeRecord, deadline: Deadline) => Promise<Finding[]>;
}

/** The steps back, in order. Each can run again after it was interrupted. */
export const ROLLBACK_STEPS: readonly RollbackStep[] = [
  {
    name: "stop",
    title: () => "stop OpenClaw",
    async run({ driver }, _record, deadline) {
      await driver.stop(deadline.remaining());
      return [];
    },
  },
  {
    name: "unpin",
    title: ({ from }) => `pin ${from} again`,
    async run({ driver }, { from }) {
      driver.pin(from);
      return [];
    },
  },
  {
    name: "restore",
    title: ({ backup }) =>
      backup ? "restore state and workspaces from the backup" : "keep the state, which is unchanged",
    run: restoreBackup,
  },
  {
    name: "start",
    title: ({ from }) => `start ${from}`,
    async run(context, _record, deadline) {
      await context.driver.start(deadline.remaining());
      return [await waitForGateway(context, deadline)];
    },
  },
  {
    name: "verify",
    title: ({ from }) => `check that the gateway answers and ${from} is pinned`,
    run: (context, { from }, deadline) => checkOldVersion(context, from, deadline),
  },
];

async function restoreBackup(
  { driver }: UpgradeContext,
  record: UpgradeRecord,
  deadline: Deadline,
): Promise<Finding[]> {
  const { backup } = record;
  // The steps before the new version's first start leave the state alone.
  if (!backup || !record.steps.some(({ name }) => name === "deploy"))
    return [reportSkipped("restore", "the new version had not touched the state")];
  if (!existsSync(backup.archive)) throw new Error(`the backup ${backup.archive} is missing; the state was left alone`);
  const sha256 = await hashChunks(createReadStream(backup.archive));
  if (sha256 !== backup.sha256)
    throw new Error(`the backup ${backup.archive} has changed since it was made; the state was left alone`);
  await driver.restore(backup.archive, deadline.remaining());
  return [reportOk("restore", `${backup.bytes} bytes from ${backup.archive}`)];
}
