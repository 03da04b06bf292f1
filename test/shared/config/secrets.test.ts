import { expect, test } from "vitest";
import { createTestSettings, getSettingsProblems, PLANE_ENV, TELEGRAM_ENV } from "../../support/settings.ts";

const ADMIN = "admin-token-0123456789";

test("The secrets file adds secrets that the environment lacks, with several values during a rotation", () => {
  const file = {
    PLANE_API_KEY: "plane_api_kept",
    PLANE_WEBHOOK_SECRET: ["new-secret", "old-secret"],
    ADMIN_TOKEN: ADMIN,
  };
  const settings = createTestSettings(
    { ...PLANE_ENV, PLANE_API_KEY: undefined },
    { "data/secrets.json": JSON.stringify(file) },
  );
  expect(settings.plane?.apiKey).toBe("plane_api_kept");
  expect(settings.plane?.webhookSecrets).toEqual(["new-secret", "old-secret"]);
  expect(settings.adminTokens).toEqual([ADMIN]);
});

test.each(["ADMIN_TOKEN", "TICK_TOKEN", "RUNNER_TOKEN"])(
  "%s can be a list during a rotation, in the environment or in the secrets file, and every value is redacted",
  (name) => {
    const tokens = ["today-0123456789-01", "before-0123456789-01"];
    const fromFile = createTestSettings(PLANE_ENV, { "data/secrets.json": JSON.stringify({ [name]: tokens }) });
    const fromEnvironment = createTestSettings({ ...PLANE_ENV, [name]: tokens.join() });
    for (const settings of [fromFile, fromEnvironment])
      expect(settings.secrets).toEqual(expect.arrayContaining(tokens));
    const short = JSON.stringify({ [name]: [...tokens, "0123456789-mark"] });
    expect(getSettingsProblems(PLANE_ENV, { "data/secrets.json": short })).toMatchObject([{ name }]);
  },
);

test("The secrets file that others may read is refused", () => {
  for (const mode of [0o644, 0o640, 0o660, 0o604, 0o700])
    expect(getSettingsProblems({}, { "data/secrets.json": { text: "{}", mode } })[0]).toMatchObject({
      name: "SECRETS_FILE data/secrets.json",
      wanted: expect.stringContaining("0600"),
    });
});

test("The values to redact from logs are all secrets, the store's password, and the secrets and whole URLs of hooks", () => {
  const secret = `whsec_${"A".repeat(32)}`;
  const settings = createTestSettings(
    {
      ...PLANE_ENV,
      ...TELEGRAM_ENV,
      STORE_URL: "redis://:pa%2Fss@redis:6379/1",
      PLANE_WEBHOOK_SECRET: "hook-new1,hook-old1",
      TELEGRAM_WEBHOOK_SECRET: "telegram-secret-01",
      ADMIN_TOKEN: ADMIN,
      TICK_TOKEN: "tick-token-0123456789",
      RUNNER_TOKEN: "runner-token-of-today,runner-token-before",
      GROUNDCREW_CONFIG: "c",
    },
    {
      c: JSON.stringify({
        forward: [
          { url: "https://N8N.example.com/hook/of nobody?key=1", secret },
          { url: "https://other.example.com", secret },
        ],
      }),
    },
  );
  expect(settings.secrets.sort()).toEqual(
    [
      PLANE_ENV.PLANE_API_KEY,
      TELEGRAM_ENV.TELEGRAM_BOT_TOKEN,
      "pa%2Fss",
      "pa/ss",
      "hook-new1",
      "hook-old1",
      "telegram-secret-01",
      ADMIN,
      "tick-token-0123456789",
      "runner-token-of-today",
      "runner-token-before",
      secret,
      "https://n8n.example.com/hook/of%20nobody?key=1",
    ].sort(),
  );
});
