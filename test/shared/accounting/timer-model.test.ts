import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { readAgentDays } from "../../../shared/accounting/history.ts";
import { readAllSpending } from "../../../shared/accounting/spending.ts";
import { type TimeEntriesRecord, toTaskTimes, trimTimeEntries } from "../../../shared/accounting/time-entries.ts";
import { createTimes, endEntries, prepareTimes, startEntry } from "../../../shared/accounting/timer.ts";
import type { ClaimRecord } from "../../../shared/records/claim-record.ts";
import { workKeys } from "../../../shared/records/store-keys.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../../../shared/time.ts";
import { createClaimDeps } from "../tasks/claims/claim-deps.ts";

const RUNS = process.env["FULL"] === undefined ? 40 : 5_000;
const AGENTS = ["Imhotep", "Thot"];
const CLAIM_MS = 15 * MINUTE;

type Step = { do: "claim"; agent: string } | { do: "start" | "stop" | "end" | "renew" } | { do: "pass"; ms: Ms };

const waits = fc.oneof(fc.nat(3 * SECOND), fc.nat(20 * MINUTE), fc.constant(9 * HOUR));
const step = fc.oneof(
  fc.constantFrom(...AGENTS).map((agent): Step => ({ do: "claim", agent })),
  fc.constantFrom("start", "stop", "end", "renew").map((what): Step => ({ do: what })),
  { weight: 2, arbitrary: waits.map((ms): Step => ({ do: "pass", ms })) },
);

/** The seconds in which somebody worked, as a person with a stopwatch would note them. */
function createStopwatch() {
  const spans: { agent: string; from: Ms; to: Ms }[] = [];
  let running: { agent: string; from: Ms } | undefined;
  return {
    start(agent: string, at: Ms) {
      running ??= { agent, from: at };
    },
    stop(at: Ms) {
      if (running) spans.push({ ...running, to: at });
      running = undefined;
    },
    sum: (agent: string, at: Ms) =>
      [...spans, ...(running ? [{ ...running, to: at }] : [])]
        .filter((span) => span.agent === agent)
        .reduce((total, { from, to }) => total + Math.floor((to - from) / SECOND) * SECOND, 0),
  };
}

test(`The time spent is that of a stopwatch, whatever claims, starts, stops and expiries come in which order (${RUNS} runs)`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      let now = Date.parse("2026-11-21T20:00:00Z");
      let fence = 1;
      let claim: ClaimRecord | undefined;
      const store = createMemoryStore({ clock: () => now });
      const deps = await createClaimDeps(store, () => now);
      const project = { id: "project", identifier: "ONB" };
      const watch = createStopwatch();
      const change = async (next: (times: TimeEntriesRecord) => TimeEntriesRecord) => {
        const [before] = await store.read<TimeEntriesRecord>([workKeys.time("item")]);
        const value = next(before?.value ?? createTimes({ key: "ONB-1", project }));
        // The same change is prepared twice, as after a lost race; one of both is written.
        await prepareTimes(deps, { id: "item", project }, before, value);
        const writes = await prepareTimes(deps, { id: "item", project }, before, value);
        expect(await store.commit(writes)).toBe("committed");
      };
      const end = async (ended: ClaimRecord, at: Ms) => {
        await change((times) => endEntries(times, ({ agent }) => agent === ended.agent, at));
        watch.stop(at);
        claim = undefined;
      };
      for (const one of steps) {
        if (one.do === "pass") now += one.ms;
        if (claim && claim.until <= now) await end(claim, claim.until);
        const held = claim;
        if (one.do === "claim" && !held) {
          const times = { since: now, until: now + CLAIM_MS, renewedAt: now };
          const ids = { item: "item", project: "project", agent: one.agent, fence: fence++ };
          claim = { ...ids, ...times, expectedStatuses: [] };
        }
        if (!held) continue;
        if (one.do === "renew") claim = { ...held, until: now + CLAIM_MS };
        if (one.do === "end") await end(held, now);
        if (one.do === "start") {
          await change((times) => startEntry(times, held, now));
          watch.start(held.agent, now);
        }
        if (one.do === "stop") {
          await change((times) => endEntries(times, () => true, now));
          watch.stop(now);
        }
      }
      const [record] = await store.read<TimeEntriesRecord>([workKeys.time("item")]);
      const seen = toTaskTimes(record?.value, claim, now);
      const spending = await readAllSpending(store);
      for (const agent of AGENTS) {
        expect(seen.totals[agent] ?? 0).toBe(watch.sum(agent, now));
        const counted = spending.find((entry) => entry.agent === agent)?.ms ?? 0;
        expect(counted).toBe(seen.stopped[agent] ?? 0);
        const days = await readAgentDays(deps, agent, 30);
        expect(days.reduce((sum, { ms }) => sum + ms, 0)).toBe(counted);
      }
      expect(seen.entries.reduce((sum, { ms }) => sum + ms, 0)).toBe(seen.spent);
      const wall = seen.entries.map(({ from, to }) => [from, to ?? now] as const);
      expect(wall.every(([from, to], i) => from <= to && from >= (wall[i - 1]?.[1] ?? 0))).toBe(true);
    }),
    { numRuns: RUNS },
  );
});

test("Dropping old entries keeps every sum", () => {
  const entries = Array.from({ length: 520 }, (_, i) => ({
    ...{ agent: AGENTS[i % 2] ?? "", fence: 1, from: i * MINUTE, to: i * MINUTE + ((i * 7_919) % MINUTE) },
  }));
  const times = { task: "ONB-1", project: "ONB", entries, carried: { Thot: 5_000 } };
  const trimmed = trimTimeEntries(times);
  expect(trimmed.entries.length).toBeLessThanOrEqual(500);
  expect(toTaskTimes(trimmed, undefined, 0).totals).toEqual(toTaskTimes(times, undefined, 0).totals);
});
