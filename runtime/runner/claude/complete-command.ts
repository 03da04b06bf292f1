/** The command /complete of Claude Code. */

import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * Claude knows a slash command only when a file of its name exists. The hook of the session answers `/complete` before
 * the model sees it; this text is used when Groundcrew cannot be reached. It must not contain a command, because Claude
 * pastes the arguments into it as text.
 */
const COMPLETE_COMMAND = `---
description: Completes the ticket of this Groundcrew session with a summary
argument-hint: <summary>
---
Groundcrew could not be reached. Write the summary below, unchanged, to the file whose path is in the environment variable
GROUNDCREW_COMPLETION_FILE; do nothing else. If that variable is not set, say that this is not a Groundcrew session.

Summary: $ARGUMENTS
`;

/** Creates the user's command `/complete` in Claude's folder. A command of this name that exists is kept. */
export async function installCompleteCommand(claudeFolder: string): Promise<void> {
  const folder = join(claudeFolder, "commands");
  const path = join(folder, "complete.md");
  if (existsSync(path)) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(path, COMPLETE_COMMAND, { flag: "wx", mode: 0o600 });
}
