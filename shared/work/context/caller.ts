/**
 * Who acts: an agent by its name in the settings, or the human. The Concierge plans and hands out work; the human may
 * do everything and needs no claim.
 */
export interface Caller {
  name: string;
  role: "concierge" | "worker" | "human";
}
