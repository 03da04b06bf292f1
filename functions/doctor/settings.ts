import type { ParsedSettings } from "../../shared/config.ts";
import { type Check, failed, ok, warning } from "./check.ts";

/** What reading the settings told: each problem and each warning is a check of its own. */
export function settingsChecks(parsed: ParsedSettings): Check[] {
  if (!parsed.ok)
    return parsed.problems.map(({ name, given, wanted }) =>
      failed("settings", `${name}: given ${given}`, `Give it ${wanted}; .env.example explains it.`),
    );
  const { settings, warnings } = parsed;
  const warned = warnings.map((text) =>
    warning("settings", text, "Change the setting, or leave it when it is meant so."),
  );
  if (settings.demo)
    return [
      ...warned,
      warning(
        "settings",
        "nothing is set up: `npm start` shows the demo",
        "Set PLANE_URL, PLANE_WORKSPACE and PLANE_API_KEY, or let `npm run provision` do it.",
      ),
    ];
  return warned.length > 0 ? warned : [ok("settings", "every setting is understood")];
}

/** A file that only its owner may read; `mode` undefined: it is not there. */
export interface PrivateFile {
  path: string;
  mode: number | undefined;
}

/** Files with secrets that others on this machine may read. Those that are not there are not missed. */
export function fileChecks(files: readonly PrivateFile[]): Check[] {
  const there = files.flatMap(({ path, mode }) => (mode === undefined ? [] : [{ path, mode }]));
  const open = there.filter(({ mode }) => (mode & 0o077) !== 0);
  if (there.length === 0) return [];
  if (open.length === 0) return [ok("secret files", `${there.length} found, readable by their owner alone`)];
  return open.map(({ path, mode }) =>
    failed(
      "secret files",
      `${path} has mode ${mode.toString(8).padStart(4, "0")}: others on this machine can get at what is in it`,
      `chmod ${mode & 0o100 ? "700" : "600"} ${path}, and replace the secrets when strangers use this machine.`,
    ),
  );
}
