/**
 * Checks of the container's safety: its service in Compose, the rights of its processes, and the files of the
 * workspace.
 */

import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { parsePinnedValue } from "../../functions/doctor/versions.ts";
import { cleanLine } from "../../shared/text.ts";
import { requireSuccess } from "../node/programs.ts";
import {
  COMMAND_TIMEOUT,
  type ComposeUpgradeSettings,
  inspect,
  reportEach,
  type StepContext,
} from "./upgrade-driver.ts";

/** A field that Compose leaves out or writes as null. */
const optional = <T>(schema: z.ZodType<T>, empty: T) => schema.nullish().transform((value) => value ?? empty);

const names = optional(z.array(z.string()), []);

const serviceSchema = z.looseObject({
  image: z.string(),
  user: z.string().optional(),
  privileged: z.boolean().default(false),
  cap_drop: names,
  cap_add: names,
  security_opt: names,
  networks: optional(z.record(z.string(), z.unknown()), {}),
  volumes: optional(
    z.array(
      z.looseObject({ source: z.string().optional(), target: z.string(), read_only: z.boolean().default(false) }),
    ),
    [],
  ),
});

type ComposeService = z.output<typeof serviceSchema>;

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

/** One process as `/proc/<pid>/status` has it: its capabilities, and those that it could get. */
const processSchema = z.object({
  Name: z.string().min(1),
  Uid: idsSchema,
  Gid: idsSchema,
  CapEff: maskSchema,
  CapBnd: maskSchema,
  /** 0 none, 1 strict, 2 filter. */
  Seccomp: z.string().regex(/^[012]$/),
});

type ProcessStatus = z.output<typeof processSchema>;

const ALLOWED_CAPABILITIES = ["CHOWN", "SETGID", "SETUID"];

/** Bits of CAP_CHOWN, CAP_SETGID and CAP_SETUID (`include/uapi/linux/capability.h`). */
const ALLOWED_MASK = (1n << 0n) | (1n << 6n) | (1n << 7n);

/** Format for GNU find's `-printf` that `parseWorkspaceEntries` reads; paths may contain anything but NUL. */
const FIND_FORMAT = "%U:%G %m %y %p\\0";

/** Limit of names in a finding. */
const MAX_NAMES = 5;

/** Parses the service from `docker compose config --format json`. Throws an Error for people. */
export function parseComposeService(text: string, service: string): ComposeService {
  const { services } = configSchema.parse(JSON.parse(text));
  if (services[service] === undefined)
    throw new Error(`the Compose file has no service ${service}; it has ${Object.keys(services).join(", ") || "none"}`);
  return serviceSchema.parse(services[service]);
}

/** Checks what the Compose file says about the container: image, user, rights, networks, volumes and Docker's socket. */
export function checkComposeService(
  { image, user = "not set", privileged, volumes, ...service }: ComposeService,
  { user: wanted, networks, state, workspace, mounts }: ComposeUpgradeSettings,
  from: string,
): Finding[] {
  const added = service.cap_add.map((capability) => capability.replace(/^CAP_/, ""));
  const more = added.filter((capability) => !ALLOWED_CAPABILITIES.includes(capability));
  const powers = [
    ...(privileged ? ["the container is privileged"] : []),
    ...(service.cap_drop.includes("ALL") ? [] : ["cap_drop lacks ALL"]),
    ...(more.length > 0 ? [`cap_add has ${more.join(", ")}`] : []),
  ];
  const [profile] = service.security_opt.flatMap((option) => /^seccomp[:=](.*)$/.exec(option)?.[1] ?? []);
  const missing = networks.filter((network) => !(network in service.networks));
  const paths = [state, workspace, ...mounts];
  const targets = volumes.map(({ target }) => target.replace(/\/+$/, ""));
  const lost = paths.filter((path) => !targets.some((target) => path === target || path.startsWith(`${target}/`)));
  const sockets = volumes.filter(({ source, target }) => /docker\.sock$/.test(source ?? target));
  return reportEach({
    image: ({ ok, failed }) =>
      parsePinnedValue(image)?.version === from
        ? ok`${image}`
        : failed`the service's image is ${image}, but the environment file pins ${from}
            → Write the image with the variable in the Compose file, and without a digest or \`latest\`.`,
    user: ({ ok, failed }) =>
      user === wanted ? ok`${user}` : failed`user is ${user}, wanted ${wanted} → Set \`user: "${wanted}"\`.`,
    capabilities: ({ ok, failed }) =>
      powers.length > 0
        ? failed`${powers.join("; ")} → Drop ALL and add at most ${ALLOWED_CAPABILITIES.join(", ")}.`
        : ok`only ${added.join(", ") || "none"}`,
    seccomp: ({ ok, warning, failed }) => {
      if (profile === undefined) return ok`Docker's default profile`;
      if (profile === "unconfined") return failed`seccomp is off → Remove seccomp=unconfined from security_opt.`;
      return warning`a profile of your own
        → Try the new version with Docker's default first; keep the profile only if a system call is refused.`;
    },
    networks: ({ ok, failed }) =>
      missing.length > 0
        ? failed`not in ${missing.join(", ")} → Add them to the service, or change "networks".`
        : ok`${networks.join(", ") || "none wanted"}`,
    volumes: ({ ok, failed }) =>
      lost.length > 0
        ? failed`no volume holds ${lost.join(", ")}: a new container would lose it
            → Mount volumes there, or change "state" and "workspace".`
        : ok`${paths.join(", ")}`,
    // A container that may write to Docker's socket rules the machine; reading is what sandboxes need at most.
    "Docker socket": ({ ok, failed }) =>
      sockets.some(({ read_only }) => !read_only)
        ? failed`its mount can be written → Mount it with \`:ro\`, or use a proxy for it.`
        : ok`${sockets.length > 0 ? "mounted read-only" : "not mounted"}`,
  });
}

