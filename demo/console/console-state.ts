/** What happens to the webhooks of the next change made in the console. */
export type WebhookFate = "arrive" | "drop" | "double" | "delay";

/** The demo's state as the console shows it. The console's script is type-checked against this file. */
export interface ConsoleState {
  fate: WebhookFate;
  /** The stopped systems. */
  outages: string[];
  /** Number of restarts of Groundcrew. */
  restarts: number;
  /** The story has ended: what happens from now on is the person's own doing. */
  isOver: boolean;
  tally: TallyResult;
  projects: { identifier: string; name: string }[];
  /** Who can get a task: the agents that do tasks first, then the human. */
  people: { id: string; name: string }[];
  /** The tasks that can be moved. */
  tasks: { id: string; key: string; title: string }[];
}

/** Lost and repeated notifications, computed from the simulated Plane and Telegram only, not from Groundcrew's own data. */
export interface TallyResult {
  /** Number of completions in Plane since the start. */
  completed: number;
  /** Number of completions that the chat shows. */
  told: number;
  /** Keys of completed tasks that the chat does not show: not sent yet, or lost. */
  missing: string[];
  /** Keys of tasks that the chat shows more often than they were completed. Marked repeats do not count. */
  doubled: string[];
  /** Number of messages that are marked as a possible repeat. */
  marked: number;
}
