import { z } from "zod";
import { getErrorMessage } from "../../shared/errors.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { CommandError, EXIT } from "./command-error.ts";
import { parseToolSpecs, type ToolSpec } from "./tool-specs.ts";

const errorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), retry_after: z.number().optional() }),
});
const uploadLimitsSchema = z.object({ max_bytes: z.number(), types: z.record(z.string(), z.string()) });

/** Plane may be slow, and Groundcrew asks it again; longer than this nobody waits. */
const REQUEST_TIMEOUT_MS: Ms = 3 * MINUTE;
/** A little longer than Groundcrew gives an upload. */
const UPLOAD_TIMEOUT_MS: Ms = 11 * MINUTE;

export type ApiClient = ReturnType<typeof createApiClient>;

/** Groundcrew at this address, as the holder of this token. */
export function createApiClient(address: string | undefined, token: string) {
  const base = parseBaseUrl(address);

  async function request(
    path: string,
    init: RequestInit & { duplex?: "half" } = {},
    limit = REQUEST_TIMEOUT_MS,
  ): Promise<unknown> {
    const headers = { authorization: `Bearer ${token}`, accept: "application/json", ...init.headers };
    const signal = AbortSignal.timeout(limit);
    let answer: { response: Response; text: string };
    try {
      // A redirect would take the token along.
      const response = await fetch(base + path, { ...init, headers, redirect: "manual", signal });
      answer = { response, text: await response.text() };
    } catch (thrown) {
      const reason = signal.aborted ? `no answer within ${limit / 1000} s` : describeNetworkError(thrown);
      const hint = `Check GROUNDCREW_URL (${base}) and that Groundcrew runs.`;
      throw new CommandError(EXIT.later, `Groundcrew cannot be reached: ${reason}. ${hint}`, { code: "unreachable" });
    }
    return parseResponse(answer.response, answer.text);
  }

  function parseResponse(response: Response, text: string): unknown {
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      const to = headers.get("location") ?? "";
      const origin = URL.canParse(to, base) ? new URL(to, base).origin : "elsewhere";
      throw new CommandError(
        EXIT.failed,
        `${base} leads to ${origin}. Set GROUNDCREW_URL to where Groundcrew really is.`,
      );
    }
    const json = tryParseJson(text);
    if (response.ok && json !== undefined) return json;
    const apiError = errorSchema.safeParse(json);
    if (!apiError.success && status >= 502 && status <= 504) {
      const reason = `what stands before it answers ${status}`;
      throw new CommandError(EXIT.later, `Groundcrew cannot be reached: ${reason}. Try again in a moment.`, {
        code: "unreachable",
      });
    }
    if (!apiError.success)
      throw new CommandError(
        EXIT.failed,
        `${base} does not answer as Groundcrew does (${status}). Check GROUNDCREW_URL.`,
      );
    const { code, message, retry_after } = apiError.data.error;
    const isTemporary = retry_after !== undefined || status === 429 || status === 503;
    const exit = status === 401 ? EXIT.token : isTemporary ? EXIT.later : EXIT.failed;
    throw new CommandError(exit, message, { code, retryAfter: retry_after });
  }

  return {
    /** What this agent may call. */
    async specs(): Promise<ToolSpec[]> {
      const json = await request("/agent/openapi.json");
      try {
        return parseToolSpecs(json);
      } catch {
        throw new CommandError(EXIT.failed, `${base} lists its tools in a way this version does not know: update it.`);
      }
    },
    call: (tool: string, input: Record<string, unknown>): Promise<unknown> =>
      request(`/agent/${encodeURIComponent(tool)}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(input),
      }),
    /** What may be uploaded: the largest size in bytes, and the types by extension. */
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
        UPLOAD_TIMEOUT_MS,
      ),
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

/** The network's own word for it: fetch says only that it failed. */
function describeNetworkError(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return getErrorMessage(thrown);
}
