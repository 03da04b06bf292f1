/**
 * Checks of the container's safety: its service in Compose, the rights of its processes, and the files of the
 * workspace.
 */

import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../functions/doctor/versions.ts";
import { cleanLine } from "../../shared/text.ts";
import type { ComposeUpgradeSettings } from "./upgrade-driver.ts";

/** A file or folder of a workspace. */
export interface WorkspaceEntry {
  /** `uid:gid` */
  owner: string;
  mode: number;
  kind: string;
  path: string;
}

const serviceSchema = z.looseObject({
  image: z.string(),
  user: z.string().optional(),
  privileged: z.boolean().default(false),
  cap_drop: z.array(z.string()).nullish(),
  cap_add: z.array(z.string()).nullish(),
  security_opt: z.array(z.string()).nullish(),
  networks: z.record(z.string(), z.unknown()).nullish(),
  volumes: z
    .array(z.looseObject({ source: z.string().optional(), target: z.string(), read_only: z.boolean().default(false) }))
    .nullish(),
});

export type ComposeService = z.output<typeof serviceSchema>;

const configSchema = z.looseObject({ services: z.record(z.string(), z.unknown()) });

/** The real, effective, saved and file system id of a user or group. */
const idsSchema = z
  .string()
  .regex(/^\d+(?:\t\d+){3}$/)
  .transform((text) => text.split("\t").map(Number));

const maskSchema = z
  .string()
  .regex(/^[0-9a-f]{16}$/)
  .transform((hex) => BigInt(`0x${hex}`));

/** One process as `/proc/<pid>/status` has it. */
const processSchema = z
  .object({
    Name: z.string().min(1),
    Uid: idsSchema,
    Gid: idsSchema,
    CapEff: maskSchema,
    CapBnd: maskSchema,
    /** 0 none, 1 strict, 2 filter. */
    Seccomp: z.string().regex(/^[012]$/),
  })
  .transform(({ Name, Uid, Gid, CapEff, CapBnd, Seccomp }) => ({
    name: Name,
    uids: Uid,
    gids: Gid,
    /** What the process has, and what it could get. */
    capabilities: CapEff | CapBnd,
    hasFilter: Seccomp === "2",
  }));

type ProcessStatus = z.output<typeof processSchema>;

const ALLOWED_CAPABILITIES = ["CHOWN", "SETGID", "SETUID"];

/** Bits of CAP_CHOWN, CAP_SETGID and CAP_SETUID (`include/uapi/linux/capability.h`). */
const ALLOWED_MASK = (1n << 0n) | (1n << 6n) | (1n << 7n);

/** Format for GNU find's `-printf` that `parseWorkspaceEntries` reads; paths may contain anything but NUL. */
export const FIND_FORMAT = "%U:%G %m %y %p\\0";

/** Limit of names in a finding. */
const MAX_NAMES = 5;

/** Parses the service from `docker compose config --format json`. Throws an Error for people. */
export function parseComposeService(text: string, service: string): ComposeService {
  const { services } = configSchema.parse(JSON.parse(text));
  if (services[service] === undefined)
    throw new Error(`the Compose file has no service ${service}; it has ${Object.keys(services).join(", ") || "none"}`);
  return serviceSchema.parse(services[service]);
}

/** Checks what the Compose file says about the container: image, user, capabilities, seccomp, networks and volumes. */
export function checkComposeService(
  service: ComposeService,
  { user: wanted, networks, state, workspace, mounts }: ComposeUpgradeSettings,
  from: string,
): Finding[] {
  const { image, user = "not set" } = service;
  const images = createReport("image");
  const users = createReport("user");
  return [
    parsePinnedValue(image)?.version === from
      ? images.ok`${image}`
      : images.failed`the service's image is ${image}, but the environment file pins ${from}
          → Write the image with the variable in the Compose file, and without a digest or \`latest\`.`,
    user === wanted ? users.ok`${user}` : users.failed`user is ${user}, wanted ${wanted} → Set \`user: "${wanted}"\`.`,
    checkCapabilities(service),
    checkSeccomp(service),
    checkNetworks(service, networks),
    checkVolumes(service, [state, workspace, ...mounts]),
    checkSocket(service),
  ];
}

function checkCapabilities({ cap_drop, cap_add, privileged }: ComposeService): Finding {
  const { ok, failed } = createReport("capabilities");
  const added = (cap_add ?? []).map((capability) => capability.replace(/^CAP_/, ""));
  const more = added.filter((capability) => !ALLOWED_CAPABILITIES.includes(capability));
  const problems = [
    ...(privileged ? ["the container is privileged"] : []),
    ...((cap_drop ?? []).includes("ALL") ? [] : ["cap_drop lacks ALL"]),
    ...(more.length > 0 ? [`cap_add has ${more.join(", ")}`] : []),
  ];
  if (problems.length === 0) return ok`only ${added.join(", ") || "none"}`;
  return failed`${problems.join("; ")} → Drop ALL and add at most ${ALLOWED_CAPABILITIES.join(", ")}.`;
}

function checkSeccomp({ security_opt }: ComposeService): Finding {
  const { ok, warning, failed } = createReport("seccomp");
  const option = (security_opt ?? []).find((one) => /^seccomp[:=]/.test(one));
  if (option === undefined) return ok`Docker's default profile`;
  if (/^seccomp[:=]unconfined$/.test(option))
    return failed`seccomp is off → Remove seccomp=unconfined from security_opt.`;
  return warning`a profile of your own
    → Try the new version with Docker's default first; keep the profile only if a system call is refused.`;
}

