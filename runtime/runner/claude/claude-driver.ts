/** The driver of Claude Code: it works in its terminal, and reports by hooks and files. */

import { rmSync } from "node:fs";
import { z } from "zod";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { removeInvisible } from "../../../shared/text.ts";
import { type Ms, SECOND, wait } from "../../../shared/time.ts";
import { writePrivateFile } from "../../node/files.ts";
import { findExecutable } from "../../node/programs.ts";
import type { DriverContext, SessionDriver } from "../driver.ts";
import { buildSentBack } from "../prompts.ts";
import { readSessionFile, readSessionJson, type SessionPaths, type SessionRecord } from "../session-folder.ts";
import { toKeyArguments } from "../tmux.ts";
import { createClaudeHome } from "./claude-home.ts";
import {
  buildArguments,
  buildClaudeSettings,
  buildMcpConfig,
  findConversation,
  findConversationProcesses,
} from "./claude-process.ts";
import { createConversationReader } from "./conversation.ts";
import { findModelProblem, findStartDialog } from "./screen.ts";

/** Timeout for Claude's SessionStart hook: 10 s. It is only late when a dialog waits or Claude cannot start. */
const START_TIMEOUT_MS: Ms = 10 * SECOND;

/** The part of the status line's input that is reported. */
const statusSchema = z.object({
  cost: z.object({ total_cost_usd: z.number().min(0) }),
});

/** What Claude says before it exits with 1 because it does not know the conversation that it is to resume. */
const UNKNOWN_CONVERSATION = /^No conversation found with session ID/m;

/** Interval between the keys that end it: 300 ms. Claude exits at a second one within 800 ms. */
const EXIT_KEY_MS: Ms = 300;

/** Limit of those keys: 10. The first ones close a dialog, stop the turn, or empty the line. */
const MAX_EXIT_KEYS = 10;

/** Creates the driver of Claude Code. */
export function createClaudeDriver(): SessionDriver {
  const conversations = createConversationReader();
  // Its SessionStart hook writes this file.
  const hasBegun = ({ sessionStart }: SessionPaths) => readSessionFile(sessionStart, 1) !== undefined;

  function findAttention({ clock }: DriverContext, record: SessionRecord, paths: SessionPaths, screen: string) {
    if (hasBegun(paths)) return findModelProblem(screen);
    const dialog = findStartDialog(screen);
    if (dialog !== undefined) return `Claude asks at its start: ${dialog}. Answer in the terminal.`;
    const isLate = clock() - Date.parse(record.started_at) >= START_TIMEOUT_MS;
    return isLate ? "Claude has not started within 10 s: no SessionStart. Look at the terminal." : undefined;
  }

  return {
    name: "Claude Code",
    environment: "claude",
    findProgram({ settings: { claudeBin }, env }) {
      const program = findExecutable(claudeBin, env["PATH"]);
      if (program !== undefined) return program;
      throw new Error(`${claudeBin} is not an executable file: set CLAUDE_BIN to the path of Claude Code.`);
    },
    findConversation,
    findConversationProcesses,
    prepare(launch) {
      const { program, record, paths, groundcrewUrl, env, policy, desired } = launch;
      const { plans } = desired;
      const settings = buildClaudeSettings({ ticket: record.ticket, groundcrewUrl, paths, policy, plans });
      writePrivateFile(paths.settings, JSON.stringify(settings));
      writePrivateFile(paths.mcp, JSON.stringify(buildMcpConfig(groundcrewUrl, policy?.servers)));
      const variables = { CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: "1", DISABLE_AUTOUPDATER: "1" };
      return { program, args: buildArguments(launch), env: { ...env, ...variables } };
    },
    createHome: createClaudeHome,
    readStoredCost: (ticket, paths) => conversations.read(ticket, paths).storedCost,
    hasBegun,
    hasEnded({ sessionEnd }) {
      const end = readSessionJson(sessionEnd, z.object({ reason: z.string() }));
      // After /clear the program goes on.
      return end !== undefined && end.reason !== "clear";
    },
    observe(context, record, screen, isLive) {
      const paths = context.records.getPaths(record.ticket);
      const { progressAt, tokens, interruption } = conversations.read(record.ticket, paths);
      const cost = readSessionJson(paths.status, statusSchema)?.cost.total_cost_usd;
      const attention = isLive ? findAttention(context, record, paths, screen) : undefined;
      return omitUndefined({ progressAt, tokens, interruption, cost, attention });
    },
    async send({ tmux, records }, ticket, { kind, text }, mark) {
      if (kind === "text") return tmux.typeLine(ticket, text, mark);
      if (kind !== "paste")
        return tmux.pressKeys(ticket, kind === "interrupt" ? ["Escape"] : toKeyArguments(text), mark);
      const paths = records.getPaths(ticket);
      // Claude would read a file for each `@` after white space. The ticket file has the text as it is. Words before it
      // keep a leading `/` or `!` from being a command.
      const escaped = removeInvisible(text).replaceAll(/(?<=^|\s)@/g, "\\@");
      writePrivateFile(paths.paste, buildSentBack(records.get(ticket), ticket, paths, escaped));
      await tmux.pasteFile(ticket, paths.paste, mark);
      rmSync(paths.paste, { force: true });
    },
    async requestExit({ tmux }, ticket) {
      // The command to exit would be a message to the model where a person has begun to type.
      for (let count = 0; count < MAX_EXIT_KEYS; count += 1) {
        const pane = await tmux.findPane(ticket);
        if (!pane || pane.isDead) return;
        await tmux.pressKeys(ticket, ["C-c"]);
        await wait(EXIT_KEY_MS);
      }
    },
    isUnknownConversation: (status, screen) => status === 1 && UNKNOWN_CONVERSATION.test(screen),
    forget: conversations.forget,
  };
}
