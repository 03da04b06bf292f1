/** How the script of a task differs from plain work. */
export interface TaskScript {
  /** A question to the human; the agent waits for the answer. */
  ask?: { text: string; choices: string[] };
  /** Confidence of the first result, 0 to 1. Default: 0.9. */
  confidence?: number;
  /** Confidence of a result that follows one that was sent back. Default: 0.9. */
  secondConfidence?: number;
}

/** Finds the script of a task by its title; undefined for plain work. */
export type FindTaskScript = (title: string) => TaskScript | undefined;
