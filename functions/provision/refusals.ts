/** Why a step could not do its work, in words that say what to do. */

import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../shared/plane/errors.ts";

const EMAIL_CODE_REASON = /MAGIC|LOGIN_DISABLED|EMAIL_PASSWORD_AUTHENTICATION_DISABLED|VERIFICATION|EMAIL_CODE/;
const WRONG_PASSWORD_REASON =
  /^(AUTHENTICATION_FAILED(_SIGN_IN|_SIGN_UP)?|ADMIN_AUTHENTICATION_FAILED|USER_ALREADY_EXIST)$/;

/** The error of a step that cannot do its work; the message says what to do. */
export function createStepRefusal(message: string, cause?: unknown): GroundcrewError {
  return new GroundcrewError("conflict", message, { cause });
}

/**
 * The message for a form that Plane refused with this reason for an account. `isAdmin`: its password is a setting;
 * `notesFile` has the others.
 */
export function explainFormRefusal(
  reason: string,
  { email, isAdmin, notesFile }: { email: string; isAdmin: boolean; notesFile: string },
): string {
  const manualHint = `create the account by hand and set PLANE_API_KEY_<AGENT> to its API key, or add its password to ${notesFile}`;
  if (reason === "SIGNUP_DISABLED")
    return (
      `Plane refused to sign up ${email}: sign-up is disabled. Enable it while provision runs (God mode, ` +
      `Authentication, "Allow anyone to sign up"; ENABLE_SIGNUP=1), or ${manualHint}; then run the same command again.`
    );
  if (reason === "PASSWORD_TOO_WEAK" || reason === "INVALID_PASSWORD" || reason === "INVALID_ADMIN_PASSWORD")
    return (
      `Plane refused the password of ${email} as too weak. ` +
      (isAdmin
        ? "Set PLANE_ADMIN_PASSWORD to 12 or more characters of several kinds, or remove it to have one generated."
        : `Set a stronger one in ${notesFile}, or remove it there to have one generated.`)
    );
  if (EMAIL_CODE_REASON.test(reason)) return explainEmailCode(email, reason);
  if (reason === "INSTANCE_NOT_CONFIGURED")
    return "Plane reports that it has not been set up: run the same command again. If this persists, set it up by hand (God mode).";
  if (reason === "ADMIN_USER_ALREADY_EXIST")
    return `Plane has not been set up, but already has an account ${email}: set PLANE_ADMIN_EMAIL to another address, or set Plane up by hand (God mode).`;
  if (WRONG_PASSWORD_REASON.test(reason))
    return isAdmin
      ? `Plane refused the password of ${email}: set PLANE_ADMIN_PASSWORD to the password of this account in Plane.`
      : `Plane already has an account ${email} with another password than the one stored here. Add the right one to ` +
          `${notesFile} (accounts), set PLANE_API_KEY_<AGENT> to its API key, or give the agent another address.`;
  if (reason === "USER_DOES_NOT_EXIST" || reason === "ADMIN_USER_DOES_NOT_EXIST")
    return isAdmin
      ? `Plane has no account ${email}: set PLANE_ADMIN_EMAIL to the address of an admin of the workspace.`
      : `Plane no longer has the account ${email}: remove it from ${notesFile} to have it created again.`;
  if (/DEACTIVATED/.test(reason)) return `The account ${email} is deactivated in Plane: activate it, or use another.`;
  if (/INVALID_(ADMIN_)?EMAIL/.test(reason)) return `Plane refused ${email} as an e-mail address: choose another.`;
  if (reason === "RATE_LIMIT_EXCEEDED")
    return "Plane's rate limit for sign-ins is reached: run the same command again in a few minutes. Completed steps are not repeated.";
  return `Plane refused ${email} (${reason}). Check its settings (God mode, Authentication), or ${manualHint}.`;
}

/** The message when this shell has no password of Plane's administrator: provision stores only those that it generated. */
export function explainMissingPassword(email: string, notesFile: string): string {
  return (
    `The password of ${email} is neither in PLANE_ADMIN_PASSWORD nor in ${notesFile}, which has only passwords that ` +
    "provision generated. To continue, set PLANE_ADMIN_PASSWORD, or store the password in a file that only you can read " +
    "and run `PLANE_ADMIN_PASSWORD_FILE=<that file> npm run provision`."
  );
}

/**
 * The error for a form that was answered with a page: Plane accepts a form only with its cookie and from its own
 * address.
 */
export function toLostFormError(thrown: unknown, url: string): unknown {
  const isPage = thrown instanceof PlaneUnavailableError && thrown.status === 200;
  if (!isPage && !(thrown instanceof PlaneAuthError)) return thrown;
  return createStepRefusal(
    `Plane refused a form (${thrown.operation}) because its cookie or Referer header was lost. Set PLANE_URL to the ` +
      `address at which people open Plane (its WEB_URL, with https if it has that; now ${url}), and let any proxy in ` +
      "front of it pass cookies and the Referer header.",
    thrown,
  );
}

