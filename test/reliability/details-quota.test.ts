import { expect, test } from "vitest";
import { runAdoption } from "../../bench/adoption.ts";
import { runBusyTeam } from "../../bench/busy-team.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { IS_FULL_RUN } from "./random-source.ts";

// Before details were a state of the item, the busy team of 6 minutes on 120 tasks left 179 jobs, found 13 of 30 blocks and
// took 1,967 attempts for 224 requests.

test("reliability 28: 3 minutes after a busy team nothing waits, and blocks are found within a minute of a poll that could show them", async () => {
  const sizes = IS_FULL_RUN ? { tasks: 120, duration: 6 * MINUTE } : { tasks: 90, duration: 3 * MINUTE };
  const figures = await runBusyTeam({ ...sizes, agents: 5, pollInterval: MINUTE });
  console.info(`busy team: ${JSON.stringify(figures)}`);
  expect(figures).toMatchObject({ pendingJobs: 0, missedBlocks: 0, refusedRequests: 0 });
  expect(figures.blockDelays.length).toBeGreaterThan(5);
  expect(Math.max(...figures.blockDelays)).toBeLessThanOrEqual(60 * SECOND);
  expect(figures.attempts).toBeLessThanOrEqual(figures.detailsRequests);
}, 120_000);

test("reliability 28: with the default poll of five minutes, blocks of a busy team are found within a minute of a poll that could show them", async () => {
  const tasks = IS_FULL_RUN ? 200 : 120;
  const figures = await runBusyTeam({ tasks, duration: 10 * MINUTE, agents: 5, pollInterval: 5 * MINUTE });
  console.info(`busy team with a poll every 5 minutes: ${JSON.stringify(figures)}`);
  expect(figures).toMatchObject({ missedBlocks: 0, refusedRequests: 0 });
  expect(figures.blockDelays.length).toBeGreaterThan(20);
  expect(Math.max(...figures.blockDelays)).toBeLessThanOrEqual(60 * SECOND);
}, 120_000);

test("reliability 29: in a workspace of 1,200 items in 9 projects every agent's list is right within 3 minutes, no blocked task is shown as startable before, and nothing is written", async () => {
  const blockedTasks = [20, ...Array<number>(9).fill(10)];
  const figures = await runAdoption({ projects: 9, items: 1_200, blockedTasks });
  console.info(`adoption: ${JSON.stringify(figures)}`);
  expect(figures.listsRightAfter).toBeLessThanOrEqual(3 * MINUTE);
  expect(figures).toMatchObject({ wrongTasks: 0, writes: 0, refusedRequests: 0 });
  // Agents' tasks, and open items that the default rules could match; the others are read when they change.
  expect(figures.detailsRequests).toBeLessThanOrEqual(230);
  expect(figures.attempts).toBeLessThanOrEqual(2 * figures.detailsRequests);
}, 180_000);
