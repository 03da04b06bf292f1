import type { PlaneSettings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { createPlaneSession } from "../../shared/plane/app/session.ts";
import { authApi } from "../../shared/plane/app/sign-in.ts";
import { webhooksApi } from "../../shared/plane/app/webhooks.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import type { QueryDeps } from "./plane-query.ts";

/** An account that may read the workspace's webhooks. An API key cannot. */
export interface PlaneLogin {
  email: string;
  password: string;
}

/** Result of reading Plane's list of webhooks. `failed` and `recent` count its latest deliveries. */
export type WebhookProbe =
  | { kind: "not read"; why: string }
  | { kind: "none"; others: number }
  | { kind: "found"; active: boolean; hasOurSecret: boolean; missing: string[]; failed: number; recent: number };

/** The events that Groundcrew uses. */
const EVENTS = ["issue", "issue_comment", "project", "cycle"] as const;

/** Signs in as `account` and reads the webhook that Plane has registered for `target`. */
export async function probePlaneWebhook(
  { fetch, clock }: QueryDeps,
  plane: PlaneSettings,
  target: string,
  account: PlaneLogin,
): Promise<WebhookProbe> {
  const session = createPlaneSession({ url: plane.url, fetch, clock, metrics: noMetrics, timeout: 10_000 });
  const params = { workspace: plane.workspace };
  try {
    const { csrf_token } = (await session.call(authApi.csrf)).data;
    const form = { ...account, csrfmiddlewaretoken: csrf_token };
    const { refused } = (await session.call(authApi.signIn, { form })).data;
    if (refused) return { kind: "not read", why: `Plane refused to sign in ${account.email} (${refused.reason})` };
    const { data: all } = await session.call(webhooksApi.list, { params });
    const webhook = all.find(({ url }) => url === target);
    if (!webhook) return { kind: "none", others: all.length };
    // Plane answers with its whole log, bodies included. If that is too large, the other findings still hold.
    const log = await session
      .call(webhooksApi.log, { params: { ...params, webhook: webhook.id } })
      .catch(() => undefined);
    const recent = log?.data.slice(0, 20) ?? [];
    return {
      kind: "found",
      active: webhook.is_active,
      hasOurSecret: plane.webhookSecrets.includes(webhook.secret_key),
      missing: EVENTS.filter((event) => !webhook[event]),
      failed: recent.filter(({ response_status: status }) => !/^2\d\d$/.test(status ?? "")).length,
      recent: recent.length,
    };
  } catch (thrown) {
    return { kind: "not read", why: getErrorMessage(thrown).replaceAll(account.password, "[secret]") };
  }
}

/** `hasCanary`: the runtime has recently received its canary's webhook, which proves more than Plane's list does. */
export function checkPlaneWebhook(
  plane: Pick<PlaneSettings, "webhookSecrets">,
  target: string | undefined,
  probe: WebhookProbe,
  hasCanary: boolean,
): DoctorCheck {
  const name = "plane webhook";
  if (plane.webhookSecrets.length === 0)
    return reportWarning(
      name,
      "PLANE_WEBHOOK_SECRET is not set: changes are detected only by polling",
      "Set PLANE_WEBHOOK_SECRET, or run `npm run provision`.",
    );
  if (target === undefined)
    return reportWarning(
      name,
      "the address to which Plane should send is unknown",
      "Set PUBLIC_URL or PLANE_WEBHOOK_TARGET.",
    );
  switch (probe.kind) {
    case "not read": {
      if (hasCanary) return reportOk(name, `${target} receives webhooks: the last canary arrived`);
      return reportWarning(
        name,
        `not checked: ${probe.why}; API keys cannot read webhooks`,
        `Check in Plane (Workspace settings, Webhooks) that ${target} is registered and enabled, or set PLANE_ADMIN_EMAIL and PLANE_ADMIN_PASSWORD for this command.`,
      );
    }
    case "none":
      return reportFailure(
        name,
        `Plane has no webhook for ${target} (${probe.others} for other addresses)`,
        "Run `npm run provision`, or add it in Plane.",
      );
    case "found":
      return checkFoundWebhook(name, target, probe);
  }
}

function checkFoundWebhook(name: string, target: string, probe: Extract<WebhookProbe, { kind: "found" }>): DoctorCheck {
  if (!probe.active)
    return reportFailure(
      name,
      `${target} is disabled: Plane disables a webhook when its deliveries keep failing`,
      "Make the address reachable from Plane, then run `npm run provision` or enable the webhook in Plane.",
    );
  if (!probe.hasOurSecret)
    return reportFailure(
      name,
      `the secret of ${target} in Plane differs from PLANE_WEBHOOK_SECRET`,
      "Run `npm run provision -- --rotate webhook`, or copy the secret from Plane.",
    );
  if (probe.missing.length > 0)
    return reportFailure(
      name,
      `${target} does not receive these events: ${probe.missing.join(", ")}`,
      "Run `npm run provision`, or select them in Plane.",
    );
  if (probe.failed > 0)
    return reportWarning(
      name,
      `${probe.failed} of Plane's last ${probe.recent} deliveries to ${target} were refused or not answered`,
      'Check the log of Groundcrew ("webhook not stored") and of any proxy in front of it.',
    );
  return reportOk(
    name,
    `${target} is enabled${probe.recent > 0 ? `, its last ${probe.recent} deliveries succeeded` : ""}`,
  );
}