function checkNetworks({ networks }: ComposeService, wanted: readonly string[]): Finding {
  const { ok, failed } = createReport("networks");
  const missing = wanted.filter((network) => !(network in (networks ?? {})));
  if (missing.length === 0) return ok`${wanted.join(", ") || "none wanted"}`;
  return failed`not in ${missing.join(", ")} → Add them to the service, or change "networks".`;
}

function checkVolumes({ volumes }: ComposeService, paths: readonly string[]): Finding {
  const { ok, failed } = createReport("volumes");
  const targets = (volumes ?? []).map(({ target }) => target.replace(/\/+$/, ""));
  const missing = paths.filter((path) => !targets.some((target) => path === target || path.startsWith(`${target}/`)));
  if (missing.length === 0) return ok`${paths.join(", ")}`;
  return failed`no volume holds ${missing.join(", ")}: a new container would lose it
    → Mount volumes there, or change "state" and "workspace".`;
}

/** A container that may write to Docker's socket rules the machine; reading is what sandboxes of agents need at most. */
function checkSocket({ volumes }: ComposeService): Finding {
  const { ok, failed } = createReport("Docker socket");
  const sockets = (volumes ?? []).filter(({ source, target }) => /docker\.sock$/.test(source ?? target));
  if (sockets.length === 0) return ok`not mounted`;
  if (sockets.every(({ read_only }) => read_only)) return ok`mounted read-only`;
  return failed`its mount can be written → Mount it with \`:ro\`, or use a proxy for it.`;
}

/** Parses the status files of several processes, one after the other. Throws for anything else. */
export function parseProcessStatus(text: string): ProcessStatus[] {
  const blocks = text.split(/^(?=Name:\t)/m).filter((block) => block.trim() !== "");
  if (blocks.length === 0 || !blocks[0]?.startsWith("Name:\t")) throw new Error("no process could be read");
  return blocks.map(parseBlock);
}

function parseBlock(block: string): ProcessStatus {
  const fields = [...block.matchAll(/^(\w+):\t[ \t]*(.*)$/gm)].map(([, name, value]) => [name, value]);
  // A process may choose its name, but not add lines: the kernel escapes line ends in it. The first of two counts.
  const status = processSchema.safeParse(Object.fromEntries(fields.reverse()));
  if (status.success) return status.data;
  throw new Error(`the status of a process has no valid ${status.error.issues[0]?.path[0]?.toString()}`);
}

/** Checks that all processes run as this `uid:gid`, with the allowed capabilities at most, under a seccomp filter. */
export function checkProcesses(processes: readonly ProcessStatus[], owner: string): Finding[] {
  const [uid, gid] = owner.split(":").map(Number);
  const users = createReport("process users");
  const capabilities = createReport("process capabilities");
  const seccomp = createReport("process seccomp");
  /** The names of the processes for which this is so. */
  const list = (isBad: (status: ProcessStatus) => boolean) =>
    [...new Set(processes.filter(isBad).map(({ name }) => name))].join(", ");
  const foreign = list(({ uids, gids }) => uids.some((one) => one !== uid) || gids.some((one) => one !== gid));
  const strong = list((status) => (status.capabilities & ~ALLOWED_MASK) !== 0n);
  const open = list(({ hasFilter }) => !hasFilter);
  return [
    foreign
      ? users.failed`not as ${owner}: ${foreign} → Set \`user: "${owner}"\`.`
      : users.ok`${processes.length} processes, all as ${owner}`,
    strong
      ? capabilities.failed`more than CHOWN, SETGID and SETUID: ${strong} → Drop the others.`
      : capabilities.ok`CHOWN, SETGID and SETUID at most`,
    open ? seccomp.failed`no filter: ${open} → Remove seccomp=unconfined.` : seccomp.ok`all processes have a filter`,
  ];
}

/** Parses the output of `find … -printf FIND_FORMAT`. Throws for anything else. */
export function parseWorkspaceEntries(output: string): WorkspaceEntry[] {
  if (output !== "" && !output.endsWith("\0")) throw new Error("the list of the workspace was cut off");
  return output
    .split("\0")
    .slice(0, -1)
    .map((line) => {
      const [, owner, mode, kind, path] = /^(\d+:\d+) ([0-7]{1,4}) (\w) ([\s\S]+)$/.exec(line) ?? [];
      if (!owner || !mode || !kind || !path) throw new Error("the list of the workspace cannot be read");
      return { owner, mode: Number.parseInt(mode, 8), kind, path };
    });
}

/** Checks that the workspaces belong to OpenClaw's user, who can use them, and that not everyone can write there. */
export function checkWorkspace(entries: readonly WorkspaceEntry[], owner: string): Finding {
  const { ok, warning, failed } = createReport("workspace");
  const real = entries.filter(({ kind }) => kind !== "l");
  /** The paths of the entries for which this is so, undefined when there are none. */
  const list = (isBad: (entry: WorkspaceEntry) => boolean) => {
    const paths = real.filter(isBad).map(({ path }) => cleanLine(path, 100));
    const more = paths.length > MAX_NAMES ? ` and ${paths.length - MAX_NAMES} more` : "";
    return paths.length > 0 ? paths.slice(0, MAX_NAMES).join(", ") + more : undefined;
  };
  const foreign = list((entry) => entry.owner !== owner);
  if (foreign) return failed`not owned by ${owner}: ${foreign} → Run \`chown -R ${owner}\` there.`;
  const closed = list(({ kind, mode }) => kind === "d" && (mode & 0o700) !== 0o700);
  if (closed) return failed`its owner cannot use: ${closed} → Run \`chmod u+rwx\` there.`;
  const open = list(({ mode }) => (mode & 0o002) !== 0 && (mode & 0o1000) === 0);
  if (open) return warning`everyone can write: ${open} → Run \`chmod o-w\` there.`;
  return ok`${real.length} files and folders of ${owner}`;
}
