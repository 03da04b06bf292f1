/**
 * The box of a ticket's session and of the commands that prepare and test it: whether there is one, what it shows of the
 * session's own folder, and the home of its CLI.
 */

import { join } from "node:path";
import { type Box, type BoxCheck, type Command, toHostAndPort, wrapInBox } from "./box.ts";
import { getDriver } from "./driver.ts";
import type { RunnerContext } from "./runner-context.ts";
import type { SessionRecord } from "./session-folder.ts";

/**
 * Whether the sessions of a repository can be boxed. Those of Codex cannot: the socket at which its requests are answered
 * would be inside, where each command could answer them.
 */
export async function findRepositoryBox(
  { settings, findBox }: Pick<RunnerContext, "settings" | "findBox">,
  project: string,
): Promise<BoxCheck> {
  if (settings.repositories.get(project)?.cli !== "codex") return findBox();
  return { problem: "Codex's requests are answered at a socket that its commands would reach in a box" };
}

/** The box of a repository's sessions; undefined where they have none. Throws where they need one and none works. */
export async function chooseBox(
  { settings, findBox, log }: Pick<RunnerContext, "settings" | "findBox" | "log">,
  { project, ticket }: Pick<SessionRecord, "project" | "ticket">,
): Promise<Box | undefined> {
  const { sandbox } = settings.repositories.get(project) ?? {};
  const box =
    sandbox === "off" ? { problem: "sandbox is off" } : await findRepositoryBox({ settings, findBox }, project);
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
