import type { SettingProblem } from "../../shared/config/setting-problem.ts";
import { type ParsedSettings, parseSettings, type Settings } from "../../shared/config/settings.ts";

type Env = Record<string, string | undefined>;
type Files = Record<string, string | { text: string; mode: number; isOthers?: boolean }>;

/** The minimal settings for Plane. */
export const PLANE_ENV = {
  PLANE_URL: "https://plane.example.com",
  PLANE_API_KEY: "plane_api_0123456789abcdef",
  PLANE_WORKSPACE: "javisi",
};

export const TELEGRAM_ENV = { TELEGRAM_BOT_TOKEN: "123456:ABC-def_0123456789", TELEGRAM_CHAT_ID: "-1001234567890" };

/** Parses settings with in-memory files; their mode is 0600 by default. */
export function parseTestSettings(env: Env, files: Files = {}): ParsedSettings {
  return parseSettings(env, {
    read(path) {
      const file = files[path];
      return typeof file === "string" ? { text: file, mode: 0o600 } : file;
    },
  });
}

export function createTestSettings(env: Env, files?: Files): Settings {
  const parsed = parseTestSettings(env, files);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings;
}

export function getSettingsProblems(env: Env, files?: Files): SettingProblem[] {
  const parsed = parseTestSettings(env, files);
  return parsed.ok ? [] : parsed.problems;
}
