/**
 * The home of Codex in a box: what the person has set up, and threads of this ticket alone. Rules and settings are
 * read-only there, so that a command cannot allow what comes after it. Its terminal has a home of its own.
 */

import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { makePrivateFolder, writePrivateFile } from "../../node/files.ts";
import { getNestingUser, toHostAndPort } from "../box.ts";
import type { BoxedHome, DriverContext } from "../driver.ts";
import type { SessionPaths, SessionRecord } from "../session-folder.ts";

const CONFIG = "config.toml";

const RULES = "rules";

/** What a person has set up for Codex, which sessions read. */
const USER_FILES = [
  CONFIG,
  RULES,
  ".env",
  "AGENTS.md",
  "AGENTS.override.md",
  "hooks.json",
  "plugins",
  "prompts",
  "skills",
];

/** Codex writes it when it renews its log-in. */
const CREDENTIALS = "auth.json";

/** Where Codex stores its threads, which stay. */
const THREADS = "sessions";

/** Where Codex reaches its model and renews its log-in, unless its settings name another address. */
const MODEL_HOSTS = ["api.openai.com:443", "chatgpt.com:443", "auth.openai.com:443"];

/** Where the app-server listens in a box, and its terminal finds it. */
export const SOCKET_IN_BOX = "/run/groundcrew/codex.sock";

/** The home of Codex in a session's folder. */
export function getCodexHome(folder: string): string {
  return join(folder, "codex");
}

/**
 * The folders outside of the box in which the app-server makes its socket, and then a link to it. They stay apart: Codex
 * refuses to work where a folder of its sockets can be seen at a second place.
 */
export function getListeningFolders(folder: string): { sockets: string; links: string } {
  return { sockets: join(folder, "listen", "sockets"), links: join(folder, "listen", "links") };
}

/** Creates the home for a session, anew at each launch but for its threads. */
export function createCodexHome(
  env: DriverContext["env"],
  _: SessionRecord,
  { folder, temporary }: SessionPaths,
): BoxedHome {
  const home = getCodexHome(folder);
  const { sockets, links } = getListeningFolders(folder);
  const empty = join(folder, "empty");
  const noConfig = join(folder, "empty.toml");
  makePrivateFolder(home);
  for (const name of readdirSync(home))
    if (name !== THREADS) rmSync(join(home, name), { recursive: true, force: true });
  // What an earlier launch has left would be taken for the socket of this one.
  const place = join(temporary, `codex-daemon-${getNestingUser()}`);
  for (const path of [sockets, links, place]) rmSync(path, { recursive: true, force: true });
  for (const path of [sockets, links, empty]) makePrivateFolder(path);
  writePrivateFile(noConfig, "");
  const users = getUsersHome(env);
  const setUp = USER_FILES.filter((name) => existsSync(join(users, name)));
  return {
    folder: home,
    env: { CODEX_HOME: home },
    placed: [
      [empty, join(home, RULES)],
      [noConfig, join(home, CONFIG)],
      ...setUp.map((name) => [join(users, name), join(home, name)] as const),
    ],
    shared: [
      [join(users, CREDENTIALS), join(home, CREDENTIALS)],
      [sockets, `/tmp/codex-daemon-${getNestingUser()}`],
      [links, dirname(SOCKET_IN_BOX)],
    ],
    hosts: findModelHosts(join(users, CONFIG), env),
  };
}

/** Creates the home of its terminal, which reads the person's settings and nothing that the session writes. */
export function createTerminalHome(env: DriverContext["env"], folder: string): Pick<BoxedHome, "folder" | "placed"> {
  const home = join(folder, "terminal");
  rmSync(home, { recursive: true, force: true });
  makePrivateFolder(home);
  return { folder: home, placed: [[join(getUsersHome(env), CONFIG), join(home, CONFIG)]] };
}

function getUsersHome(env: DriverContext["env"]): string {
  return env["CODEX_HOME"] ?? join(env["HOME"] ?? homedir(), ".codex");
}

/** The addresses of the settings' providers, or else those of Codex itself. */
function findModelHosts(config: string, env: DriverContext["env"]): string[] {
  const text = existsSync(config) ? readFileSync(config, "utf8") : "";
  const named = [...text.matchAll(/^\s*\w*base_url\s*=\s*"([^"]+)"/gm)].flatMap(([, url = ""]) => toHostAndPort(url));
  const own = env["OPENAI_BASE_URL"] ? toHostAndPort(env["OPENAI_BASE_URL"]) : [];
  const hosts = [...named, ...own];
  return hosts.length > 0 ? hosts : MODEL_HOSTS;
}
