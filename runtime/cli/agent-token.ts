import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CommandError, EXIT } from "./command-error.ts";

type Env = Record<string, string | undefined>;

/**
 * Option names under which people pass secrets to commands, which shell histories and every process of the machine can
 * see. An argument with spaces before a `=` is text and not an option: `--password-reset works`.
 */
const SECRET_OPTION = /^--?[\w-]*(token|secret|passw|api[-_]?key|auth(?!ors?(?:=|$))|bearer|credential)[\w-]*(?:=|$)/i;

/** Throws when a token is among the arguments. The message does not contain it. */
export function rejectTokenArguments(args: readonly string[], env: Env): void {
  const tokens = [env["GROUNDCREW_TOKEN"], env["ADMIN_TOKEN"]].flatMap((token) => token ?? []);
  const option = args.find((arg) => SECRET_OPTION.test(arg))?.split("=", 1)[0];
  // A short token could be part of any text.
  const isInArguments = tokens.some((token) => token.length >= 8 && args.some((arg) => arg.includes(token)));
  if (option === undefined && !isInArguments) return;
  throw new CommandError(
    EXIT.token,
    `${option ?? "The token"} must not be an argument: every process of this machine can read arguments. Put the token ` +
      "into GROUNDCREW_TOKEN, a file named by GROUNDCREW_TOKEN_FILE, or .groundcrew/token; and replace this token.",
  );
}

/** Reads the agent's bridge token. Throws when none is set, or when other users can read its file. */
export async function readAgentToken(env: Env, cwd: string): Promise<string> {
  const rawToken = env["GROUNDCREW_TOKEN"] || (await readTokenFile(env, cwd));
  if (rawToken === undefined)
    throw new CommandError(
      EXIT.token,
      "No token found: set GROUNDCREW_TOKEN or GROUNDCREW_TOKEN_FILE, or put it into .groundcrew/token in this folder or one above.",
    );
  const token = rawToken.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(EXIT.token, "The token is empty or contains invalid characters.");
}

/** Reads the operators' token. Throws when none is set, or when other users can read its file. */
export async function readAdminToken(env: Env): Promise<string> {
  const path = env["ADMIN_TOKEN_FILE"];
  const text = env["ADMIN_TOKEN"] || (path ? await readPrivateFile(path, 0) : undefined);
  if (text === undefined)
    throw new CommandError(EXIT.token, "No token found: set ADMIN_TOKEN, or ADMIN_TOKEN_FILE to a file that exists.");
  const [token = ""] = text.trim().split(",");
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(EXIT.token, "The token is empty or contains invalid characters.");
}

async function readTokenFile(env: Env, cwd: string): Promise<string | undefined> {
  const configuredPath = env["GROUNDCREW_TOKEN_FILE"];
  if (configuredPath) {
    const text = await readPrivateFile(configuredPath, 0);
    if (text !== undefined) return text;
    throw new CommandError(EXIT.token, `File ${configuredPath}, named by GROUNDCREW_TOKEN_FILE, does not exist.`);
  }
  for (let folder = cwd; ; folder = dirname(folder)) {
    const text = await readPrivateFile(join(folder, ".groundcrew", "token"), constants.O_NOFOLLOW);
    if (text !== undefined || dirname(folder) === folder) return text;
  }
}

/** Reads a file that only this user may read; undefined when it does not exist. */
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
      throw new CommandError(EXIT.token, `Other users can read ${path}. Restrict it: chmod 600 ${path}`);
    if (ownUid !== undefined && uid !== ownUid && uid !== 0)
      throw new CommandError(EXIT.token, `${path} belongs to another user.`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
