import { GroundcrewError } from "../../../shared/errors.ts";
import { webhooks } from "../../../shared/plane/app/webhooks.ts";
import { PlaneConflictError, PlaneInvalidError } from "../../../shared/plane/errors.ts";
import type { Context } from "../context.ts";
import { webhookRefusal } from "../refusals.ts";
import { step } from "../step.ts";
import { canAllow, needed, ourWorkspace } from "./reading.ts";

export const WEBHOOK_SECRET = "PLANE_WEBHOOK_SECRET";

/** The events that are made use of. */
const EVENTS = { project: true, issue: true, issue_comment: true, cycle: true } as const;

/** The workspace's webhooks; ours is the one with our address, else the one we made under another. */
export async function findWebhook(context: Context) {
  const there = await ourWorkspace(context);
  if (!there) return undefined;
  const { data: all } = await there.session.call(webhooks.list, { params: there.params });
  const { webhook: id } = context.vault.notes();
  return all.find(({ url }) => url === context.settings.webhookTarget) ?? all.find((one) => one.id === id);
}

type Action = { is: "created" | "changed"; detail: string; json?: Record<string, unknown> };

/** The webhook with the events we use: switched on, its secret kept. Other webhooks of the workspace are left alone. */
export const webhook = step({
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
  decide(seen, { webhookTarget: url }): { actions: Action[]; note?: string } {
    if (seen.kind === "nowhere")
      return {
        actions: [],
        note: "none: set PUBLIC_URL or PLANE_WEBHOOK_TARGET, until then changes are found by polling",
      };
    const { found, isKept } = seen;
    if (!found)
      return {
        actions: [{ is: "created", detail: `${url}`, json: { url, ...EVENTS, module: false, is_active: true } }],
      };
    const missing = (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).filter((event) => !found[event]);
    const actions: Action[] = [
      ...(found.url !== url ? [{ detail: `point it at ${url}`, json: { url } }] : []),
      ...(missing.length > 0 ? [{ detail: `add ${missing.join(", ")}`, json: EVENTS }] : []),
      ...(found.is_active ? [] : [{ detail: "switch it on again", json: { is_active: true } }]),
      ...(isKept ? [] : [{ detail: `keep its secret in ${WEBHOOK_SECRET}` }]),
    ].map((action) => ({ is: "changed" as const, ...action }));
    return { actions, ...(actions.length === 0 && { note: `${found.url}, switched on` }) };
  },
  async act(context, { is, json }, seen) {
    const { session, params } = needed(await ourWorkspace(context), "The workspace");
    const id = seen.kind === "somewhere" ? seen.found?.id : undefined;
    try {
      const told =
        is === "created"
          ? (await session.call(webhooks.create, { params, json: json ?? {} })).data
          : json
            ? (await session.call(webhooks.update, { params: { ...params, webhook: id ?? "" }, json })).data
            : needed(await findWebhook(context), "The webhook");
      await context.vault.note(() => ({ webhook: told.id }));
      const before = context.vault.all(WEBHOOK_SECRET);
      if (before[0] === told.secret_key || context.vault.isGiven(WEBHOOK_SECRET)) return;
      // Deliveries on their way may still be signed with what was kept before.
      const still = is === "created" ? [] : before.filter((one) => one !== told.secret_key).slice(0, 1);
      await context.vault.keep(WEBHOOK_SECRET, [told.secret_key, ...still]);
    } catch (thrown) {
      throw await told(context, thrown);
    }
  },
});

async function told(context: Context, thrown: unknown): Promise<unknown> {
  const { webhookTarget = "", plane } = context.settings;
  if (thrown instanceof PlaneConflictError)
    return new GroundcrewError(
      "conflict",
      `Somebody else makes the webhook to ${webhookTarget} just now: run the same command again.`,
    );
  const words = thrown instanceof PlaneInvalidError ? thrown.fields["url"]?.join(" ") : undefined;
  if (words === undefined) return thrown;
  return webhookRefusal(words, { target: webhookTarget, plane: plane.url, canAllow: await canAllow(context) });
}
