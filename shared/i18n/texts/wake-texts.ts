/** Messages about agents that do not react to wakes. `{agent}` is the agent's name, `{tasks}` are task keys. */
export interface WakeTexts {
  /** The agent makes no call. */
  silent: string;
  /** The agent calls but finishes none of its tasks. */
  idle: string;
  /** Stands for the key of a request that has no task yet. */
  request: string;
}
