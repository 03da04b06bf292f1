/**
 * The box of a ticket's session and of the commands that prepare and test it: whether there is one, what it shows of the
 * session's own folder, and the home of its CLI.
 */

import { join } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import { cleanLine } from "../../shared/text.ts";
import { type Box, type BoxCheck, type Command, toHostAndPort, wrapInBox } from "./box.ts";
import { getDriver, type TerminalWrapper } from "./driver.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { SessionRecord } from "./session-folder.ts";

/** Whether the sessions of a CLI can be boxed. */
export async function findCliBox(context: RunnerContext, cli: SessionRecord["cli"]): Promise<BoxCheck> {
  const box = await context.findBox();
  const { adaptBox } = context.drivers[cli];
  if ("problem" in box || !adaptBox) return box;
  try {
    return await adaptBox(box, context);
  } catch (thrown) {
    return { problem: cleanLine(getErrorMessage(thrown), 300) };
  }
}

/** The box of a repository's sessions; undefined where they have none. Throws where they need one and none works. */
export async function chooseBox(
  context: RunnerContext,
  { project, ticket, cli }: Pick<SessionRecord, "project" | "ticket" | "cli">,
): Promise<Box | undefined> {
  const { settings, log } = context;
  const { sandbox } = settings.repositories.get(project) ?? {};
  const box = sandbox === "off" ? { problem: "sandbox is off" } : await findCliBox(context, cli);
  if (!("problem" in box)) return box;
  if (sandbox === "required")
    throw new Error(`No session starts: sandbox is required for ${project}, and no box works here: ${box.problem}.`);
  log.warn("session without a box", { ticket, reason: box.problem });
  return undefined;
}

/** Puts the program of a session into its box. */
export function wrapSession(context: RunnerContext, box: Box, record: SessionRecord, command: Command) {
  const { settings, env, records } = context;
  const paths = records.getPaths(record.ticket);
  const repository = settings.repositories.get(record.project);
  const home = getDriver(context, record.ticket).createHome?.(env, record, paths);
  const hosts = [...(home?.hosts ?? []), ...toHostAndPort(settings.groundcrewUrl)];
  const network = repository?.network === "model" ? { hosts, socket: join(paths.folder, "network.sock") } : undefined;
  return wrapInBox(
    box,
    { ...command, env: { ...command.env, ...home?.env } },
    {
      ...createView(context, record),
      writable: [paths.own, ...(home ? [home.folder] : [])],
      shared: home?.shared ?? [],
      placed: [...(home?.placed ?? []), ...[paths.ticket, paths.difference, paths.settings, paths.mcp].map(keepPlace)],
      ...(network ? { network } : {}),
    },
  );
}

/** Puts the terminal of a session into a box of its own, which sees nothing that the session writes. */
export function createTerminalWrapper(
  { settings }: RunnerContext,
  box: Box,
  { project }: SessionRecord,
): TerminalWrapper {
  const { readable = [] } = settings.repositories.get(project) ?? {};
  return (command, { folder, placed }) =>
    wrapInBox(box, command, {
      ...{ workFolder: folder, cache: join(folder, "cache"), temporary: join(folder, "tmp"), network: "none" },
      ...{ writable: [], readable, shared: [], placed },
    });
}

/**
 * Puts a command of the settings into the box of its session. Where sessions reach their model only, it has no network,
 * except to prepare a new clone, which has nothing of a session yet.
 */
export function wrapCommand(context: RunnerContext, box: Box, record: SessionRecord, command: Command, isNew: boolean) {
  const isClosed = !isNew && context.settings.repositories.get(record.project)?.network === "model";
  const view = { ...createView(context, record), writable: [], placed: [], shared: [] };
  return wrapInBox(box, command, isClosed ? { ...view, network: "none" } : view);
}

function createView(context: RunnerContext, record: SessionRecord) {
  const { settings, records } = context;
  const { readable = [] } = settings.repositories.get(record.project) ?? {};
  return {
    ...{ workFolder: record.worktree, repository: record.repository },
    cache: join(settings.folder, "cache", record.project),
    temporary: records.getPaths(record.ticket).temporary,
    readable: [...readable, join(settings.folder, "bin")],
  };
}

const keepPlace = (path: string) => [path, path] as const;
