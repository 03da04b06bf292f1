/**
 * The box of a session: bubblewrap with its own processes and devices, in which only the system's programs, the work
 * folder, a cache and a private /tmp exist. What is not named here cannot be seen from inside, so that a new secret on
 * the machine is hidden without a change here. Git reads the clone of a boxed session in a smaller one.
 */

import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { basename, delimiter, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanLine } from "../../shared/text.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { getProductFile, getProgramPath, makePrivateFolder } from "../node/files.ts";
import { describeFailure, findExecutable, runProgram } from "../node/programs.ts";

type Environment = Record<string, string>;

/** A program with its arguments and its whole environment. */
export interface Command {
  program: string;
  args: readonly string[];
  env: Environment;
  /** Arguments of Node.js for the proxy that runs outside, beside a box with a network of its own. */
  proxy?: string[];
}

/** How a command looks at the machine. All paths are absolute, and the same inside and outside. */
export interface BoxView {
  /** The clone: work folder of the command. */
  workFolder: string;
  /** The repository of which it takes objects, if any. */
  repository?: string;
  /** Folder that stays, for what programs download. */
  cache: string;
  /** Folder that becomes /tmp. */
  temporary: string;
  /** Further folders and files, of which those that do not exist are left out. */
  writable?: readonly string[];
  readable: readonly string[];
  /** Files that appear at another place: their path outside, then inside. */
  placed?: readonly (readonly [outside: string, inside: string])[];
  /** Such files that can be written. */
  shared?: readonly (readonly [outside: string, inside: string])[];
  /** `hosts`: only these are reached, by name and port, over a proxy at a socket. Default: the machine's network. */
  network?: "none" | { hosts: readonly string[]; socket: string };
}

const NETWORK_PROGRAM = fileURLToPath(getProductFile("runtime/runner/box-network.js"));

/** Port of the proxy inside a box with a network of its own. */
const PROXY_PORT = 3_128;

const LOOPBACK = /^(?:127\.|localhost:|\[::1\])/;

/** The system's programs and libraries. */
const SYSTEM_FOLDERS = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

