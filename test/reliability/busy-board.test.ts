import { expect, test } from "vitest";
import { STOP_LIMIT_MS } from "../../bench/board-ledger.ts";
import { runBusyBoard } from "../../bench/busy-board.ts";
import { MINUTE } from "../../shared/time.ts";
import { IS_FULL_RUN } from "./random-source.ts";

test.skipIf(!IS_FULL_RUN)(
  "reliability 36, 37: on a busy board every remark is read before its task closes and a stop holds within 5 s, over lost webhooks, an absent Plane and kill -9",
  async () => {
    const figures = await runBusyBoard({
      agents: 3,
      duration: 3 * MINUTE,
      remarks: 18,
      itemsPerMinute: 8,
      stops: 4,
      kills: 2,
    });
    expect(figures.unheard).toEqual([]);
    expect(figures.doubled).toEqual([]);
    expect(Math.max(...figures.stopTimes)).toBeLessThanOrEqual(STOP_LIMIT_MS);
    expect(figures.lostCompletions).toBe(0);
  },
  15 * MINUTE,
);
