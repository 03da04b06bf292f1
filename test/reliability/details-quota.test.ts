import { expect, test, vi } from "vitest";
import { runAdoption } from "../../bench/adoption.ts";
import { runBusyTeam } from "../../bench/busy-team.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { IS_FULL_RUN, pickSize } from "./random-source.ts";

vi.setConfig({ testTimeout: 180_000 });

const WITH_KEYS = pickSize([false, true], [true]);

/** Blocks are found within a minute of a poll that could show them. */
test.each(WITH_KEYS)("reliability 28: after a busy team nothing waits (agents with keys: %s)", async (hasAgentKeys) => {
  const sizes = IS_FULL_RUN ? { tasks: 120, duration: 6 * MINUTE } : { tasks: 90, duration: 3 * MINUTE };
  const figures = await runBusyTeam({ ...sizes, agents: 5, pollInterval: MINUTE, hasAgentKeys });
  expect(figures).toMatchObject({ pendingJobs: 0, missedBlocks: 0, refusedRequests: 0 });
  expect(figures.blockDelays.length).toBeGreaterThan(5);
  expect(Math.max(...figures.blockDelays)).toBeLessThanOrEqual(60 * SECOND);
  expect(figures.attempts).toBeLessThanOrEqual(figures.detailsRequests);
});

/** Tasks that wait for another one, of each agent: the full run has 200. */
const BLOCKED_TASKS = IS_FULL_RUN ? Array<number>(10).fill(20) : [20, ...Array<number>(9).fill(10)];

const VERSIONS = IS_FULL_RUN ? (["1.3.1", "1.2.2"] as const) : (["1.3.1"] as const);

/** No blocked task is shown as startable before, nothing is written, and agents keep half of their requests. */
test.each(VERSIONS)("reliability 29: on Plane %s 1,200 items are adopted within 3 minutes", async (version) => {
  const figures = await runAdoption({ projects: 9, items: 1_200, blockedTasks: BLOCKED_TASKS, version });
  expect(figures.listsRightAfter).toBeLessThanOrEqual(3 * MINUTE);
  expect(figures).toMatchObject({ wrongTasks: 0, writes: 0, refusedRequests: 0 });
  expect(figures.busiestAgentMinute).toBeGreaterThan(0);
  expect(figures.busiestAgentMinute).toBeLessThanOrEqual(30);
  expect(figures.busiestKeyMinute).toBeLessThanOrEqual(60);
  // Reads of agents' tasks, and of open items that the default rules could match; others are read when they change.
  expect(figures.detailsRequests).toBeLessThanOrEqual(BLOCKED_TASKS.reduce((sum, count) => sum + count, 0) + 120);
  expect(figures.attempts).toBeLessThanOrEqual(2 * figures.detailsRequests);
});
