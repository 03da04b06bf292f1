/**
 * The connection to the server: its address, the caller's token, which is never an argument, and calls with errors
 * that say what to do.
 */

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { environmentSchema, toLocalUrl } from "../../shared/config/environment.ts";
import { type Findings, readConnectionFile } from "../../shared/config/secrets.ts";
import { findErrorCode, getErrorMessage } from "../../shared/errors.ts";
import { tryParseJson } from "../../shared/text.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { VERSION } from "../../shared/version.ts";
import { nodeFiles } from "../node/files.ts";
import { parseToolSpecs, type ToolSpec } from "./options.ts";
import { CommandError, createUsageError, EXIT } from "./output.ts";

type Env = Record<string, string | undefined>;

type Init = RequestInit & { duplex?: "half" };

const errorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), retry_after: z.number().optional() }),
});

const uploadLimitsSchema = z.object({ max_bytes: z.number(), types: z.record(z.string(), z.string()) });

/** Timeout for a tool call: 3 min, because Plane may be slow and Groundcrew repeats failed requests to it. */
const REQUEST_TIMEOUT_MS: Ms = 3 * MINUTE;

/** Timeout for an upload or a download: 11 min, slightly longer than Groundcrew's own of an upload. */
const TRANSFER_TIMEOUT_MS: Ms = 11 * MINUTE;

const connectionSchema = environmentSchema.pick({ PLANE_URL: true, PUBLIC_URL: true, HOST: true, PORT: true });

/** How this program names itself, so that an answer to a request names the way it came. */
const CLI_AGENT = `groundcrew-cli/${VERSION}`;

/**
 * Option names under which people pass secrets to commands, which shell histories and every process of the machine can
 * see. An argument with spaces before a `=` is text and not an option: `--password-reset works`. `--tokens` is a
 * number.
 */
const SECRET_OPTION =
  /^--?[\w-]*(token(?!s(?:=|$))|secret|passw|api[-_]?key|auth(?!ors?(?:=|$))|bearer|credential)[\w-]*(?:=|$)/i;

/** Creates a client of Groundcrew's agent API. Its methods throw `CommandError`. */
export function createApiClient(address: string | undefined, token: string) {
  const base = parseBaseUrl(address);

  /** Sends a request and reads its response with `read`; throws when no complete response arrives in time. */
  async function send<T>(
    path: string,
    init: Init,
    limit: Ms,
    read: (response: Response) => T | Promise<T>,
  ): Promise<T> {
    const authorization = `Bearer ${token}`;
    const headers = { authorization, accept: "application/json", "user-agent": CLI_AGENT, ...init.headers };
    const signal = AbortSignal.timeout(limit);
    try {
      // Redirects are not followed, because they would receive the token.
      return await read(await fetch(base + path, { ...init, headers, redirect: "manual", signal }));
    } catch (thrown) {
      const reason = signal.aborted
        ? `no response within ${limit / 1000} s`
        : (findErrorCode(thrown) ?? getErrorMessage(thrown));
      throw createUnreachable(`${reason}. Check GROUNDCREW_URL (${base}) and that Groundcrew is running.`);
    }
  }

  async function request(path: string, init: Init = {}, limit = REQUEST_TIMEOUT_MS): Promise<unknown> {
    const readText = async (response: Response) => ({ response, text: await response.text() });
    const { response, text } = await send(path, init, limit, readText);
    return parseResponse(response, text);
  }

  function post(path: string, body: object): Promise<unknown> {
    const headers = { "content-type": "application/json" };
    return request(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  function parseResponse(response: Response, text: string): unknown {
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      const location = headers.get("location") ?? "";
      const origin = URL.canParse(location, base) ? new URL(location, base).origin : "another address";
      const problem = `${base} redirects to ${origin}. Set GROUNDCREW_URL to Groundcrew's address.`;
      throw new CommandError(EXIT.failed, problem);
    }
    const json = tryParseJson(text);
    if (response.ok && json !== undefined) return json;
    const apiError = errorSchema.safeParse(json);
    if (!apiError.success && status >= 502 && status <= 504)
      throw createUnreachable(`the proxy before it answered ${status}. Try again in a moment.`);
    const stranger = `${base} is not Groundcrew (unexpected response ${status}). Check GROUNDCREW_URL.`;
    if (!apiError.success) throw new CommandError(EXIT.failed, stranger);
    const { code, message, retry_after } = apiError.data.error;
    const isTemporary = retry_after !== undefined || status === 429 || status === 503;
    const exit = status === 401 ? EXIT.token : isTemporary ? EXIT.later : EXIT.failed;
    throw new CommandError(exit, message, { code, retryAfter: retry_after });
  }

  return {
    async specs(): Promise<ToolSpec[]> {
      const json = await request("/agent/openapi.json");
      try {
        return parseToolSpecs(json);
      } catch {
        throw new CommandError(EXIT.failed, `${base} lists its tools in an unknown format. Update this program.`);
      }
    },
    get: (path: string): Promise<unknown> => request(path),
    post,
    call: (tool: string, input: object): Promise<unknown> => post(`/agent/${encodeURIComponent(tool)}`, input),
    /** Fetches the limits of uploads: the maximum size in bytes, and the allowed types by extension. */
    limits: async () => uploadLimitsSchema.parse(await request("/agent/upload_deliverable")),
    upload(query: URLSearchParams, size: number, body: ReadableStream<Uint8Array>): Promise<unknown> {
      const headers = { "content-length": String(size), "content-type": "application/octet-stream" };
      const init: Init = { method: "PUT", headers, body, duplex: "half" };
      return request(`/agent/upload_deliverable?${query}`, init, TRANSFER_TIMEOUT_MS);
    },
    /** Opens a file of a task as a stream. */
    async download(query: URLSearchParams): Promise<ReadableStream<Uint8Array>> {
      const response = await send(`/agent/download_deliverable?${query}`, {}, TRANSFER_TIMEOUT_MS, (opened) => opened);
      if (response.ok && response.body) return response.body;
      parseResponse(response, await response.text());
      throw new CommandError(EXIT.failed, `${base} answered without a file. Check GROUNDCREW_URL.`);
    },
  };
}

export type ApiClient = ReturnType<typeof createApiClient>;

function parseBaseUrl(address: string | undefined): string {
  const url = address && URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash)
    return url.href.replace(/\/+$/, "");
  throw createUsageError("Set GROUNDCREW_URL to Groundcrew's address, for example https://crew.example.com.");
}

