/**
 * The reasons of refusals that people read, in Telegram, in comments and on the page. Agents, the log and the command line get the
 * error's own message, in English. Names are stored in events: they keep their meaning.
 */
export type RefusalName =
  | ("invalidKey" | "unknownTask" | "removedTask" | "removedProject" | "unknownProject")
  | ("foreignProject" | "archivedProject" | "takenProject" | "invalidProject" | "existingTask")
  | ("invalidTitle" | "invalidDate" | "invalidGroup" | "invalidChange" | "textTooLong" | "emptyText")
  | ("unknownPerson" | "ambiguousPerson" | "noAccount" | "guest" | "noMemberRights" | "noState")
  | (
      | "tokenOverridden"
      | "tokenElsewhere"
      | "tokenNotReplaced"
      | "failedJobGone"
      | "commandsOff"
      | "signInOff"
      | "noHold"
    )
  | ("notInReview" | "blockerLine" | "blockerTwice" | "blockerCycle" | "planner" | "planAssignees" | "statusNotSet")
  | ("ticketGone" | "ticketClosed" | "ticketNotPossible")
  | (
      | "planeKey"
      | "planePermission"
      | "planeNotFound"
      | "planeConflict"
      | "planeInvalid"
      | "planeBusy"
      | "planeUnavailable"
      | "planeUnexpected"
      | "internal"
    );

/**
 * Texts of refusals. `{task}` is a task's key, `{status}` a status, `{reason}` the text of another refusal, `{detail}`
 * what Plane answered, in English, `{seconds}` a wait.
 */
export type RefusalTexts = Record<RefusalName, string>;
