import { expect, test, vi } from "vitest";
import { createProductRig } from "./product-rig.ts";

vi.setConfig({ testTimeout: 600_000 });

/** Twenty sessions need 60 processes and longer than a run of all tests has, so this belongs to the full run. */
const count = 20;

test.runIf(process.env["FULL"]).each([
  ["in all", 5, { tickets: { max_sessions: 5 } }],
  ["in their repository", 3, { tickets: { max_sessions: 5 }, maxInRepository: 3 }],
])(
  `of ${count} approved tickets no more than the limit %s run at once (%i), and each reaches its result once`,
  async (_, limit, options) => {
    const rig = await createProductRig(options);
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
