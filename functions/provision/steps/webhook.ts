import { GroundcrewError } from "../../../shared/errors.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { webhooksApi } from "../../../shared/plane/app/webhooks.ts";
import { PlaneConflictError, PlaneInvalidError } from "../../../shared/plane/errors.ts";
import type { ProvisionContext } from "../context.ts";
import { toWebhookError } from "../refusals.ts";
import { createStep } from "../step.ts";
import { canAllowWebhookHosts, findOwnWorkspace, requireFound } from "./plane-state.ts";

export const WEBHOOK_SECRET = "PLANE_WEBHOOK_SECRET";

/** The events that are made use of. */
const EVENTS = { project: true, issue: true, issue_comment: true, cycle: true } as const;

/** The workspace's webhooks; ours is the one with our address, else the one we made under another. */
export async function findWebhook(context: ProvisionContext) {
  const workspace = await findOwnWorkspace(context);
  if (!workspace) return undefined;
  const { data: all } = await workspace.session.call(webhooksApi.list, { params: workspace.params });
  const { webhook: id } = context.vault.notes();
  return all.find(({ url }) => url === context.settings.webhookTarget) ?? all.find((one) => one.id === id);
}

type WebhookAction = { is: "created" | "changed"; detail: string; json?: Record<string, unknown> };

/** The webhook with the events we use: switched on, its secret kept. Other webhooks of the workspace are left alone. */
export const webhookStep = createStep({
  name: "webhook",
  needs: ["workspace"],
  async look(context) {
    if (context.settings.webhookTarget === undefined) return { kind: "nowhere" as const };
    const found = await findWebhook(context);
    const secrets = context.vault.all(WEBHOOK_SECRET);
    const isGiven = context.vault.isGiven(WEBHOOK_SECRET);
    if (isGiven && (!found || !secrets.includes(found.secret_key)))
      throw new GroundcrewError(
        "conflict",
        `${WEBHOOK_SECRET} of the environment is not the secret Plane has for the webhook: take it out of the environment, and it is kept in SECRETS_FILE.`,
      );
    return {
      kind: "somewhere" as const,
      found,
      isKept: found !== undefined && (isGiven || secrets[0] === found.secret_key),
    };
  },
  decide(state, { webhookTarget: url }): { actions: WebhookAction[]; note?: string } {
    if (state.kind === "nowhere")
      return {
        actions: [],
        note: "none: set PUBLIC_URL or PLANE_WEBHOOK_TARGET, until then changes are found by polling",
      };
    const { found, isKept } = state;
    if (!found)
      return {
        actions: [{ is: "created", detail: `${url}`, json: { url, ...EVENTS, module: false, is_active: true } }],
      };
    const missing = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).filter((event) => !found[event]);
    const actions: WebhookAction[] = keepDefined([
      found.url !== url ? { detail: `point it at ${url}`, json: { url } } : undefined,
      missing.length > 0 ? { detail: `add ${missing.join(", ")}`, json: EVENTS } : undefined,
      found.is_active ? undefined : { detail: "switch it on again", json: { is_active: true } },
      isKept ? undefined : { detail: `keep its secret in ${WEBHOOK_SECRET}` },
    ]).map((action) => ({ is: "changed" as const, ...action }));
    return { actions, ...omitUndefined({ note: actions.length === 0 ? `${found.url}, switched on` : undefined }) };
  },
  async act(context, { is, json }, state) {
    const { session, params } = requireFound(await findOwnWorkspace(context), "The workspace");
    const id = state.kind === "somewhere" ? state.found?.id : undefined;
    try {
      const registered =
        is === "created"
          ? (await session.call(webhooksApi.create, { params, json: json ?? {} })).data
          : json
            ? (await session.call(webhooksApi.update, { params: { ...params, webhook: id ?? "" }, json })).data
            : requireFound(await findWebhook(context), "The webhook");
      await context.vault.note(() => ({ webhook: registered.id }));
      const storedSecrets = context.vault.all(WEBHOOK_SECRET);
      if (storedSecrets[0] === registered.secret_key || context.vault.isGiven(WEBHOOK_SECRET)) return;
      // Deliveries on their way may still be signed with what was kept before.
      const keptSecrets =
        is === "created" ? [] : storedSecrets.filter((one) => one !== registered.secret_key).slice(0, 1);
      await context.vault.keep(WEBHOOK_SECRET, [registered.secret_key, ...keptSecrets]);
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
      `Somebody else makes the webhook to ${webhookTarget} just now: run the same command again.`,
    );
  const planeMessage = thrown instanceof PlaneInvalidError ? thrown.fields["url"]?.join(" ") : undefined;
  if (planeMessage === undefined) return thrown;
  return toWebhookError(planeMessage, {
    target: webhookTarget,
    plane: plane.url,
    canAllow: await canAllowWebhookHosts(context),
  });
}
