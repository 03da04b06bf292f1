import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { webhooksApi } from "../../../shared/plane/app/webhooks.ts";
import { PlaneConflictError, PlaneInvalidError } from "../../../shared/plane/errors.ts";
import type { ProvisionContext } from "../context.ts";
import { toWebhookError } from "../refusals.ts";
import { createStep } from "../step.ts";
import { canAllowWebhookHosts, findOwnWorkspace, isBeforeRelations, requireFound } from "./plane-state.ts";

export const WEBHOOK_SECRET = "PLANE_WEBHOOK_SECRET";

/** The events that Groundcrew uses. */
const EVENTS = { project: true, issue: true, issue_comment: true, cycle: true } as const;

/**
 * Provision's webhook: the one with the configured address, or the one that an earlier run created with another
 * address.
 */
export async function findWebhook(context: ProvisionContext) {
  const workspace = await findOwnWorkspace(context);
  if (!workspace) return undefined;
  const { data: all } = await workspace.session.call(webhooksApi.list, { params: workspace.params });
  const { webhook: id } = context.vault.getNotes();
  return all.find(({ url }) => url === context.settings.webhookTarget) ?? all.find((webhook) => webhook.id === id);
}

type WebhookAction = { is: "created" | "changed"; detail: string; json?: Record<string, unknown> };

/** Creates the webhook, keeps it enabled and stores its secret. Never changes other webhooks of the workspace. */
export const webhookStep = createStep({
  name: "webhook",
  needs: ["workspace"],
  async readState(context) {
    if (context.settings.webhookTarget === undefined) return { kind: "no target" as const };
    const found = await findWebhook(context);
    const secrets = context.vault.getValues(WEBHOOK_SECRET);
    const isGiven = context.vault.isFromEnvironment(WEBHOOK_SECRET);
    if (isGiven && (!found || !secrets.includes(found.secret_key)))
      throw new GroundcrewError(
        "conflict",
        `${WEBHOOK_SECRET} in the environment differs from the webhook's secret in Plane: remove it from the environment, and provision stores the right one in SECRETS_FILE.`,
      );
    return {
      kind: "target" as const,
      found,
      isStored: found !== undefined && (isGiven || secrets[0] === found.secret_key),
    };
  },
  decide(state, { webhookTarget: url }): { actions: WebhookAction[]; note?: string } {
    if (state.kind === "no target")
      return {
        actions: [],
        note: "none: set PUBLIC_URL or PLANE_WEBHOOK_TARGET; until then changes are detected by polling",
      };
    const { found, isStored } = state;
    if (!found)
      return {
        actions: [{ is: "created", detail: `${url}`, json: { url, ...EVENTS, module: false, is_active: true } }],
      };
    const missing = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).filter((event) => !found[event]);
    const actions: WebhookAction[] = keepDefined([
      found.url !== url ? { detail: `change its address to ${url}`, json: { url } } : undefined,
      missing.length > 0 ? { detail: `add the events ${missing.join(", ")}`, json: EVENTS } : undefined,
      found.is_active ? undefined : { detail: "enable it again", json: { is_active: true } },
      isStored ? undefined : { detail: `store its secret as ${WEBHOOK_SECRET}` },
    ]).map((action) => ({ is: "changed" as const, ...action }));
    return { actions, ...omitUndefined({ note: actions.length === 0 ? `${found.url}, enabled` : undefined }) };
  },
  async applyAction(context, { is, json }, state) {
    const { session, params } = requireFound(await findOwnWorkspace(context), "The workspace");
    const id = state.kind === "target" ? state.found?.id : undefined;
    try {
      const registered =
        is === "created"
          ? (await session.call(webhooksApi.create, { params, json: json ?? {} })).data
          : json
            ? (await session.call(webhooksApi.update, { params: { ...params, webhook: id ?? "" }, json })).data
            : requireFound(await findWebhook(context), "The webhook");
      await context.vault.updateNotes(() => ({ webhook: registered.id }));
      const storedSecrets = context.vault.getValues(WEBHOOK_SECRET);
      if (storedSecrets[0] === registered.secret_key || context.vault.isFromEnvironment(WEBHOOK_SECRET)) return;
      // Deliveries under way may still be signed with the previous secret.
      const keptSecrets =
        is === "created" ? [] : storedSecrets.filter((secret) => secret !== registered.secret_key).slice(0, 1);
      await context.vault.storeValues(WEBHOOK_SECRET, [registered.secret_key, ...keptSecrets]);
    } catch (thrown) {
      throw await toWebhookFailure(context, thrown);
    }
  },
});

async function toWebhookFailure(context: ProvisionContext, thrown: unknown): Promise<unknown> {
  const { webhookTarget = "", plane } = context.settings;
  if (thrown instanceof PlaneConflictError)
    return new GroundcrewError(
      "conflict",
      `Another program is creating the webhook to ${webhookTarget} at the same time: run the same command again.`,
    );
  const planeMessage = thrown instanceof PlaneInvalidError ? thrown.fields["url"]?.join(" ") : undefined;
  if (planeMessage === undefined) return thrown;
  return toWebhookError(planeMessage, {
    target: webhookTarget,
    plane: plane.url,
    canAllow: await canAllowWebhookHosts(context),
    allowsPrivate: await isBeforeRelations(context),
  });
}
