import { z } from "zod";

/** No answer of the Bot API came back. `not_sent`: it cannot have been acted on; `unknown`: it may have been. */
export class NoAnswer extends Error {
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
export function observedFetch(fetch: typeof globalThis.fetch) {
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
      throw new NoAnswer(status === 0 && neverLeft(thrown) ? "not_sent" : "unknown", describe(thrown));
    }
    const answer = answerSchema.safeParse(parsed(text));
    if (answer.success) return Response.json(answer.data);
    const done = status >= 300 && status < 500 ? "not_sent" : "unknown";
    throw new NoAnswer(done, `HTTP ${status} that is not a Bot API answer`);
  };
}

function parsed(text: string): unknown {
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
function chain(thrown: unknown, depth = 4): z.infer<typeof causeSchema>[] {
  const read = causeSchema.safeParse(thrown);
  if (!read.success || depth === 0) return [];
  const inner = [read.data.cause, ...(read.data.errors ?? [])];
  return [read.data, ...inner.flatMap((cause) => chain(cause, depth - 1))];
}

/** Errors that come before a byte of the request is written: names, connections, certificates, the address itself. */
const BEFORE = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_INVALID_URL)$/;
const CERTIFICATE = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

function neverLeft(thrown: unknown): boolean {
  return chain(thrown).some(({ code, syscall }) => {
    if (syscall === "connect" || syscall === "getaddrinfo") return true;
    return typeof code === "string" && (BEFORE.test(code) || CERTIFICATE.test(code));
  });
}

/** Only names and codes: a message may quote the address, and with it the token. */
function describe(thrown: unknown): string {
  const codes = chain(thrown).flatMap(({ code, name }) => code ?? name ?? []);
  return `no answer: ${codes.at(-1) ?? "connection failed"}`;
}