/** What programs need of /etc; the rest, with its passwords and keys, is left out. */
const ETC_NAMES = [
  ...["alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "debian_version", "fonts", "group"],
  ...["host.conf", "hosts", "inputrc", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk", "ld.so.cache"],
  ...["ld.so.conf", "ld.so.conf.d", "locale.alias", "locale.conf", "localtime", "login.defs", "magic", "mime.types"],
  ...["nsswitch.conf", "os-release", "passwd", "perl", "pki/tls", "pki/ca-trust", "profile", "protocols", "python3"],
  ...["resolv.conf", "services", "shells", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone"],
];

/** Variables of which the value is a file that a program reads. */
const FILE_VARIABLES = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];

/** Time for which the result of a try counts: 1 min; a person may install what is missing. */
const CHECK_MS: Ms = MINUTE;

/** What bubblewrap isolates in each box. Real root would keep its capabilities. */
const ISOLATION = [
  ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"],
  ...["--die-with-parent", "--hostname", "groundcrew"],
];

/** A box has no namespace of its own making, in which a program would have capabilities again. */
const USER_NAMESPACE = ["--unshare-user", "--disable-userns"];

/** The user in a box of root that has further boxes: in them, no namespace may stand for root. */
const NESTING_USER = 1_000;

/** Bubblewrap as it works on this machine. */
export interface Box {
  bwrap: string;
  version: string;
  isolation: readonly string[];
  /** Files that appear at another place for each command, see `BoxView`. */
  placed?: NonNullable<BoxView["placed"]>;
}

/** Whether sessions can be boxed here, or why not, and what a person can do where that is not to install bubblewrap. */
export type BoxCheck = Box | { problem: string; todo?: string };

/** Says whether this machine can box sessions. */
export type BoxFinder = () => Promise<BoxCheck>;

/** Creates what tries a box, and remembers the result for a minute. */
export function createBoxFinder(searchPath: string | undefined, clock: () => Ms): BoxFinder {
  let last: { at: Ms; check: Promise<BoxCheck> } | undefined;
  return () => {
    if (!last || clock() - last.at > CHECK_MS) last = { at: clock(), check: checkBox(searchPath) };
    return last.check;
  };
}

/** Tries a box on this machine, which may lack bubblewrap or refuse its namespaces; root needs no user namespace. */
async function checkBox(searchPath: string | undefined): Promise<BoxCheck> {
  const bwrap = findExecutable("bwrap", searchPath);
  if (bwrap === undefined) return { problem: `bubblewrap (bwrap) is not installed` };
  const env = { PATH: searchPath ?? "" };
  const run = (...args: string[]) => runProgram(bwrap, args, { env });
  const version = cleanLine((await run("--version")).stdout, 40);
  const kinds = [[...ISOLATION, ...USER_NAMESPACE], ...(process.getuid?.() === 0 ? [ISOLATION] : [])];
  let problem = "";
  for (const isolation of kinds) {
    const args = [...isolation, "--unshare-net", ...bindSystem(), "--proc", "/proc", "--dev", "/dev"];
    const tried = await run(...args, "--", "/bin/sh", "-c", ":");
    if (tried.status === 0) return { bwrap, version, isolation };
    problem = cleanLine(describeFailure("bubblewrap", tried), 200);
  }
  return { problem };
}

/**
 * The same box for a CLI that has a box of its own for each of its commands. They are further namespaces in it, so that
 * it cannot forbid them. Its first process is the CLI: one of bubblewrap would show the CLI's environment to commands.
 * Undefined where this machine has no namespaces for users.
 */
export function allowNesting(box: Box): Box | undefined {
  if (!box.isolation.includes("--unshare-user")) return undefined;
  const user = String(getNestingUser());
  return { ...box, isolation: [...ISOLATION, "--unshare-user", "--uid", user, "--gid", user, "--as-pid-1"] };
}

/** The id of the user in such a box. */
export function getNestingUser(): number {
  return process.getuid?.() || NESTING_USER;
}

/** The view of a program that sees nothing but a folder, in which its cache and its /tmp are. */
export function createEmptyView(folder: string): BoxView {
  const own = { workFolder: folder, cache: join(folder, "cache"), temporary: join(folder, "tmp") };
  return { ...own, readable: [], network: "none" };
}

/** Puts a command into the box of a session: what to start in its place. */
export function wrapInBox(
  { bwrap, isolation, placed = [] }: Box,
  { program, args, env }: Command,
  view: BoxView,
): Command {
  const { workFolder, cache, temporary, network, writable = [] } = view;
  const reached = network === "none" ? undefined : network;
  const home = env["HOME"] ?? "/";
  const inside = join(home === "/" ? "/tmp" : home, ".cache");
  const binary = realpathSync(program);
  for (const folder of [cache, temporary, ...writable]) makePrivateFolder(folder);
  const hidden = listHidden(view, env);
  const shown = [
    ...[process.execPath, NETWORK_PROGRAM, ...listProductFiles(), ...listPrograms(binary)],
    ...listSearchFolders(env["PATH"], hidden),
    ...FILE_VARIABLES.flatMap((name) => env[name] ?? []),
  ];
  const show = (paths: readonly string[]) =>
    [...new Set(paths.flatMap(resolveLinks))].flatMap((path) => ["--ro-bind-try", path, path]);
  const boxed = [
    ...isolation,
    ...(network ? ["--unshare-net"] : []),
    ...bindSystem(),
    ...ETC_NAMES.flatMap((name) => ["--ro-bind-try", `/etc/${name}`, `/etc/${name}`]),
    ...["--proc", "/proc", "--dev", "/dev", "--bind", temporary, "/tmp", "--tmpfs", "/var/tmp", "--tmpfs", "/run"],
    ...(home === "/" ? [] : ["--tmpfs", home]),
    ...show(view.readable),
    ...hidden.flatMap((path) => hide(path, view.readable)),
    ...show(shown),
    ...(view.repository ? listObjectStores(view.repository) : []).flatMap((path) => ["--ro-bind", path, path]),
    ...["--bind", cache, inside, "--bind", workFolder, workFolder],
    ...writable.flatMap((path) => ["--bind", path, path]),
    ...[...placed, ...(view.placed ?? [])].flatMap(([path, place]) => ["--ro-bind-try", path, place]),
    ...(view.shared ?? []).flatMap(([path, place]) => ["--bind-try", path, place]),
    ...(reached ? ["--ro-bind", reached.socket, reached.socket] : []),
    ...["--chdir", workFolder, "--"],
  ];
  const { CLAUDE_CODE_SUBPROCESS_ENV_SCRUB: _, TMPDIR: __, ...kept } = env;
  const own = { ...kept, XDG_CACHE_HOME: inside, npm_config_cache: join(inside, "npm") };
  if (!reached) return { program: bwrap, args: [...boxed, binary, ...args], env: own };
  const { hosts, socket } = reached;
  const ports = hosts.filter((host) => LOOPBACK.test(host)).map((host) => host.split(":").at(-1) ?? "");
  const proxy = `http://127.0.0.1:${PROXY_PORT}`;
  const relay = [process.execPath, NETWORK_PROGRAM, "relay", socket, [...new Set([PROXY_PORT, ...ports])].join(",")];
  const upstream = env["HTTPS_PROXY"] ?? env["HTTP_PROXY"] ?? "";
  return {
    program: bwrap,
    args: [...boxed, ...relay, binary, ...args],
    env: { ...own, HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: "127.0.0.1,localhost" },
    proxy: [NETWORK_PROGRAM, "proxy", socket, hosts.join(","), upstream],
  };
}

/** Puts git into a box in which it sees a clone and what it needs to read it, and can change nothing. */
export function wrapGitInBox(
  { bwrap, isolation }: Box,
  args: readonly string[],
  { repository, paths, env }: { repository: string; paths: readonly string[]; env: Environment },
): [program: string, ...args: string[]] {
  return [
    bwrap,
    ...[...isolation, "--unshare-net", ...bindSystem(), "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    ...[...paths, ...listObjectStores(repository)].flatMap((path) => ["--ro-bind", path, path]),
    ...Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--", "git", ...args],
  ];
}

/** `host:port` of an address. */
export function toHostAndPort(url: string): string[] {
  const parsed = URL.parse(url);
  if (!parsed?.hostname) return [];
  return [`${parsed.hostname}:${parsed.port || (parsed.protocol === "http:" ? "80" : "443")}`];
}

function bindSystem(): string[] {
  return SYSTEM_FOLDERS.flatMap((path) => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return [];
    return stats.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });
}

/** The product's own programs, which a session calls as `groundcrew`; nothing else of its folder. */
function listProductFiles(): string[] {
  const cli = getProgramPath("cli");
  if (basename(dirname(cli)) !== "runtime") return [dirname(cli)];
  const root = dirname(dirname(cli));
  return ["runtime", "shared", "functions", "node_modules", "package.json"].map((name) => join(root, name));
}

/** A program that an npm package brings needs the other packages of its publisher. */
export function listPrograms(binary: string): string[] {
  const [before, name] = binary.split(`${sep}node_modules${sep}`, 2);
  const publisher = name?.split(sep)[0];
  return publisher ? [binary, join(before ?? "", "node_modules", publisher)] : [binary];
}

/** Folders of PATH that the system's do not hold. Beside `bin`, a program has its libraries. */
function listSearchFolders(searchPath: string | undefined, hidden: readonly string[]): string[] {
  return (searchPath ?? "").split(delimiter).flatMap((folder) => {
    if (!isAbsolute(folder) || !existsSync(folder) || isSystem(folder)) return [];
    const parent = dirname(folder);
    const isInstallation = basename(folder) === "bin" && basename(parent) !== ".local";
    return isInstallation && !hidden.some((path) => isWithin(path, parent)) ? [folder, parent] : [folder];
  });
}

/** A path and what it leads to over links, which would otherwise end outside the box. */
function resolveLinks(path: string): string[] {
  return existsSync(path) ? [path, realpathSync(path)].filter((one) => !isSystem(one)) : [];
}

function isSystem(path: string): boolean {
  return SYSTEM_FOLDERS.some((folder) => isWithin(path, folder));
}

/** Secrets that are hidden also where a folder above them is shown: the product's, the runner's and the user's. */
function listHidden({ workFolder }: BoxView, env: Environment): string[] {
  const folder = process.cwd();
  const named = Object.entries(process.env).flatMap(([name, value]) =>
    value && /_FILE$|^GROUNDCREW_CONFIG$/.test(name) && !FILE_VARIABLES.includes(name) ? [resolve(value)] : [],
  );
  const store = process.env["STORE_URL"] ?? "";
  const data = store.startsWith("file:") ? resolve(store.slice("file:".length)) : join(folder, "data");
  // <runner>/worktrees/<KEY>: the runner's folder has the other sessions and the socket of tmux.
  const runnerFolder = dirname(dirname(workFolder));
  const paths = [join(folder, ".env"), join(folder, "groundcrew.json"), data, runnerFolder, ...named];
  return [...paths, ...(env["HOME"] ? [join(env["HOME"], ".ssh")] : [])];
}

/** Covers a path, if it exists and a folder above it is shown. */
function hide(path: string, shown: readonly string[]): string[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats || !(isSystem(path) || shown.some((folder) => isWithin(path, folder)))) return [];
  return stats.isDirectory() ? ["--tmpfs", path] : ["--ro-bind", "/dev/null", path];
}

function isWithin(path: string, folder: string): boolean {
  return !/^\.\.(?:\/|$)/.test(relative(folder, path));
}

/** The folders of a repository's objects: its own, and those that it shares. */
function listObjectStores(repository: string): string[] {
  const stores = [findObjects(repository)];
  for (const store of stores) {
    const file = join(store, "info", "alternates");
    const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    const shared = lines.filter(Boolean).map((line) => resolve(store, line));
    stores.push(...shared.filter((path) => existsSync(path) && !stores.includes(path)));
  }
  return stores;
}

/** The folder with a repository's objects: in `.git`, in a bare repository itself, or where a worktree's link leads. */
export function findObjects(repository: string): string {
  const own = join(repository, ".git");
  const stats = lstatSync(own, { throwIfNoEntry: false });
  const common = stats?.isFile() ? findCommonFolder(own) : stats ? own : repository;
  const objects = join(common, "objects");
  if (!existsSync(objects)) throw new Error(`${repository} is no git repository.`);
  return realpathSync(objects);
}

function findCommonFolder(link: string): string {
  const gitDir = resolve(dirname(link), /^gitdir: (.+)$/m.exec(readFileSync(link, "utf8"))?.[1] ?? "");
  const common = join(gitDir, "commondir");
  return existsSync(common) ? resolve(gitDir, readFileSync(common, "utf8").trim()) : gitDir;
}
