/** Forms of stored values and jobs that the fixture lacks, because version 0.1 wrote none or did not have them. */
export const FORMS_NOT_IN_FIXTURE: readonly string[] = [
  // The time of an item's last read, which expires after an hour.
  "key read",
  // Whose details were read last.
  "key details-positions",
  // An agent's last call, which version 0.1 read but never wrote.
  "key seen",
  // The message that an agent does not react to its wakes.
  "job unresponsive",
  // Mark that an agent works on an item that existed before.
  "key managed",
  // The last read of a task's comments, activities and attachments.
  "key task-details",
  // An agent's time and cost of a calendar day.
  "key agentday",
  // The tasks of a cycle.
  "key cycle-items",
  // The tasks that a message is about, for replies to it.
  "key about",
  // What people wrote about a task to its agents.
  "key remarks",
  // The event that a task in review was sent back.
  "job review",
];
