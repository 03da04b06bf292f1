import { Gauge, type Registry } from "prom-client";
import type { Store } from "../../shared/store/port.ts";
import { clearMetric } from "./clear-metric.ts";

interface StoreGaugesOptions {
  store: Pick<Store, "readCapacity">;
  registry: Registry;
}

/** Creates the gauges about the store itself, which have values also while it does not answer. */
export function createStoreGauges({ store, registry }: StoreGaugesOptions) {
  const registers = [registry];
  const up = new Gauge({
    name: "groundcrew_store_up",
    help: "1 when the store answers and can be written.",
    registers,
  });
  const memoryRatio = new Gauge({
    name: "groundcrew_store_memory_used_ratio",
    help: "Used share of Redis' `maxmemory`, from 0 to 1; absent without a limit.",
    labelNames: ["engine"],
    registers,
  });
  const diskFree = new Gauge({
    name: "groundcrew_store_disk_free_bytes",
    help: "Free space of the disk with the embedded store; absent with Redis.",
    labelNames: ["engine"],
    registers,
  });

  async function updateCapacity(): Promise<void> {
    for (const gauge of [memoryRatio, diskFree]) clearMetric(gauge);
    const { memory, disk } = await store.readCapacity();
    if (memory) memoryRatio.set({ engine: "redis" }, memory.used / memory.limit);
    if (disk) diskFree.set({ engine: "file" }, disk.free);
  }

  return {
    async update(isUp: boolean): Promise<void> {
      up.set(isUp ? 1 : 0);
      // A store whose capacity is unknown may still work, for example a Redis that does not allow INFO.
      await updateCapacity().catch(() => {});
    },
  };
}
