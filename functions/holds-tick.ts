import type { Tick } from "../shared/app/deps.ts";
import { shortenExcessiveHolds } from "../shared/app/long-holds.ts";

/**
 * Shortens holds by rate limits, and the waits of jobs for them, that are longer than Groundcrew allows: those that an
 * earlier version stored. No request to Plane or Telegram.
 */
export const holdsTick: Tick = {
  name: "holds",
  cron: () => "* * * * *",
  sideBySide: true,
  async run({ store, kick }) {
    const shortened = await shortenExcessiveHolds(store);
    if (shortened > 0) kick();
    return { shortened };
  },
};