/** Checks users, capabilities and seccomp of the processes in a container, and owner and mode of the workspaces. */
export async function inspectContainer({ driver, remaining }: StepContext): Promise<Finding[]> {
  const { kind, owner, workspaces } = driver;
  const exec = (...args: string[]) => driver.exec(args, remaining(COMMAND_TIMEOUT));
  const todo = "Look into the container or folder by hand.";
  const processes =
    kind === "npm"
      ? [createReport("process capabilities").skipped`only the compose driver checks containers`]
      : await inspect("process users", todo, async () => {
          // A process may end while its file is read, so the exit code says nothing.
          const { stdout } = await exec("sh", "-c", "cat /proc/[0-9]*/status");
          return checkProcesses(parseProcessStatus(stdout), owner);
        });
  if (workspaces.length === 0) return [...processes, createReport("workspace").skipped`"workspaces" names none`];
  const files = await inspect("workspace", todo, async () => {
    const found = await exec("find", ...workspaces, "-maxdepth", "2", "-printf", FIND_FORMAT);
    return [checkWorkspace(parseWorkspaceEntries(requireSuccess("find", found)), owner)];
  });
  return [...processes, ...files];
}

/** Parses the status files of several processes, one after the other. Throws for anything else. */
export function parseProcessStatus(text: string): ProcessStatus[] {
  if (!text.startsWith("Name:\t")) throw new Error("no process could be read");
  return text.split(/^(?=Name:\t)/m).map((block) => {
    const fields = [...block.matchAll(/^(\w+):\t[ \t]*(.*)$/gm)].map(([, name, value]) => [name, value]);
    // A process may choose its name, but not add lines: the kernel escapes line ends in it. The first of two counts.
    const { data, error } = processSchema.safeParse(Object.fromEntries(fields.reverse()));
    if (!data) throw new Error(`the status of a process has no valid ${error?.issues[0]?.path[0]?.toString()}`);
    return data;
  });
}

/** Checks that all processes run as this `uid:gid`, with the allowed capabilities at most, under a seccomp filter. */
export function checkProcesses(processes: readonly ProcessStatus[], owner: string): Finding[] {
  const [uid, gid] = owner.split(":").map(Number);
  /** The names of the processes for which this is so. */
  const list = (isBad: (status: ProcessStatus) => boolean) =>
    [...new Set(processes.filter(isBad).map(({ Name }) => Name))].join(", ");
  const foreign = list(({ Uid, Gid }) => Uid.some((one) => one !== uid) || Gid.some((one) => one !== gid));
  const strong = list(({ CapEff, CapBnd }) => ((CapEff | CapBnd) & ~ALLOWED_MASK) !== 0n);
  const open = list(({ Seccomp }) => Seccomp !== "2");
  return reportEach({
    "process users": ({ ok, failed }) =>
      foreign
        ? failed`not as ${owner}: ${foreign} → Set \`user: "${owner}"\`.`
        : ok`${processes.length} processes, all as ${owner}`,
    "process capabilities": ({ ok, failed }) =>
      strong
        ? failed`more than CHOWN, SETGID and SETUID: ${strong} → Drop the others.`
        : ok`CHOWN, SETGID and SETUID at most`,
    "process seccomp": ({ ok, failed }) =>
      open ? failed`no filter: ${open} → Remove seccomp=unconfined.` : ok`all processes have a filter`,
  });
}

/** Parses the output of `find … -printf FIND_FORMAT`. Throws for anything else. */
export function parseWorkspaceEntries(output: string) {
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

type WorkspaceEntry = ReturnType<typeof parseWorkspaceEntries>[number];

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
