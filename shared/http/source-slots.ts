interface SourceSlotsOptions {
  /** Limit of slots that one source holds at once. */
  perSource: number;
  /** Limit of all slots; a further one displaces the slot that has been held longest. Default: none. */
  total?: number;
}

export interface SourceSlots {
  /**
   * Takes a slot and returns the function that frees it; undefined when the source holds all of its slots.
   * @param onDisplaced called when another source takes the slot
   */
  take(source: string, onDisplaced?: () => void): (() => void) | undefined;
}

interface Slot {
  source: string;
  onDisplaced: (() => void) | undefined;
}

/** Creates slots for costly work that many sources request, so that none of them keeps the others from it. */
export function createSourceSlots({ perSource, total = Number.POSITIVE_INFINITY }: SourceSlotsOptions): SourceSlots {
  /** In the order in which they were taken. */
  const slots = new Set<Slot>();
  const countSlots = (source: string) => [...slots].filter((slot) => slot.source === source).length;

  return {
    take(source, onDisplaced) {
      if (countSlots(source) >= perSource) return undefined;
      const [oldest] = slots;
      if (slots.size >= total && oldest) {
        slots.delete(oldest);
        oldest.onDisplaced?.();
      }
      const slot: Slot = { source, onDisplaced };
      slots.add(slot);
      return () => void slots.delete(slot);
    },
  };
}
