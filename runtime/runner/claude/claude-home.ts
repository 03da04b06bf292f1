/**
 * The home of Claude Code in a box: what the person has set up, and a conversation of its own, so that nothing that one
 * session writes counts for another one, or for the person who runs Claude Code on this machine.
 */

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { makePrivateFolder, writePrivateFile } from "../../node/files.ts";
import { toHostAndPort } from "../box.ts";
import type { BoxedHome, DriverContext } from "../driver.ts";
import type { SessionPaths, SessionRecord } from "../session-folder.ts";
import { isTrusted, readAnswers } from "./check-claude.ts";

/** What a person has set up for Claude Code, which sessions read. */
const USER_FILES = ["settings.json", "CLAUDE.md", "agents", "commands", "output-styles", "plugins", "rules", "skills"];

/** Answers of a person to Claude Code that sessions need; the rest is about other projects. */
const ANSWERS = ["hasCompletedOnboarding", "customApiKeyResponses", "oauthAccount", "userID", "theme"];

/** Claude Code writes it when it renews its log-in. */
const CREDENTIALS = ".credentials.json";

/** Where Claude Code reaches its model and renews its log-in, unless its environment names another address. */
const MODEL_HOSTS = ["api.anthropic.com:443", "console.anthropic.com:443", "platform.claude.com:443"];

/** The home of Claude Code in a session's folder. */
export function getClaudeHome(folder: string): string {
  return join(folder, "claude");
}

/** Creates the home for a session, anew at each launch but for its conversations. */
export function createClaudeHome(
  env: DriverContext["env"],
  { repository, worktree }: SessionRecord,
  { folder: sessionFolder }: SessionPaths,
): BoxedHome {
  const folder = getClaudeHome(sessionFolder);
  const users = env["CLAUDE_CONFIG_DIR"] ?? join(env["HOME"] ?? homedir(), ".claude");
  makePrivateFolder(folder);
  const answers = readAnswers(env);
  const kept = Object.fromEntries(Object.entries(answers ?? {}).filter(([name]) => ANSWERS.includes(name)));
  // A clone is a repository of its own to Claude Code; it is trusted only where a person has trusted its origin.
  const projects = isTrusted(answers, repository) ? { [worktree]: { hasTrustDialogAccepted: true } } : {};
  writePrivateFile(join(folder, ".claude.json"), JSON.stringify({ ...kept, projects }));
  const model = env["ANTHROPIC_BASE_URL"];
  return {
    folder,
    env: { CLAUDE_CONFIG_DIR: folder },
    placed: USER_FILES.flatMap((name) =>
      existsSync(join(users, name)) ? [[join(users, name), join(folder, name)]] : [],
    ),
    shared: [[join(users, CREDENTIALS), join(folder, CREDENTIALS)]],
    hosts: model ? toHostAndPort(model) : MODEL_HOSTS,
  };
}
