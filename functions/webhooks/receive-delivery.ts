import type { Context } from "hono";
import { z } from "zod";
import type { Deps } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createBodyReader } from "../../shared/http/body-reader.ts";
import { createRefusalLimiter } from "../../shared/http/refusal-limiter.ts";
import { createSignatureCheck, parseSignature } from "../../shared/http/signature.ts";
import { toRateLimitSource } from "../../shared/ip-address.ts";

/** A delivery with a valid signature, not yet parsed completely. */
export interface ReceivedDelivery {
  /** The signed body, unchanged. */
  raw: string;
  /** SHA-256 of the body: the same for all of Plane's attempts, unlike its delivery id. */
  hash: string;
  /** The id of the work item concerned; the hash when it is unknown. */
  lane: string;
  event: string | undefined;
  action: string | undefined;
}

/** Limit of requests without a valid signature: 100 per minute and source (INFRA-04). */
const UNVERIFIED_LIMIT = 100;

/** Ids that are safe as names of lanes. Plane's ids are UUIDs. */
const idSchema = z
  .string()
  .regex(/^[\w-]{1,64}$/)
  .optional()
  .catch(undefined);
const shortTextSchema = z.string().max(64).optional().catch(undefined);

/** The fields that are needed to store a delivery; the job handler parses the rest. */
const deliverySchema = z.object({
  event: shortTextSchema,
  action: shortTextSchema,
  data: z.object({ id: idSchema, issue: idSchema }).optional().catch(undefined),
});

/**
 * The beginning of Plane's deliveries, as recorded. It suffices to store a delivery, except of a comment, whose item id
 * comes later; matching it takes a tenth of the time of parsing 3 KB. Other bodies are parsed completely.
 */
const DELIVERY_HEAD =
  /^\{"event": "(?!issue_comment")([a-z_]{1,64})", "action": "([a-z_]{1,64})", "webhook_id": "[\w-]{1,64}", "workspace_id": "[\w-]{1,64}", "data": \{"id": "([\w-]{1,64})"/;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Creates the function that verifies a request of Plane's webhook; it throws a `GroundcrewError` with the reason of a
 * refusal.
 */
export function createDeliveryReceiver({ settings, clock, hashing }: Pick<Deps, "settings" | "clock" | "hashing">) {
  const secrets = settings.plane?.webhookSecrets ?? [];
  const isSigned = createSignatureCheck(secrets, hashing);
  const readBody = createBodyReader(settings.webhookLimit, { setting: "WEBHOOK_MAX_BYTES" });
  // Every refusal before the signature is verified counts towards the limit, whatever its reason. Small bodies of a
  // source over its limit are still read and verified, because Plane may send from there, too; large ones are not.
  const { countRefusal, findLimit } = createRefusalLimiter({
    limit: UNVERIFIED_LIMIT,
    message: "Too many requests without a valid signature. Try again in a minute.",
    clock,
  });

  function refuseUnsigned(c: Context): GroundcrewError {
    const secretName = secrets.length > 0 ? "the webhook's secret" : "PLANE_WEBHOOK_SECRET, which is not set";
    const refusal = `X-Plane-Signature must be the HMAC-SHA256 of the body with ${secretName}.`;
    return countRefusal(c, new GroundcrewError("unauthorized", refusal));
  }

  async function readCheckedBody(c: Context): Promise<Uint8Array<ArrayBuffer>> {
    try {
      checkContentType(c);
      return await readBody(c.req.raw, {
        source: toRateLimitSource(c.get("client")),
        host: c.env,
        findLargeRefusal: () => findLimit(c),
      });
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
    throw new GroundcrewError("unsupported_type", "Content-Type must be application/json.");
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity")
    throw new GroundcrewError("unsupported_type", "Content-Encoding is not supported: send the body uncompressed.");
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new GroundcrewError("bad_request", "The body is not UTF-8.");
  }
}

/** Parses the event and the id of the work item concerned; undefined where the body does not contain them. */
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
