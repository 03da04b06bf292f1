import { expect, test } from "vitest";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { readCard } from "../../../shared/tasks/card-record.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

test.each([
  ["fr", "en", "Progress:</strong> 60 %"],
  ["en", "fr", "Avancement\u00a0:</strong> 60\u202f%"],
])(
  "after LOCALE changed from %s to %s, with the store lost or kept, there is one card with its values",
  async (before, after, shown) => {
    for (const store of ["kept", "lost"] as const) {
      const app = await createAgentTestApp({ setUpPlane: () => ({ LOCALE: before }) });
      const item = app.addTask("Write it down", "Thot", { state: "In Progress" });
      await app.runFirstPoll();
      await app.actAs("Thot").startTimer("ONB-1");
      app.advance(600_000);
      await app.actAs("Thot").stopTimer("ONB-1");
      await app.actAs("Thot").report("ONB-1", { percent: 40, cost: 1.5, confidence: 0.6 });
      await app.runUntilIdle();
      await app.restart({ store, env: { LOCALE: after } });
      await app.poll();
      await app.actAs("Thot").report("ONB-1", { percent: 60 });
      await app.runUntilIdle();
      const cards = app.plane.comments(item).filter(({ external_id }) => external_id?.startsWith("card:"));
      expect(cards).toHaveLength(1);
      expect(cards[0]?.comment_html).toContain(shown);
      expect(await readCard(app.deps, item.id)).toMatchObject({ percent: 60, cost: 1.5, confidence: 0.6 });
      // After losing the store, the next call is a new claim, whose timer runs.
      const { spent } = await readTaskTimes(app.deps, item.id);
      expect(spent).toBeGreaterThanOrEqual(600_000);
      expect(spent).toBeLessThan(store === "kept" ? 600_001 : 660_000);
    }
  },
);
