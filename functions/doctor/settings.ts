import type { ParsedSettings } from "../../shared/config/settings.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";

/** What reading the settings told: each problem and each warning is a check of its own. */
export function checkSettings(parsed: ParsedSettings): DoctorCheck[] {
  if (!parsed.ok)
    return parsed.problems.map(({ name, given, wanted }) =>
      reportFailure("settings", `${name}: given ${given}`, `Give it ${wanted}; .env.example explains it.`),
    );
  const { settings, warnings } = parsed;
  const warningChecks = warnings.map((text) =>
    reportWarning("settings", text, "Change the setting, or leave it when it is meant so."),
  );
  if (settings.demo)
    return [
      ...warningChecks,
      reportWarning(
        "settings",
        "nothing is set up: `npm start` shows the demo",
        "Set PLANE_URL, PLANE_WORKSPACE and PLANE_API_KEY, or let `npm run provision` do it.",
      ),
    ];
  return warningChecks.length > 0 ? warningChecks : [reportOk("settings", "every setting is understood")];
}

/** A file that only its owner may read; `mode` undefined: it is not there. */
export interface PrivateFile {
  path: string;
  mode: number | undefined;
}

/** Files with secrets that others on this machine may read. Those that are not there are not missed. */
export function checkSecretFiles(files: readonly PrivateFile[]): DoctorCheck[] {
  const existing = files.flatMap(({ path, mode }) => (mode === undefined ? [] : [{ path, mode }]));
  const exposed = existing.filter(({ mode }) => (mode & 0o077) !== 0);
  if (existing.length === 0) return [];
  if (exposed.length === 0)
    return [reportOk("secret files", `${existing.length} found, readable by their owner alone`)];
  return exposed.map(({ path, mode }) =>
    reportFailure(
      "secret files",
      `${path} has mode ${mode.toString(8).padStart(4, "0")}: others on this machine can get at what is in it`,
      `chmod ${mode & 0o100 ? "700" : "600"} ${path}, and replace the secrets when strangers use this machine.`,
    ),
  );
}
