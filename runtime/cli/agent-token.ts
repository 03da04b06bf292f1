import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CommandError, EXIT } from "./command-error.ts";

type Env = Record<string, string | undefined>;

/**
 * Names under which people give secrets to commands, where every process of the machine and histories see them. What has
 * blanks before a `=` is no name but somebody's words: `--password-reset works`.
 */
const SECRET_OPTION = /^--?[\w-]*(token|secret|passw|api[-_]?key|auth(?!ors?(?:=|$))|bearer|credential)[\w-]*(?:=|$)/i;

/** Throws when a token is among the arguments; never repeats it. */
export function rejectTokenArguments(args: readonly string[], env: Env): void {
  const token = env["GROUNDCREW_TOKEN"];
  const option = args.find((arg) => SECRET_OPTION.test(arg))?.split("=", 1)[0];
  // Short ones are words of every text.
  const isAmong = token !== undefined && token.length >= 8 && args.some((arg) => arg.includes(token));
  if (option === undefined && !isAmong) return;
  throw new CommandError(
    EXIT.token,
    `${option ?? "The token"} does not belong among the arguments: every process of this machine can read them. Put it ` +
      "into GROUNDCREW_TOKEN, a file named by GROUNDCREW_TOKEN_FILE, or .groundcrew/token; and replace this one.",
  );
}

/** The agent's bridge token. Throws when there is none, or when others can read its file. */
export async function readAgentToken(env: Env, cwd: string): Promise<string> {
  const rawToken = env["GROUNDCREW_TOKEN"] || (await readTokenFile(env, cwd));
  if (rawToken === undefined)
    throw new CommandError(
      EXIT.token,
      "There is no token: set GROUNDCREW_TOKEN or GROUNDCREW_TOKEN_FILE, or put it into .groundcrew/token here or above.",
    );
  const token = rawToken.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(EXIT.token, "The token is empty or has characters no token has.");
}

async function readTokenFile(env: Env, cwd: string): Promise<string | undefined> {
  const configuredPath = env["GROUNDCREW_TOKEN_FILE"];
  if (configuredPath) {
    const text = await readPrivateFile(configuredPath, 0);
    if (text !== undefined) return text;
    throw new CommandError(EXIT.token, `There is no file ${configuredPath}, which GROUNDCREW_TOKEN_FILE names.`);
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    const text = await readPrivateFile(join(folder, ".groundcrew", "token"), constants.O_NOFOLLOW);
    if (text !== undefined || dirname(folder) === folder) return text;
  }
}

/** Undefined when there is no such file. */
async function readPrivateFile(path: string, flags: number): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new CommandError(EXIT.token, `${path} cannot be read (${String(code)}).`);
  }
  try {
    const { mode, uid } = await file.stat();
    const ownUid = process.getuid?.();
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw new CommandError(EXIT.token, `Others can read ${path}. Make it yours alone: chmod 600 ${path}`);
    if (ownUid !== undefined && uid !== ownUid && uid !== 0)
      throw new CommandError(EXIT.token, `${path} belongs to another user of this machine.`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
