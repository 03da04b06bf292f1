import { z } from "zod";
import { getErrorMessage } from "../../shared/errors.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { CommandError, EXIT } from "./command-error.ts";
import { parseToolSpecs, type ToolSpec } from "./tool-specs.ts";

const errorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), retry_after: z.number().optional() }),
});
const uploadLimitsSchema = z.object({ max_bytes: z.number(), types: z.record(z.string(), z.string()) });

/** Timeout for a tool call: 3 min, because Plane may be slow and Groundcrew repeats failed requests to it. */
const REQUEST_TIMEOUT_MS: Ms = 3 * MINUTE;
/** Timeout for an upload or a download: 11 min, slightly longer than Groundcrew's own of an upload. */
const TRANSFER_TIMEOUT_MS: Ms = 11 * MINUTE;

export type ApiClient = ReturnType<typeof createApiClient>;

/** Creates a client of Groundcrew's agent API. Its methods throw `CommandError`. */
export function createApiClient(address: string | undefined, token: string) {
  const base = parseBaseUrl(address);

  /** Sends a request and reads its response with `read`; throws when no complete response arrives in time. */
  async function send<T>(
    path: string,
    init: RequestInit & { duplex?: "half" },
    limit: Ms,
    read: (response: Response) => T | Promise<T>,
  ): Promise<T> {
    const headers = { authorization: `Bearer ${token}`, accept: "application/json", ...init.headers };
    const signal = AbortSignal.timeout(limit);
    try {
      // Redirects are not followed, because they would receive the token.
      return await read(await fetch(base + path, { ...init, headers, redirect: "manual", signal }));
    } catch (thrown) {
      const reason = signal.aborted ? `no response within ${limit / 1000} s` : describeNetworkError(thrown);
      const hint = `Check GROUNDCREW_URL (${base}) and that Groundcrew is running.`;
      throw new CommandError(EXIT.later, `Groundcrew cannot be reached: ${reason}. ${hint}`, { code: "unreachable" });
    }
  }

  async function request(
    path: string,
    init: RequestInit & { duplex?: "half" } = {},
    limit = REQUEST_TIMEOUT_MS,
  ): Promise<unknown> {
    const readText = async (response: Response) => ({ response, text: await response.text() });
    const { response, text } = await send(path, init, limit, readText);
    return parseResponse(response, text);
  }

  function parseResponse(response: Response, text: string): unknown {
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      const location = headers.get("location") ?? "";
      const origin = URL.canParse(location, base) ? new URL(location, base).origin : "another address";
      throw new CommandError(
        EXIT.failed,
        `${base} redirects to ${origin}. Set GROUNDCREW_URL to Groundcrew's address.`,
      );
    }
    const json = tryParseJson(text);
    if (response.ok && json !== undefined) return json;
    const apiError = errorSchema.safeParse(json);
    if (!apiError.success && status >= 502 && status <= 504) {
      const reason = `the proxy before it answered ${status}`;
      throw new CommandError(EXIT.later, `Groundcrew cannot be reached: ${reason}. Try again in a moment.`, {
        code: "unreachable",
      });
    }
    if (!apiError.success)
      throw new CommandError(
        EXIT.failed,
        `${base} is not Groundcrew (unexpected response ${status}). Check GROUNDCREW_URL.`,
      );
    const { code, message, retry_after } = apiError.data.error;
    const isTemporary = retry_after !== undefined || status === 429 || status === 503;
    const exit = status === 401 ? EXIT.token : isTemporary ? EXIT.later : EXIT.failed;
    throw new CommandError(exit, message, { code, retryAfter: retry_after });
  }

  return {
    /** Fetches the tools that this agent may call. */
    async specs(): Promise<ToolSpec[]> {
      const json = await request("/agent/openapi.json");
      try {
        return parseToolSpecs(json);
      } catch {
        throw new CommandError(EXIT.failed, `${base} lists its tools in an unknown format. Update this program.`);
      }
    },
    /** Sends a request to any route, with a JSON body or none. */
    callRoute: (path: string, method: "GET" | "POST", body?: object): Promise<unknown> =>
      request(path, {
        method,
        ...(body ? { headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {}),
      }),
    call: (tool: string, input: Record<string, unknown>): Promise<unknown> =>
      request(`/agent/${encodeURIComponent(tool)}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(input),
      }),
    /** Fetches the limits of uploads: the maximum size in bytes, and the allowed types by extension. */
    limits: async () => uploadLimitsSchema.parse(await request("/agent/upload_deliverable")),
    upload: (query: URLSearchParams, size: number, body: ReadableStream<Uint8Array>): Promise<unknown> =>
      request(
        `/agent/upload_deliverable?${query}`,
        {
          method: "PUT",
          headers: { "content-length": String(size), "content-type": "application/octet-stream" },
          body,
          duplex: "half",
        },
        TRANSFER_TIMEOUT_MS,
      ),
    /** Opens a file of a task as a stream. */
    async download(query: URLSearchParams): Promise<ReadableStream<Uint8Array>> {
      const response = await send(`/agent/download_deliverable?${query}`, {}, TRANSFER_TIMEOUT_MS, (opened) => opened);
      if (response.ok && response.body) return response.body;
      parseResponse(response, await response.text());
      throw new CommandError(EXIT.failed, `${base} answered without a file. Check GROUNDCREW_URL.`);
    },
  };
}

function parseBaseUrl(address: string | undefined): string {
  const url = address && URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash)
    return url.href.replace(/\/+$/, "");
  throw new CommandError(
    EXIT.usage,
    "Set GROUNDCREW_URL to Groundcrew's address, for example https://crew.example.com.",
  );
}

function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The error code of the network, such as ECONNREFUSED; fetch itself only reports that it failed. */
function describeNetworkError(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return getErrorMessage(thrown);
}
