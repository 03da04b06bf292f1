/**
 * The driver of a command of one's own: it is started in its terminal, and its end is that of the session. It asks for
 * nothing, plans nothing and counts nothing; texts are typed.
 */

import { existsSync, rmSync } from "node:fs";
import { getCliName } from "../../shared/tickets/cli.ts";
import { writePrivateFile } from "../node/files.ts";
import { findExecutable } from "../node/programs.ts";
import { type DriverContext, findSessionCli, type SessionDriver } from "./driver.ts";
import { buildSentBack } from "./prompts.ts";
import type { SessionRecord } from "./session-folder.ts";
import { toKeyArguments } from "./tmux.ts";

/** Creates the driver of commands. */
export function createCommandDriver(): SessionDriver {
  return {
    name: "The command",
    environment: "base",
    findProgram(context, record) {
      const [name = ""] = getCommand(context, record);
      const program = findExecutable(name, context.env["PATH"]);
      if (program !== undefined) return program;
      throw new Error(
        `${name} is not an executable file: set the command of tickets.repositories.${record.project}.cli.`,
      );
    },
    findConversation: () => undefined,
    findConversationProcesses: () => [],
    prepare({ program, record, paths, desired, env }, context) {
      const [name = "", ...args] = getCommand(context, record);
      if (desired.plans) throw new Error(`${getCliName({ command: [name] })} is a plain command, which makes no plan.`);
      return { program, args, env: { ...env, GROUNDCREW_TICKET_FILE: paths.ticket } };
    },
    readStoredCost: () => 0,
    // The launcher removes its file when it becomes the command.
    hasBegun: ({ launch }) => !existsSync(launch),
    hasEnded: () => false,
    observe: () => ({}),
    async send({ tmux, records }, ticket, { kind, text }, mark) {
      if (kind === "text") return tmux.typeLine(ticket, text, mark);
      if (kind !== "paste") return tmux.pressKeys(ticket, kind === "interrupt" ? ["C-c"] : toKeyArguments(text), mark);
      const paths = records.getPaths(ticket);
      writePrivateFile(paths.paste, buildSentBack(records.get(ticket), ticket, paths, text));
      await tmux.pasteFile(ticket, paths.paste, mark);
      rmSync(paths.paste, { force: true });
    },
    requestExit: ({ tmux }, ticket) => tmux.signalProgram(ticket, "SIGTERM"),
    isUnknownConversation: () => false,
    forget: () => undefined,
  };
}

function getCommand({ settings }: DriverContext, record: SessionRecord): string[] {
  const cli = findSessionCli(settings, record);
  return typeof cli === "object" ? cli.command : [];
}
