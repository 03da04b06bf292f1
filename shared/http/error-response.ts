import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { Deps } from "../app/deps.ts";
import { type ErrorCode, GroundcrewError, getErrorMessage } from "../errors.ts";
import { getTexts } from "../i18n/texts/get-texts.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { createRedactor } from "../redact.ts";
import { renderRefusal } from "../refusals/render-refusal.ts";
import { BreakConnection } from "./context.ts";

const CODE_BY_STATUS: Record<number, ErrorCode> = {
  400: "bad_request",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  415: "unsupported_type",
  429: "rate_limited",
};

/**
 * Creates the handler that turns every error into `{error: {code, message}}`. The message of an unexpected error is only
 * logged, because it may contain internals; the response names the correlation id to look up in the log.
 */
export function createErrorHandler({ log, settings }: Pick<Deps, "log" | "settings">) {
  const redact = createRedactor(settings.secrets);
  return (thrown: Error, c: Context): Response => {
    if (thrown instanceof BreakConnection) throw thrown;
    const error = toKnownError(thrown);
    const correlation = c.get("correlation");
    if (error) {
      if (error.status >= 500)
        log.error("request failed", { correlation, error: error.message, cause: formatCause(error) });
      return createErrorResponse(c, error, redact);
    }
    log.error("request failed unexpectedly", { correlation, error: getErrorMessage(thrown), stack: thrown.stack });
    const message = `Internal error. Details are in the log under correlation ${correlation}.`;
    return createErrorResponse(c, new GroundcrewError("internal", message));
  };
}

/** The message is in English; `text` is what the page shows in its language, which it names in `Accept-Language`. */
export function createErrorResponse(
  c: Context,
  { code, message, status, refusal }: GroundcrewError,
  redact: (text: string) => string = (text) => text,
): Response {
  const isForPage = refusal !== undefined && c.get("caller") === undefined;
  const { telegram } = getTexts("auto", c.req.header("accept-language"));
  const text = isForPage ? renderRefusal(telegram, refusal) : undefined;
  const redacted = { message: redact(message), ...omitUndefined({ text: text && redact(text) }) };
  return c.json({ error: { code, ...redacted } }, status);
}

function toKnownError(thrown: Error): GroundcrewError | undefined {
  if (thrown instanceof GroundcrewError) return thrown;
  const code = thrown instanceof HTTPException ? CODE_BY_STATUS[thrown.status] : undefined;
  return code && new GroundcrewError(code, thrown.message || code, { cause: thrown });
}

function formatCause(error: Error): string | undefined {
  return error.cause === undefined ? undefined : getErrorMessage(error.cause);
}
