import { z } from "zod";

/** The Bot API did not answer. `not_sent`: the call cannot have taken effect; `unknown`: it may have. */
export class NoBotApiAnswer extends Error {
  readonly kind: "not_sent" | "unknown";

  constructor(kind: "not_sent" | "unknown", message: string) {
    super(message);
    this.name = "NoBotApiAnswer";
    this.kind = kind;
  }
}

/** The envelope of every Bot API answer, whatever its HTTP status. */
const answerSchema = z.union([
  z.object({ ok: z.literal(true), result: z.unknown() }),
  z.object({
    ok: z.literal(false),
    error_code: z.number().int(),
    description: z.string(),
    parameters: z
      .object({
        // A time that is not a number says nothing, but the answer is still a 429.
        retry_after: z.number().optional().catch(undefined),
        migrate_to_chat_id: z.number().optional(),
      })
      .optional(),
  }),
]);

interface RequestInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

/**
 * Creates a fetch for grammY's client that returns a validated Bot API envelope or throws `NoBotApiAnswer`.
 *
 * A 5xx with a Bot API envelope means the call was not done. A 5xx without one comes from a proxy (502, 504), which
 * does not know whether Telegram handled the call. Redirects are not followed, because the address contains the token.
 */
export function createCheckedFetch(fetch: typeof globalThis.fetch) {
  return async (url: string, { method, headers, body, signal }: RequestInit): Promise<Response> => {
    const request = { method, headers, body, signal, redirect: "manual" as const };
    const present = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
    let status = 0;
    let text: string;
    try {
      const response = await fetch(url, present);
      status = response.status;
      text = await response.text();
    } catch (thrown) {
      throw new NoBotApiAnswer(status === 0 && wasNeverSent(thrown) ? "not_sent" : "unknown", describeFailure(thrown));
    }
    const answer = answerSchema.safeParse(parseJsonOrUndefined(text));
    if (answer.success) return Response.json(answer.data);
    const certainty = status >= 300 && status < 500 ? "not_sent" : "unknown";
    throw new NoBotApiAnswer(certainty, `HTTP ${status} that is not a Bot API answer`);
  };
}

function parseJsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const causeSchema = z.looseObject({
  name: z.string().optional(),
  code: z.union([z.string(), z.number()]).optional(),
  syscall: z.string().optional(),
  cause: z.unknown().optional(),
  errors: z.array(z.unknown()).optional(),
});

/** Collects a thrown value and its causes, outermost first. */
function collectCauses(thrown: unknown, depth = 4): z.infer<typeof causeSchema>[] {
  const parsedCause = causeSchema.safeParse(thrown);
  if (!parsedCause.success || depth === 0) return [];
  const inner = [parsedCause.data.cause, ...(parsedCause.data.errors ?? [])];
  return [parsedCause.data, ...inner.flatMap((cause) => collectCauses(cause, depth - 1))];
}

/** Errors raised before any byte of the request is written: name lookup, connection, certificate, invalid URL. */
const CONNECTION_ERRORS =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_INVALID_URL)$/;
const CERTIFICATE_ERRORS = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

function wasNeverSent(thrown: unknown): boolean {
  return collectCauses(thrown).some(({ code, syscall }) => {
    if (syscall === "connect" || syscall === "getaddrinfo") return true;
    return typeof code === "string" && (CONNECTION_ERRORS.test(code) || CERTIFICATE_ERRORS.test(code));
  });
}

/** Returns names and codes only: an error's message may quote the address, which contains the token. */
function describeFailure(thrown: unknown): string {
  const codes = collectCauses(thrown).flatMap(({ code, name }) => code ?? name ?? []);
  return `no answer: ${codes.at(-1) ?? "connection failed"}`;
}
