import { z } from "zod";
import { messageOf } from "../../shared/errors.ts";
import type { Ms } from "../../shared/store/port.ts";
import { CommandError, EXIT } from "./end.ts";
import { type Spec, specsIn } from "./tools.ts";

const refusal = z.object({
  error: z.object({ code: z.string(), message: z.string(), retry_after: z.number().optional() }),
});
const limits = z.object({ max_bytes: z.number(), types: z.record(z.string(), z.string()) });

/** Plane may be slow, and Groundcrew asks it again; longer than this nobody waits. */
const ANSWER_MS: Ms = 180_000;
/** A little longer than Groundcrew gives an upload. */
const UPLOAD_MS: Ms = 660_000;

export type Door = ReturnType<typeof doorAt>;

/** Groundcrew at this address, as the holder of this token. */
export function doorAt(address: string | undefined, token: string) {
  const base = baseOf(address);

  async function ask(path: string, init: RequestInit & { duplex?: "half" } = {}, limit = ANSWER_MS): Promise<unknown> {
    const headers = { authorization: `Bearer ${token}`, accept: "application/json", ...init.headers };
    const signal = AbortSignal.timeout(limit);
    let answer: { response: Response; text: string };
    try {
      // A redirect would take the token along.
      const response = await fetch(base + path, { ...init, headers, redirect: "manual", signal });
      answer = { response, text: await response.text() };
    } catch (thrown) {
      const why = signal.aborted ? `no answer within ${limit / 1000} s` : reasonOf(thrown);
      const hint = `Check GROUNDCREW_URL (${base}) and that Groundcrew runs.`;
      throw new CommandError(EXIT.later, `Groundcrew cannot be reached: ${why}. ${hint}`, { code: "unreachable" });
    }
    return read(answer.response, answer.text);
  }

  function read(response: Response, text: string): unknown {
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      const to = headers.get("location") ?? "";
      const origin = URL.canParse(to, base) ? new URL(to, base).origin : "elsewhere";
      throw new CommandError(
        EXIT.failed,
        `${base} leads to ${origin}. Set GROUNDCREW_URL to where Groundcrew really is.`,
      );
    }
    const json = parsed(text);
    if (response.ok && json !== undefined) return json;
    const refused = refusal.safeParse(json);
    if (!refused.success && status >= 502 && status <= 504) {
      const why = `what stands before it answers ${status}`;
      throw new CommandError(EXIT.later, `Groundcrew cannot be reached: ${why}. Try again in a moment.`, {
        code: "unreachable",
      });
    }
    if (!refused.success)
      throw new CommandError(
        EXIT.failed,
        `${base} does not answer as Groundcrew does (${status}). Check GROUNDCREW_URL.`,
      );
    const { code, message, retry_after } = refused.data.error;
    const later = retry_after !== undefined || status === 429 || status === 503;
    const exit = status === 401 ? EXIT.token : later ? EXIT.later : EXIT.failed;
    throw new CommandError(exit, message, { code, retryAfter: retry_after });
  }

  return {
    /** What this agent may call. */
    async specs(): Promise<Spec[]> {
      const json = await ask("/agent/openapi.json");
      try {
        return specsIn(json);
      } catch {
        throw new CommandError(EXIT.failed, `${base} lists its tools in a way this version does not know: update it.`);
      }
    },
    call: (tool: string, input: Record<string, unknown>): Promise<unknown> =>
      ask(`/agent/${encodeURIComponent(tool)}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(input),
      }),
    /** What may be uploaded: the largest size in bytes, and the types by extension. */
    limits: async () => limits.parse(await ask("/agent/upload_deliverable")),
    upload: (query: URLSearchParams, size: number, body: ReadableStream<Uint8Array>): Promise<unknown> =>
      ask(
        `/agent/upload_deliverable?${query}`,
        {
          method: "PUT",
          headers: { "content-length": String(size), "content-type": "application/octet-stream" },
          body,
          duplex: "half",
        },
        UPLOAD_MS,
      ),
  };
}

function baseOf(address: string | undefined): string {
  const url = address && URL.canParse(address) ? new URL(address) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash)
    return url.href.replace(/\/+$/, "");
  throw new CommandError(
    EXIT.usage,
    "Set GROUNDCREW_URL to Groundcrew's address, for example https://crew.example.com.",
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The network's own word for it: fetch says only that it failed. */
function reasonOf(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return messageOf(thrown);
}
