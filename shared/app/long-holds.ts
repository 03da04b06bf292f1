import type { ComponentHealth } from "../health.ts";
import type { BucketHold } from "../store/bucket-operations.ts";
import type { Queue } from "../store/job-operations.ts";
import type { Store } from "../store/port.ts";
import { type HeldSystem, LONG_HOLD_MS, MAX_HOLD_MS } from "../store/rate-limit-hold.ts";
import { MINUTE, type Ms } from "../time.ts";

/** Time until the last long hold of each system ends; a system without one is absent. */
export type LongHolds = Partial<Record<HeldSystem, Ms>>;

/** The queues whose jobs wait for the system. */
const QUEUES_OF: Record<HeldSystem, readonly Queue[]> = {
  plane: ["observe", "work", "updates"],
  telegram: ["outbox"],
};

const SYSTEM_NAMES: Record<HeldSystem, string> = { plane: "Plane", telegram: "Telegram" };

const HELD_SYSTEMS = ["plane", "telegram"] as const satisfies readonly HeldSystem[];

/** Reads which systems are held for longer than normal: an API key of Plane; a chat of Telegram or its polls. */
export async function readLongHolds(store: Pick<Store, "listHolds" | "now">): Promise<LongHolds> {
  const [holds, now] = await Promise.all([store.listHolds(), store.now()]);
  const longHolds: LongHolds = {};
  for (const { bucket, until, needsProbe } of holds) {
    const system = findSystem(bucket);
    const left = until - now;
    if (!system || left <= 0 || !(needsProbe || left > LONG_HOLD_MS)) continue;
    longHolds[system] = Math.max(longHolds[system] ?? 0, Math.min(left, MAX_HOLD_MS[system]));
  }
  return longHolds;
}

/** Adds a long hold to the health of its system, which is unavailable meanwhile. */
export function addLongHold(health: ComponentHealth, system: HeldSystem, left: Ms | undefined): ComponentHealth {
  if (left === undefined) return health;
  const minutes = Math.ceil(left / MINUTE);
  const error = `${SYSTEM_NAMES[system]} asked to wait (429): nothing is sent for another ${minutes} min`;
  return { ...health, ok: false, error, hold_s: Math.ceil(left / 1000) };
}

/**
 * Ends the holds of a system, or shortens them to `max`. Then one request of each, the probe, is sent, and its success
 * releases the others. Jobs that wait for longer are tried again at that time. Returns the number of changed holds.
 */
export async function shortenHolds(
  store: Pick<Store, "listHolds" | "limitHold" | "advanceRetries" | "now">,
  system: HeldSystem,
  max: Ms,
): Promise<number> {
  const isOwn = ({ bucket }: BucketHold) => findSystem(bucket) === system;
  const buckets = (await store.listHolds()).filter(isOwn).map(({ bucket }) => bucket);
  const changes = await Promise.all(buckets.map((bucket) => store.limitHold(bucket, max)));
  const latest = (await store.now()) + max;
  await Promise.all(QUEUES_OF[system].map((queue) => store.advanceRetries(queue, latest)));
  return changes.filter(Boolean).length;
}

/** Shortens holds and waiting times that an earlier version stored to the limits of today. */
export async function shortenExcessiveHolds(store: Parameters<typeof shortenHolds>[0]): Promise<number> {
  const counts = await Promise.all(HELD_SYSTEMS.map((system) => shortenHolds(store, system, MAX_HOLD_MS[system])));
  return counts.reduce((sum, count) => sum + count, 0);
}

function findSystem(bucket: string): HeldSystem | undefined {
  return HELD_SYSTEMS.find((system) => bucket.startsWith(`${system}:`));
}
