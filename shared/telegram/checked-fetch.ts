import { z } from "zod";

/** No answer of the Bot API came back. `not_sent`: it cannot have been acted on; `unknown`: it may have been. */
export class NoBotApiAnswer extends Error {
  readonly kind: "not_sent" | "unknown";

  constructor(kind: "not_sent" | "unknown", message: string) {
    super(message);
    this.name = "NoAnswer";
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
    parameters: z.object({ retry_after: z.number().optional(), migrate_to_chat_id: z.number().optional() }).optional(),
  }),
]);

interface RequestInit {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

/**
 * A fetch for grammY's client that answers with a checked Bot API envelope or throws `NoAnswer`.
 *
 * An error of 5xx in the Bot API's own words means it was not done. A 5xx without them comes from something
 * in between (502, 504), which does not know what Telegram did: unknown. A redirect is not followed: the
 * address carries the token.
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

/** A thrown value with its causes, outermost first. */
function collectCauses(thrown: unknown, depth = 4): z.infer<typeof causeSchema>[] {
  const parsedCause = causeSchema.safeParse(thrown);
  if (!parsedCause.success || depth === 0) return [];
  const inner = [parsedCause.data.cause, ...(parsedCause.data.errors ?? [])];
  return [parsedCause.data, ...inner.flatMap((cause) => collectCauses(cause, depth - 1))];
}

/** Errors that come before a byte of the request is written: names, connections, certificates, the address itself. */
const CONNECTION_ERRORS =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_INVALID_URL)$/;
const CERTIFICATE_ERRORS = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

function wasNeverSent(thrown: unknown): boolean {
  return collectCauses(thrown).some(({ code, syscall }) => {
    if (syscall === "connect" || syscall === "getaddrinfo") return true;
    return typeof code === "string" && (CONNECTION_ERRORS.test(code) || CERTIFICATE_ERRORS.test(code));
  });
}

/** Only names and codes: a message may quote the address, and with it the token. */
function describeFailure(thrown: unknown): string {
  const codes = collectCauses(thrown).flatMap(({ code, name }) => code ?? name ?? []);
  return `no answer: ${codes.at(-1) ?? "connection failed"}`;
}
