/** What happens to the webhooks of the next change made in the console. */
export type WebhookFate = "arrive" | "drop" | "double" | "delay";

/** What the console shows of the demo's world; its script is checked against this. */
export interface ConsoleState {
  fate: WebhookFate;
  /** The parts that are stopped. */
  outages: string[];
  /** How often Groundcrew was started again. */
  restarts: number;
  tally: TallyResult;
  projects: { identifier: string; name: string }[];
  people: { id: string; name: string }[];
}

/** Lost and doubled by the ledgers of Plane and Telegram alone; Groundcrew itself is not asked. */
export interface TallyResult {
  /** How often a task was completed in Plane since the beginning. */
  completed: number;
  /** Those the chat shows. */
  told: number;
  /** Those it does not show: on their way, or lost. */
  missing: string[];
  /** Shown more often than they happened, by messages that do not say that they may be a repeat. */
  doubled: string[];
  /** Messages that say so. */
  marked: number;
}
