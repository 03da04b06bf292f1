/** The environment of a session's processes, and the processes themselves, whichever CLI works in it. */

import { chmodSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Ms } from "../../shared/time.ts";
import { getProgramPath, makePrivateFolder, writePrivateFile } from "../node/files.ts";
import { endProcesses, findProcesses, pickVariables, quoteForShell } from "../node/programs.ts";
import type { SessionPaths, SessionRecord } from "./session-folder.ts";

type Environment = Record<string, string>;

/** Name of the variable that holds the session's bridge token. */
export const TOKEN_VARIABLE = "GROUNDCREW_TOKEN";

/** Name of Groundcrew among the MCP servers of a session. */
export const MCP_SERVER = "groundcrew";

/** Tools of Groundcrew that need no permission: a person approves what the last one writes. */
export const GROUNDCREW_TOOLS = ["get_task_details", "download_deliverable", "update_task_status"];

/** What programs need to find themselves, the user and the language. */
const BASE_NAMES = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_CONFIG_HOME"];

/** What programs need to reach the network where that takes a proxy, or certificates of its own. */
const NETWORK_NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];

/** What other programs need besides. */
const EXTRA_NAMES = {
  /** What git needs to publish a branch from a hook. */
  hook: ["SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"],
  /** What git, gh, glab and tea need to reach a remote as the runner's user. */
  publish: [
    ...["SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "GIT_SSH_COMMAND", "GH_\\w+", "GITHUB_TOKEN", "GITLAB_\\w+", "GLAB_\\w+"],
    ...["DBUS_SESSION_BUS_ADDRESS", ...NETWORK_NAMES],
  ],
  /** What Claude needs to reach its model. Nothing of Plane, Telegram or Groundcrew's own tokens is among them. */
  claude: ["ANTHROPIC_\\w+", "CLAUDE_\\w+", "AWS_\\w+", ...NETWORK_NAMES],
  /** The same for Codex. */
  codex: ["OPENAI_\\w+", "CODEX_\\w+", ...NETWORK_NAMES],
};

/** Name of the variable by which the processes of a session are recognised, whoever is their parent by now. */
const SESSION_VARIABLE = "GROUNDCREW_SESSION";

/** Timeout for processes after SIGTERM: 2 s. */
const TERMINATION_MS: Ms = 2_000;

/**
 * Picks the variables that a kind of program receives, and those that the settings name. Everything else of the
 * runner's environment stays with it.
 */
export function pickEnvironment(
  env: Record<string, string | undefined>,
  kind: "base" | keyof typeof EXTRA_NAMES,
  named: readonly string[] = [],
): Environment {
  const names = [...BASE_NAMES, ...(kind === "base" ? [] : EXTRA_NAMES[kind]), ...named];
  return pickVariables(env, new RegExp(`^(?:${names.join("|")})$`));
}

/** What a session's program finds in its environment, of the runner's and of Groundcrew. */
export function buildSessionEnvironment(
  env: Environment,
  { ticket, session_id }: SessionRecord,
  { completion }: SessionPaths,
  { groundcrewUrl, folder, token }: { groundcrewUrl: string; folder: string; token: string },
): Environment {
  return {
    ...env,
    // The folder of the command `groundcrew` comes first.
    PATH: [join(folder, "bin"), env["PATH"]].filter(Boolean).join(delimiter),
    TERM: "tmux-256color",
    [SESSION_VARIABLE]: session_id,
    GROUNDCREW_TICKET: ticket,
    GROUNDCREW_COMPLETION_FILE: completion,
    GROUNDCREW_URL: groundcrewUrl,
    [TOKEN_VARIABLE]: token,
  };
}

/**
 * Creates the command `groundcrew` for sessions in the runner's folder, so that they find this version of it. In a
 * session it uses the token of the run.
 */
export function installGroundcrewCommand(folder: string): void {
  const bin = join(folder, "bin");
  makePrivateFolder(bin);
  const path = join(bin, "groundcrew");
  const command = [process.execPath, getProgramPath("cli")].map(quoteForShell).join(" ");
  writePrivateFile(path, `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(path, 0o700);
}

/**
 * Finds the processes of a session: all that have inherited its id in their environment. Children survive a killed
 * parent, and then nothing else connects them with the session. Only Linux tells the environments of processes.
 */
export function findSessionProcesses(sessionId: string): number[] {
  const entry = `${SESSION_VARIABLE}=${sessionId}`;
  return findProcesses("environ", (entries) => entries.includes(entry));
}

/** Ends all processes of a session. Throws when one is still alive. */
export function endSessionProcesses(sessionId: string): Promise<void> {
  return endProcesses(() => findSessionProcesses(sessionId), TERMINATION_MS);
}
