/** The step that creates Plane's webhook and enables it, and its secret, which can be rotated. */

import { getErrorMessage } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/omit-undefined.ts";
import { webhooksApi } from "../../../shared/plane/app/session.ts";
import { PlaneConflictError, PlaneInvalidError } from "../../../shared/plane/errors.ts";
import { type Ms, SECOND } from "../../../shared/time.ts";
import type { ProvisionContext } from "../context.ts";
import { createStepRefusal, explainWebhookRefusal } from "../refusals.ts";
import { change, create, createStep } from "../step.ts";
import { callOwnWorkspace, findOwnWorkspace, getInstance, requireFound } from "./plane-state.ts";
import { PREVIOUS_STAYS, type RotatableSecret } from "./tokens.ts";

const WEBHOOK_SECRET = "PLANE_WEBHOOK_SECRET";

/** Timeout for Groundcrew's answer at the webhook's address: 10 s. */
const PROBE_TIMEOUT: Ms = 10 * SECOND;

const EVENTS = { project: true, issue: true, issue_comment: true, cycle: true } as const;

/**
 * Creates the webhook, enables it once Groundcrew answers at its address, and stores its secret. One that is enabled
 * stays so. Never changes other webhooks of the workspace.
 */
export const webhookStep = createStep("webhook", ["workspace"], async (context) => {
  const { vault, settings } = context;
  const { webhookTarget: url } = settings;
  if (url === undefined)
    return ["none: set PUBLIC_URL or PLANE_WEBHOOK_TARGET; until then changes are detected by polling"];
  const found = await findWebhook(context);
  const secrets = vault.getValues(WEBHOOK_SECRET);
  const isGiven = vault.isFromEnvironment(WEBHOOK_SECRET);
  if (isGiven && (!found || !secrets.includes(found.secret_key)))
    throw createStepRefusal(
      `${WEBHOOK_SECRET} in the environment differs from the webhook's secret in Plane: remove it from the environment, and provision stores the right one in SECRETS_FILE.`,
    );
  const send = (json: Record<string, unknown>) => async () => {
    const endpoint = found ? webhooksApi.update : webhooksApi.create;
    const sent = callOwnWorkspace(context, endpoint, { params: { webhook: found?.id ?? "" }, json });
    await recordWebhook(context, await sent.catch((thrown: unknown) => refuse(context, thrown)), found !== undefined);
  };
  const mustWait = found?.is_active && found.url === url ? undefined : await findObstacle(context, url);
  const inactive =
    mustWait === undefined ? "" : `, inactive: ${mustWait} → Start Groundcrew, then run this command again.`;
  if (!found) return [create(`${url}${inactive}`, send({ url, ...EVENTS, module: false, is_active: !mustWait }))];
  const missing = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).filter((event) => !found[event]);
  const changes = keepDefined([
    found.url !== url
      ? change(`change its address to ${url}${inactive}`, send({ url, ...(mustWait ? { is_active: false } : {}) }))
      : undefined,
    missing.length > 0 ? change(`add the events ${missing.join(", ")}`, send(EVENTS)) : undefined,
    found.is_active || mustWait ? undefined : change("enable it again", send({ is_active: true })),
    isGiven || secrets[0] === found.secret_key
      ? undefined
      : change(`store its secret as ${WEBHOOK_SECRET}`, async () =>
          recordWebhook(context, requireFound(await findWebhook(context), "The webhook"), true),
        ),
  ]);
  return changes.length > 0 ? changes : [`${found.url}${found.is_active ? ", enabled" : inactive}`];
});

/**
 * Returns why the webhook must not be enabled yet; undefined when Groundcrew answers at its address. An unsigned
 * request is refused there with a text that no other program has.
 */
async function findObstacle({ fetch }: ProvisionContext, url: string): Promise<string | undefined> {
  const request = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
    redirect: "manual",
  } as const;
  try {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(PROBE_TIMEOUT) });
    const text = response.status === 401 || response.status === 429 ? await response.text() : "";
    return text.includes("signature") || text.includes("X-Plane-Signature")
      ? undefined
      : `another program answers there (${response.status})`;
  } catch (thrown) {
    return `Groundcrew does not answer there (${getErrorMessage(thrown)})`;
  }
}

/** The secret of the webhook. Plane signs with a new one at once, but deliveries under way with the previous one. */
export const webhookSecret: RotatableSecret = {
  name: "webhook",
  setting: WEBHOOK_SECRET,
  needs: ["administrator"],
  async rotate(context) {
    const found = await findWebhook(context);
    if (!found)
      throw createStepRefusal(
        "Plane has no webhook for Groundcrew, so there is no secret to rotate: run provision without --rotate first.",
      );
    return change(`a new secret${PREVIOUS_STAYS}`, async () => {
      const options = { params: { webhook: found.id }, json: {} };
      const { secret_key } = await callOwnWorkspace(context, webhooksApi.regenerate, options);
      await context.vault.storeValues(WEBHOOK_SECRET, [secret_key, found.secret_key]);
    });
  },
};

/** Notes the webhook and stores its secret. Deliveries to an old one may still be signed with the previous secret. */
async function recordWebhook(
  { vault }: ProvisionContext,
  { id, secret_key }: { id: string; secret_key: string },
  isOld: boolean,
) {
  await vault.updateNotes({ webhook: id });
  const stored = vault.getValues(WEBHOOK_SECRET);
  if (stored[0] === secret_key || vault.isFromEnvironment(WEBHOOK_SECRET)) return;
  const previous = isOld ? stored.filter((secret) => secret !== secret_key).slice(0, 1) : [];
  await vault.storeValues(WEBHOOK_SECRET, [secret_key, ...previous]);
}

/**
 * Provision's webhook: the one with the configured address, or the one that an earlier run created with another
 * address.
 */
async function findWebhook(context: ProvisionContext) {
  const workspace = await findOwnWorkspace(context);
  if (!workspace) return undefined;
  const { data: all } = await workspace.session.call(webhooksApi.list, { params: workspace.params });
  const { webhook: id } = context.vault.getNotes();
  return all.find(({ url }) => url === context.settings.webhookTarget) ?? all.find((webhook) => webhook.id === id);
}

/** Throws what a refused webhook means: another run at the same time, or an address that Plane does not accept. */
async function refuse(context: ProvisionContext, thrown: unknown): Promise<never> {
  const { webhookTarget: target = "", plane } = context.settings;
  if (thrown instanceof PlaneConflictError)
    throw createStepRefusal(
      `Another program is creating the webhook to ${target} at the same time: run the same command again.`,
    );
  const planeMessage = thrown instanceof PlaneInvalidError ? thrown.fields["url"]?.join(" ") : undefined;
  if (planeMessage === undefined) throw thrown;
  const { current_version: version } = await getInstance(context);
  throw createStepRefusal(explainWebhookRefusal(planeMessage, { target, plane: plane.url, version }));
}
