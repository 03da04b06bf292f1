import type { Context } from "hono";
import { z } from "zod";
import type { Deps } from "../../shared/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { sourceOf } from "../../shared/http/address.ts";
import { createBodyReader } from "../../shared/http/body.ts";
import { createLimiter } from "../../shared/http/limiter.ts";
import { createSignatureCheck, parseSignature } from "../../shared/http/signature.ts";

/** A delivery that is Plane's own, not yet understood. */
export interface Received {
  /** The body, byte for byte what was signed. */
  raw: string;
  /** SHA-256 of the body: the same on each of Plane's attempts, unlike its delivery id. */
  hash: string;
  /** The work item it is about, as far as can be told. */
  lane: string;
  event: string | undefined;
  action: string | undefined;
}

/** Requests a minute and source that may be unsigned or badly signed (INFRA-04). */
const UNSIGNED_LIMIT = 100;

/** What can name a lane; Plane's ids are UUIDs. */
const id = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .optional()
  .catch(undefined);
const word = z.string().max(64).optional().catch(undefined);

/** As much as must be understood to keep it; the rest is for the one who works it. */
const delivery = z.object({
  event: word,
  action: word,
  data: z.object({ id, issue: id }).optional().catch(undefined),
});

/**
 * How Plane begins a delivery, as recorded. What it says is enough to keep one about anything but a comment, whose item
 * stands deeper; reading it costs a tenth of parsing 3 KB. Bodies that begin in another way are parsed whole.
 */
const HEAD =
  /^\{"event": "(?!issue_comment")([a-z_]{1,64})", "action": "([a-z_]{1,64})", "webhook_id": "[\w-]{1,64}", "workspace_id": "[\w-]{1,64}", "data": \{"id": "([\w-]{1,64})"/;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Verifies a request of Plane's webhook; throws `GroundcrewError` with what it is refused for. */
export function createReceiver({ settings, clock, hashing }: Pick<Deps, "settings" | "clock" | "hashing">) {
  const secrets = settings.plane?.webhookSecrets ?? [];
  const isSigned = createSignatureCheck(secrets, hashing);
  const readBody = createBodyReader(settings.webhookLimit, { setting: "WEBHOOK_MAX_BYTES" });
  const isOver = createLimiter({ limit: UNSIGNED_LIMIT, window: 60_000, sources: 10_000, clock });

  /** What is refused before it has proved itself counts, whatever it is refused for. */
  function unproved(c: Context, refusal: GroundcrewError): GroundcrewError {
    if (!isOver(sourceOf(c.get("client")))) return refusal;
    c.header("Retry-After", "60");
    return new GroundcrewError("rate_limited", "Too many requests without a valid signature. Try again in a minute.");
  }

  function unsigned(c: Context): GroundcrewError {
    const known = secrets.length > 0 ? "the webhook's secret" : "PLANE_WEBHOOK_SECRET, which is not set";
    const refusal = `X-Plane-Signature is not the body's HMAC-SHA256 under ${known}.`;
    return unproved(c, new GroundcrewError("unauthorized", refusal));
  }

  async function bodyOf(c: Context): Promise<Uint8Array<ArrayBuffer>> {
    try {
      checkType(c);
      return await readBody(c.req.raw, c.env);
    } catch (thrown) {
      throw thrown instanceof GroundcrewError ? unproved(c, thrown) : thrown;
    }
  }

  return async (c: Context): Promise<Received> => {
    const signature = parseSignature(c.req.header("x-plane-signature"));
    if (!signature) throw unsigned(c);
    const bytes = await bodyOf(c);
    const signed = isSigned(signature, bytes);
    if (!(typeof signed === "boolean" ? signed : await signed)) throw unsigned(c);
    const raw = textOf(bytes);
    const { event, action, item } = aboutOf(raw);
    const hash = await hashing.sha256Hex(bytes);
    return { raw, hash, lane: item ?? hash, event, action };
  };
}

function checkType(c: Context) {
  const type = c.req.header("content-type") ?? "";
  if (type !== "application/json" && !/^\s*application\/json\s*(;|$)/i.test(type))
    throw new GroundcrewError("unsupported_type", "Only application/json is taken here.");
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity")
    throw new GroundcrewError("unsupported_type", "Only bodies without Content-Encoding are taken here.");
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new GroundcrewError("bad_request", "The body is not UTF-8.");
  }
}

/** The event, and the work item it is about, as far as can be told. */
function aboutOf(raw: string): { event: string | undefined; action: string | undefined; item: string | undefined } {
  const [, event, action, item] = HEAD.exec(raw) ?? [];
  if (item !== undefined) return { event, action, item };
  const { data, ...told } = parse(raw);
  return { event: told.event, action: told.action, item: told.event === "issue_comment" ? data?.issue : data?.id };
}

function parse(raw: string) {
  try {
    return delivery.parse(JSON.parse(raw));
  } catch {
    throw new GroundcrewError("bad_request", "The body is not a JSON object.");
  }
}
