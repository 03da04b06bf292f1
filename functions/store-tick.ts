import type { Tick } from "../shared/app/deps.ts";
import { getErrorMessage } from "../shared/errors.ts";
import type { StoreKey } from "../shared/store/port.ts";

const probeKey: StoreKey = "store-probe";
/** Size of a probe: 8 KiB, more than most webhooks need, because a nearly full store may accept only smaller writes. */
const PROBE_SIZE = 8 * 1024;

/**
 * MONITOR-01: writes a probe to the store and reads its capacity for `/health`, `/ready`, the metrics and the page. It
 * runs every 15 s: a failure is reported after the first failed probe, its end after two that were written, so both
 * within a minute.
 */
export const storeTick: Tick = {
  name: "store",
  cron: () => "*/15 * * * * *",
  sideBySide: true,
  async run({ store, storeHealth, clock, log }) {
    try {
      storeHealth.recordCapacity(await store.readCapacity());
    } catch (thrown) {
      storeHealth.recordCapacity({});
      log.debug("the store's capacity is unknown", { error: getErrorMessage(thrown) });
    }
    try {
      await store.commit({ put: [{ key: probeKey, value: { at: clock(), text: "-".repeat(PROBE_SIZE) } }] });
    } catch {
      // The store's wrapper has recorded and logged the failure.
      return { failed: 1 };
    }
    storeHealth.recordProbeSuccess();
    return { failed: 0 };
  },
};
