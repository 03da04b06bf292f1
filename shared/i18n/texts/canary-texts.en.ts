import type { CanaryTexts } from "./canary-texts.ts";

export const canaryTextsEn: CanaryTexts = {
  silent:
    "⚠️ No webhooks from Plane: a test edit produced no webhook within one minute. Groundcrew still detects changes by polling. Run npm run doctor to find the cause.",
  back: "✅ Webhooks from Plane work again ({n} s).",
  itemName: "Groundcrew webhook check (please do not delete)",
  itemDescription:
    "<p>Groundcrew edits the comment below every hour and checks that Plane sends a webhook for it. It produces no notifications, and no agent works on it.</p>",
  comment: "<p>Groundcrew edits this comment every hour to check that webhooks arrive. <code>{nonce}</code></p>",
};
