import { expect, test, vi } from "vitest";
import { createProductRig } from "./product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

/** Twenty sessions need 60 processes and longer than a run of all tests has, so this belongs to the full run. */
const { count, limit } = { count: 20, limit: 5 };

test.runIf(process.env["FULL"])(
  `of ${count} approved tickets at most ${limit} run at once, and each reaches its result once`,
  async () => {
    const rig = await createProductRig({ tickets: { max_sessions: limit } });
    const steps = [
      "run echo $GROUNDCREW_TICKET >> $HOME/started.txt",
      "run echo $GROUNDCREW_TICKET > $GROUNDCREW_COMPLETION_FILE",
    ];
    const keys: string[] = [];
    for (let i = 0; i < count; i += 1) keys.push((await rig.addTicket(steps)).key);
    await Promise.all(keys.map((key) => rig.call(`/api/approve/${key}`, "POST", {})));
    let most = 0;
    const readSummaries = async () => {
      most = Math.max(most, rig.host.tmux("list-sessions").split("\n").filter(Boolean).length);
      const { tickets } = await rig.call("/api/completed-tickets");
      return tickets.map(({ id, summary }: { id: string; summary: string }) => [id, summary]).sort();
    };
    await rig.waitFor(readSummaries, 300_000).toEqual(keys.map((key) => [key, key]).sort());
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(limit);
    expect(rig.host.readHome("started.txt").trim().split("\n").sort()).toEqual(keys.toSorted());
  },
);
