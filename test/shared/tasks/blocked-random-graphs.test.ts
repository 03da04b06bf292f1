import { expect, test } from "vitest";
import type { DependencyBlockRecord } from "../../../shared/records/plane-records.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { createRandomSource, pickSize } from "../../reliability/random-source.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

const SEEDS = Array.from({ length: pickSize(40, 1) }, (_, i) => i + 1);
const STATES = ["Todo", "In Progress", "Blocked", "Blocked", "Done", "Cancelled"];

test.each(SEEDS)(
  "OPENCLAW-14 blocking converges whatever people relate and move, including cycles (seed %d)",
  async (seed) => {
    const app = await createAgentTestApp();
    const { plane } = app;
    plane.addState(app.onb, { name: "Blocked", group: "started" });
    const items = ["A", "B", "C", "D", "E"].map((name) => app.addTask(name, "Thot", { state: "Todo" }));
    app.advance(60_000);
    await app.runFirstPoll();
    const { below: roll } = createRandomSource(seed);
    const any = () => items[roll(items.length)] ?? "";
    for (let round = 0; round < pickSize(8, 5); round += 1) {
      for (let acts = 0; acts <= roll(3); acts += 1) {
        const [one, other] = [any(), any()];
        if (one === other) plane.editItem(one, { state: STATES[roll(STATES.length)] ?? "Todo" });
        else if (roll(3) === 0) plane.unrelate(one, other);
        else plane.relate(one, other);
        if (roll(2) === 0) plane.editItem(any(), { state: STATES[roll(STATES.length)] ?? "Todo" });
      }
      app.advance(1_000);
      for (let looks = 0; looks < 4; looks += 1) {
        app.advance(1_000);
        await app.poll();
        await app.runUntilIdle();
      }
      const states = () => items.map((item) => app.readPlaneItem(item).state);
      const [before, comments] = [states(), items.map((item) => app.readComments(item).length)];
      app.advance(1_000);
      await app.poll();
      await app.runUntilIdle();
      expect([states(), items.map((item) => app.readComments(item).length)]).toEqual([before, comments]);
      // No task stays blocked because of others without a cause outside its own dependants.
      for (const item of items) if (await byUs(item.id)) expect(await rooted(item.id, new Set())).toBe(true);
    }

    async function byUs(item: string): Promise<boolean> {
      const [stored] = await app.store.read<DependencyBlockRecord>([observedKeys.dependencyBlock(item)]);
      return stored?.value.phase === "blocked";
    }

    async function rooted(id: string, seen: Set<string>): Promise<boolean> {
      if (seen.has(id)) return false;
      seen.add(id);
      for (const blocker of plane.blockers(id)) {
        const { state } = app.readPlaneItem({ id: blocker });
        if (state === "Cancelled") return true;
        if (state === "Blocked" && (!(await byUs(blocker)) || (await rooted(blocker, seen)))) return true;
      }
      return false;
    }
  },
);
