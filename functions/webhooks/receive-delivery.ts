import type { Context } from "hono";
import { z } from "zod";
import type { Deps } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { createSignatureCheck, parseSignature } from "../../shared/http/signature.ts";
import { createSourceLimiter } from "../../shared/http/source-limiter.ts";
import { toRateLimitSource } from "../../shared/ip-address.ts";
import { MINUTE } from "../../shared/time.ts";

/** A delivery that is Plane's own, not yet understood. */
export interface ReceivedDelivery {
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
const UNVERIFIED_LIMIT = 100;

/** What can name a lane; Plane's ids are UUIDs. */
const idSchema = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .optional()
  .catch(undefined);
const shortTextSchema = z.string().max(64).optional().catch(undefined);

/** As much as must be understood to keep it; the rest is for the one who works it. */
const deliverySchema = z.object({
  event: shortTextSchema,
  action: shortTextSchema,
  data: z.object({ id: idSchema, issue: idSchema }).optional().catch(undefined),
});

/**
 * How Plane begins a delivery, as recorded. What it says is enough to keep one about anything but a comment, whose item
 * stands deeper; reading it costs a tenth of parsing 3 KB. Bodies that begin in another way are parsed whole.
 */
const DELIVERY_HEAD =
  /^\{"event": "(?!issue_comment")([a-z_]{1,64})", "action": "([a-z_]{1,64})", "webhook_id": "[\w-]{1,64}", "workspace_id": "[\w-]{1,64}", "data": \{"id": "([\w-]{1,64})"/;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Verifies a request of Plane's webhook; throws `GroundcrewError` with what it is refused for. */
export function createDeliveryReceiver({ settings, clock, hashing }: Pick<Deps, "settings" | "clock" | "hashing">) {
  const secrets = settings.plane?.webhookSecrets ?? [];
  const isSigned = createSignatureCheck(secrets, hashing);
  const readBody = createBodyReader(settings.webhookLimit, { setting: "WEBHOOK_MAX_BYTES" });
  const isOverLimit = createSourceLimiter({ limit: UNVERIFIED_LIMIT, window: MINUTE, sources: 10_000, clock });

  /** What is refused before it has proved itself counts, whatever it is refused for. */
  function countRefusal(c: Context, refusal: GroundcrewError): GroundcrewError {
    if (!isOverLimit(toRateLimitSource(c.get("client")))) return refusal;
    c.header("Retry-After", "60");
    return new GroundcrewError("rate_limited", "Too many requests without a valid signature. Try again in a minute.");
  }

  function refuseUnsigned(c: Context): GroundcrewError {
    const secretName = secrets.length > 0 ? "the webhook's secret" : "PLANE_WEBHOOK_SECRET, which is not set";
    const refusal = `X-Plane-Signature is not the body's HMAC-SHA256 under ${secretName}.`;
    return countRefusal(c, new GroundcrewError("unauthorized", refusal));
  }

  async function readCheckedBody(c: Context): Promise<Uint8Array<ArrayBuffer>> {
    try {
      checkContentType(c);
      return await readBody(c.req.raw, c.env);
    } catch (thrown) {
      throw thrown instanceof GroundcrewError ? countRefusal(c, thrown) : thrown;
    }
  }

  return async (c: Context): Promise<ReceivedDelivery> => {
    const signature = parseSignature(c.req.header("x-plane-signature"));
    if (!signature) throw refuseUnsigned(c);
    const bytes = await readCheckedBody(c);
    const signed = isSigned(signature, bytes);
    if (!(typeof signed === "boolean" ? signed : await signed)) throw refuseUnsigned(c);
    const raw = decodeText(bytes);
    const { event, action, item } = parseSubject(raw);
    const hash = await hashing.sha256Hex(bytes);
    return { raw, hash, lane: item ?? hash, event, action };
  };
}

function checkContentType(c: Context) {
  const type = c.req.header("content-type") ?? "";
  if (type !== "application/json" && !/^\s*application\/json\s*(;|$)/i.test(type))
    throw new GroundcrewError("unsupported_type", "Only application/json is taken here.");
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity")
    throw new GroundcrewError("unsupported_type", "Only bodies without Content-Encoding are taken here.");
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new GroundcrewError("bad_request", "The body is not UTF-8.");
  }
}

/** The event, and the work item it is about, as far as can be told. */
function parseSubject(raw: string): {
  event: string | undefined;
  action: string | undefined;
  item: string | undefined;
} {
  const [, event, action, item] = DELIVERY_HEAD.exec(raw) ?? [];
  if (item !== undefined) return { event, action, item };
  const { data, ...delivery } = parseDelivery(raw);
  return {
    event: delivery.event,
    action: delivery.action,
    item: delivery.event === "issue_comment" ? data?.issue : data?.id,
  };
}

function parseDelivery(raw: string) {
  try {
    return deliverySchema.parse(JSON.parse(raw));
  } catch {
    throw new GroundcrewError("bad_request", "The body is not a JSON object.");
  }
}
