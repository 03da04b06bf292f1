import { formatSettingPlace } from "../../shared/config/setting-problem.ts";
import type { ParsedSettings } from "../../shared/config/settings.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";

/** The problems and warnings of the parsed settings, one check each. */
export function checkSettings(parsed: ParsedSettings): DoctorCheck[] {
  if (!parsed.ok)
    return parsed.problems.map((problem) =>
      reportFailure(
        "settings",
        `${formatSettingPlace(problem)} is invalid: ${problem.given}`,
        `Set it to ${problem.wanted}; see .env.example.`,
      ),
    );
  const { settings, warnings } = parsed;
  const warningChecks = warnings.map((text) =>
    reportWarning("settings", text, "Change the setting, or ignore this if it is intended."),
  );
  if (settings.demo)
    return [
      ...warningChecks,
      reportWarning(
        "settings",
        "nothing is set up: `npm start` runs the demo",
        "Set PLANE_URL, PLANE_WORKSPACE and PLANE_API_KEY, or run `npm run provision`.",
      ),
    ];
  return warningChecks.length > 0 ? warningChecks : [reportOk("settings", "all settings are valid")];
}

/** A file that only its owner may read. `mode` is undefined when the file does not exist. */
export interface PrivateFile {
  path: string;
  mode: number | undefined;
}

/** Reports files with secrets that other users of this machine can read. A missing file is not reported. */
export function checkSecretFiles(files: readonly PrivateFile[]): DoctorCheck[] {
  const existing = files.flatMap(({ path, mode }) => (mode === undefined ? [] : [{ path, mode }]));
  const exposed = existing.filter(({ mode }) => (mode & 0o077) !== 0);
  if (existing.length === 0) return [];
  if (exposed.length === 0) return [reportOk("secret files", `${existing.length} found, readable only by their owner`)];
  return exposed.map(({ path, mode }) =>
    reportFailure(
      "secret files",
      `${path} has mode ${mode.toString(8).padStart(4, "0")}: other users of this machine can read it`,
      `Run \`chmod ${mode & 0o100 ? "700" : "600"} ${path}\`; replace the secrets if others use this machine.`,
    ),
  );
}
