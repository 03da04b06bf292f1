import { reportFailure, reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { checkDirectMessages } from "./check-direct-messages.ts";
import type { Deadline } from "./deadline.ts";
import { type Finding, reportSkipped } from "./finding.ts";
import { readOpenclawSettings } from "./openclaw-settings-file.ts";
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
  const tools = await driver.checkTools(deadline.remaining());
  findings.push(tools);
  // Without its programs every further check would only report the same cause in other words.
  if (tools.status === "failed") return findings;
  try {
    findings.push(...(await driver.checkInstallation(versions.to, deadline.remaining())));
  } catch (thrown) {
    findings.push(reportFailure("installation", getErrorMessage(thrown), "Fix it, then run the same command again."));
  }
  const reached = await driver.checkReach(deadline.remaining());
  findings.push(...(reached.length > 0 ? reached : [reportSkipped("reach", '"reach" in the settings names nothing')]));
  try {
    findings.push(checkDirectMessages(await readOpenclawSettings(context, deadline)));
  } catch (thrown) {
    findings.push(
      reportFailure("settings", getErrorMessage(thrown), 'Fix the file, or "state" in the settings of upgrades.'),
    );
  }
  return findings;
}

function checkPinned(pinned: string, { from, to }: Versions): Finding {
  if (pinned === from) return reportOk("version", `${from} is pinned`);
  if (pinned === to) return reportOk("version", `${to} is pinned already: nothing is left to upgrade`);
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