function createUnreachable(reason: string): CommandError {
  return new CommandError(EXIT.later, `Groundcrew cannot be reached: ${reason}`, { code: "unreachable" });
}

/**
 * Groundcrew's address: GROUNDCREW_URL, or the one in provision's settings beside the token that it created
 * (GROUNDCREW_TOKEN_FILE=…/agents/<agent>/token). Settings in the current folder are not read, because whoever wrote
 * them would receive the token. Undefined when there is none; throws when the settings cannot be trusted.
 */
export function findServerAddress(env: Record<string, string | undefined>): string | undefined {
  const tokenFile = env["GROUNDCREW_TOKEN_FILE"];
  if (env["GROUNDCREW_URL"] || env["GROUNDCREW_TOKEN"] || !tokenFile) return env["GROUNDCREW_URL"];
  const agents = dirname(dirname(resolve(tokenFile)));
  if (basename(tokenFile) !== "token" || basename(agents) !== "agents") return undefined;
  const findings: Findings = { problems: [], warnings: [] };
  const connection = readConnectionFile(join(dirname(agents), "secrets.json"), nodeFiles, findings);
  const [problem] = findings.problems.map(({ name, given, wanted }) => `${name} is ${given}; wanted: ${wanted}.`);
  const refusal = problem ?? findings.warnings[0];
  if (refusal !== undefined) throw createUsageError(`${refusal} Or set GROUNDCREW_URL.`);
  const settings = connectionSchema.safeParse(connection).data;
  if (settings === undefined || settings.PLANE_URL === undefined) return undefined;
  return settings.PUBLIC_URL ?? toLocalUrl({ host: settings.HOST, port: settings.PORT });
}

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
  return checkToken(rawToken.trim());
}

function checkToken(token: string): string {
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
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags).catch((thrown: unknown) => {
    const code = findErrorCode(thrown);
    if (code !== "ENOENT" && code !== "ENOTDIR")
      throw new CommandError(EXIT.token, `${path} cannot be read (${String(code)}).`);
  });
  if (!file) return undefined;
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

/** Reads the operators' token. Throws when none is set, or when other users can read its file. */
export async function readAdminToken(env: Env): Promise<string> {
  const path = env["ADMIN_TOKEN_FILE"];
  const text = env["ADMIN_TOKEN"] || (path ? await readPrivateFile(path, 0) : undefined);
  if (text === undefined)
    throw new CommandError(EXIT.token, "No token found: set ADMIN_TOKEN, or ADMIN_TOKEN_FILE to a file that exists.");
  return checkToken(text.trim().split(",", 1)[0] ?? "");
}
