import { reportFailure, reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Deadline } from "./deadline.ts";
import type { Finding } from "./finding.ts";
import { checkDirectMessages, readOpenclawSettings } from "./openclaw-settings-file.ts";
import { probeGateway } from "./probe-gateway.ts";
import type { UpgradeContext } from "./upgrade-context.ts";

interface Versions {
  from: string;
  to: string;
}

/** Checks everything that an upgrade needs. Changes nothing. */
export async function checkUpgrade(
  context: UpgradeContext,
  versions: Versions,
  deadline: Deadline,
): Promise<Finding[]> {
  const { driver } = context;
  const findings = [checkPinned(driver.readPinned(), versions), checkKnown(versions.to, context.knownVersions)];
  findings.push(await probeGateway(context, deadline));
  try {
    findings.push(...(await driver.checkInstallation(versions.to, deadline.remaining())));
  } catch (thrown) {
    findings.push(reportFailure("installation", getErrorMessage(thrown), "Fix it, then run the same command again."));
  }
  try {
    findings.push(checkDirectMessages(await readOpenclawSettings(context, deadline)));
  } catch (thrown) {
    findings.push(
      reportFailure("settings", getErrorMessage(thrown), 'Fix the file, or "state" in the settings of upgrades.'),
    );
  }
  return findings;
}

function checkPinned(pinned: string, { from }: Versions): Finding {
  if (pinned === from) return reportOk("version", `${from} is pinned`);
  return reportFailure("version", `${pinned} is pinned, not ${from}`, `Run the command with --from ${pinned}.`);
}

function checkKnown(to: string, known: readonly string[] | undefined): Finding {
  const name = "known version";
  if (known === undefined)
    return { name, status: "skipped", detail: "this installation has no list of known versions" };
  if (known.includes(to)) return reportOk(name, `Groundcrew is known to work with ${to}`);
  return reportWarning(
    name,
    `Groundcrew was not tried with ${to}, only with ${known.join(", ")}`,
    "Go on if you want to: the smoke test decides.",
  );
}