/** The message when Plane requires a code from an e-mail, so that a program can neither create nor use accounts. */
export function explainEmailCode(email: string, reason: string): string {
  return (
    `Plane requires a code by e-mail for ${email} (${reason}), which provision cannot read. Enable password login (God ` +
    "mode, Authentication, Password based login) while provision runs, or create accounts and API keys by hand and set " +
    "PLANE_API_KEY and PLANE_API_KEY_<AGENT>."
  );
}

/** Names and addresses of the machine or container that resolves them, as `URL` prints them. */
const LOOPBACK_HOST = /^(localhost|.+\.localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\])$/;
const OWN_HOST_MESSAGE = /domain or its subdomain/i;

/** The message for a webhook address that Plane refused with this text; `version` is Plane's. */
export function explainWebhookRefusal(
  planeMessage: string,
  { target, plane, version }: { target: string; plane: string; version: string },
): string {
  const { hostname } = new URL(target);
  const isAddress = /^[\d.]+$|:/.test(hostname);
  // Versions after v1.3.0 have variables that allow addresses.
  const canAllow = !/^v?(?:0|1\.[0-2]|1\.3\.0)(?:[.-]|$)/.test(version);
  const allowsPrivate = isVersionBeforeRelations(version);
  const isPlaneHost = OWN_HOST_MESSAGE.test(planeMessage);
  // For Plane's own host, allowing the IP address is not enough: the host itself must be allowed.
  const isOwn = hostname === new URL(plane).hostname || isPlaneHost;
  const variable = isAddress && !isOwn ? "WEBHOOK_ALLOWED_IPS" : "WEBHOOK_ALLOWED_HOSTS";
  const allowHint = canAllow
    ? `Set ${variable}=${hostname.replace(/^\[|\]$/g, "")} in the environment of Plane's api and worker, restart them, and run the same command again; or set PLANE_WEBHOOK_TARGET to another address of Groundcrew.`
    : `This version of Plane has no variable that allows it (v1.3.1 has): set PLANE_WEBHOOK_TARGET to an address of Groundcrew that Plane can reach${allowsPrivate ? "; a private one is accepted" : ""}.`;
  const explain = (why: string, todo = allowHint) =>
    `Plane refused the webhook address ${target}: ${why} ("${planeMessage}"). ${todo} Until then changes are detected by polling.`;
  if (isPlaneHost) return explain("it is Plane's own host or a subdomain of it");
  // Plane checks the form of the host name first: no variable allows a name without a dot.
  if (!isAddress && !hostname.includes(".") && hostname !== "localhost")
    return explain(
      "its host name has no dot",
      `Give Groundcrew a name with a dot that Plane can resolve (in Docker a network alias such as ${hostname}.internal) and ` +
        `set PLANE_WEBHOOK_TARGET to it${canAllow ? `, and set WEBHOOK_ALLOWED_HOSTS=${hostname}.internal in the environment of Plane's api and worker.` : "."}`,
    );
  if (/could not be resolved|No IP addresses/i.test(planeMessage))
    return explain(
      `Plane cannot resolve the name ${hostname}`,
      "Make it resolvable from Plane, or set PLANE_WEBHOOK_TARGET to another address of Groundcrew.",
    );
  if (LOOPBACK_HOST.test(hostname))
    return explain("it is a loopback address, which leads from Plane to Plane's own machine or container");
  if (allowsPrivate) return explain("it resolves to a loopback address, or Plane cannot resolve its name");
  return explain(`it is or resolves to a private address${isAddress ? "" : ", or Plane cannot resolve its name"}`);
}

/** Whether this version of Plane has no relations: v1.2 and older. Its webhooks may have private addresses. */
export const isVersionBeforeRelations = (version: string) => /^v?(?:0|1\.[0-2])(?:\.|$)/.test(version);

/** The message of a failed step. */
export function explainFailure(thrown: unknown): string {
  if (thrown instanceof PlaneRateLimitedError)
    return (
      `Plane's rate limit is reached: it asks to wait ${Math.ceil(thrown.retryAfter / 1000)} s. Run the same command ` +
      "again after that, or raise API_KEY_RATE_LIMIT in Plane's environment. Completed steps are not repeated."
    );
  if (thrown instanceof PlaneUnavailableError)
    return `${thrown.message} Run the same command again: completed steps are not repeated.`;
  if (thrown instanceof PlaneAuthError && thrown.reason === "permission")
    return `${thrown.message} PLANE_ADMIN_EMAIL must be an admin of the workspace, and the Concierge an admin of the project.`;
  return getErrorMessage(thrown);
}
