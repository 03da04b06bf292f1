import type { RefusalTexts } from "./refusal-texts.ts";

export const refusalTextsEn: RefusalTexts = {
  invalidKey: "“{key}” is not a valid task key. Use a key such as ONB-12.",
  unknownTask: "The task {task} does not exist in Plane, or Groundcrew has no access to it.",
  removedTask: "{task} was deleted or archived in Plane.",
  removedProject: "The project of {task} was archived or deleted in Plane, or Groundcrew has lost access to it.",
  unknownProject: "The project “{project}” was not found. Projects: {projects}.",
  foreignProject: "The project “{project}” exists already and was not created by Groundcrew. Choose another name.",
  archivedProject: "The project “{project}” is in Plane’s archive. Restore it in Plane, or choose another name.",
  takenProject: "Another project in Plane has the same name or identifier. Choose another one.",
  invalidProject: "Plane does not accept the project’s name or identifier. Use letters, digits and spaces.",
  existingTask:
    "“{title}” was created in {project} before and has been archived or deleted since. Use another title to create it again.",
  invalidTitle: "The title must have 1 to {limit} characters; this one has {n}.",
  invalidDate: "“{date}” is not a valid date. Use the form YYYY-MM-DD.",
  invalidGroup: "The name of a cycle or module must have 1 to {limit} characters.",
  invalidChange: "There is nothing to change, or the start date is after the due date.",
  textTooLong: "The text is too long. Shorten it, or attach it to the task as a file.",
  emptyText: "The text is empty.",
  unknownPerson: "Nobody in the Plane workspace is called “{name}”. Agents: {agents}.",
  ambiguousPerson: "Several people in the Plane workspace are called “{name}”. Use an e-mail address.",
  noAccount: "{agent} has no account in the Plane workspace. Invite it there first.",
  guest:
    "Plane does not accept {name} as the assignee of {task}. Make {name} a member of the project {project} in Plane.",
  noMemberRights:
    "Groundcrew’s Plane account cannot add members to {project}. Make it an admin of that project, or add the members yourself.",
  noState: "{project} has no state in Plane that means “{status}”. Add one in the project’s settings.",
  notInReview: "{task} is not in review; it is {status}.",
  ticketGone: "The ticket does not exist any more.",
  ticketClosed: "{task} was closed, removed or reassigned in Plane: its ticket is cancelled.",
  ticketNotPossible: "The ticket’s state does not allow this any more. Look at it again.",
  blockerLine:
    "The description of {task} names {blocker} in a “Blocked by” line inside other text. Edit the description in Plane.",
  blockerTwice: "{blocker} was to be added and removed at the same time.",
  blockerCycle: "{task} cannot depend on {blocker}: the tasks would block each other ({path}).",
  planner: "{agent}, which made this plan, is no longer a Concierge. Ask a Concierge to repeat the plan.",
  planAssignees: "The plan assigns tasks to someone who is not known in the Plane workspace.",
  statusNotSet: "{agent} could not set the task to {status}: {reason}",
  tokenOverridden:
    "{setting} comes from the environment, which overrides the secrets file. Replace it there; or remove it there, restart Groundcrew and try again.",
  tokenElsewhere:
    "Groundcrew manages no secrets file here. Replace AGENT_TOKEN_<AGENT> where the secrets are configured.",
  tokenNotReplaced:
    "The token of {agent} was not replaced, because the secrets file or its folder cannot be read or written now. The log has the reason.",
  failedJobGone: "This failed job no longer exists. It may have been requeued or discarded already.",
  commandsOff: "Commands are disabled. Set TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID and TELEGRAM_ALLOWED_USERS.",
  signInOff: "ADMIN_TOKEN is not set, so signing in is not possible. Set it and restart Groundcrew.",
  noHold: "No rate limit stops requests to {system} any more.",
  planeKey: "Plane refused the API key. Check the key in the settings.",
  planePermission: "Plane does not allow this. Check the role of the account in the workspace and in the project.",
  planeNotFound: "Plane did not find the object. It may have been deleted or archived.",
  planeConflict: "Plane already has an object like this.",
  planeInvalid: "Plane rejected the change ({detail}).",
  planeBusy: "The limit of requests to Plane is reached. Try again in {seconds} s.",
  planeUnavailable: "Plane did not respond. Check that it is running.",
  planeUnexpected: "Plane gave an unexpected response. Check its address and version, and any proxy in front of it.",
  internal: "Internal error; the log has the details under {id}.",
};
