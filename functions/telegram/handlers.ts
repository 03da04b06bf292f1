import { agent } from "./commands/agent.ts";
import { approve } from "./commands/approve.ts";
import { assign } from "./commands/assign.ts";
import { block } from "./commands/block.ts";
import { cancel } from "./commands/cancel.ts";
import { digest } from "./commands/digest.ts";
import { help } from "./commands/help.ts";
import { mute } from "./commands/mute.ts";
import { make } from "./commands/new.ts";
import { project } from "./commands/project.ts";
import { reject } from "./commands/reject.ts";
import { status } from "./commands/status.ts";
import { task } from "./commands/task.ts";
import { unblock } from "./commands/unblock.ts";
import { unmute } from "./commands/unmute.ts";
import type { Command, Press, Reply } from "./handler.ts";
import { pressVerdict } from "./live/judged.ts";
import { pressChoice, replyToLive } from "./live/pressed.ts";
import { folded } from "./match.ts";
import { turnPage } from "./pages.ts";
import { pickOf } from "./pick.ts";

/** What can be asked for with `/plane`. */
export const COMMANDS: readonly Command[] = [
  ...[status, project, agent, task],
  ...[make, assign, block, unblock, cancel, approve, reject],
  ...[mute, unmute, digest, help],
];

/** The command of this word. */
export function commandCalled(word: string): Command | undefined {
  const wanted = folded(word);
  return COMMANDS.find(({ name, also }) => name === wanted || also.some((other) => folded(other) === wanted));
}

/** What buttons do, by the verb their data begins with. */
export const PRESSES: Readonly<Record<string, Press>> = {
  page: turnPage,
  pick: pickOf(commandCalled),
  ask: pressChoice,
  review: pressVerdict,
};

/** What replies to messages of ours do: the first that knows the message answers. */
export const REPLIES: readonly Reply[] = [replyToLive];
