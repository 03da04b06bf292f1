import { connect } from "node:net";
import { reportFailure, reportOk } from "../../functions/doctor/check.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { Finding } from "./finding.ts";

/** Timeout for one connection: 5 s, as inside a container. */
const CONNECT_TIMEOUT: Ms = 5 * SECOND;

/** Connects from this machine to a URL or to `host:port`. */
export function checkConnection(name: string, target: string): Promise<Finding> {
  const url = new URL(target.includes("://") ? target : `tcp://${target}`);
  const port = Number(url.port || (url.protocol === "https:" ? "443" : "80"));
  return new Promise((resolve) => {
    const fail = (reason: string) => {
      socket.destroy();
      resolve(
        reportFailure(`reach ${name}`, `${url.hostname}:${port}: ${reason}`, "Check the address and the network."),
      );
    };
    const socket = connect({ host: url.hostname, port, timeout: CONNECT_TIMEOUT }, () => {
      socket.destroy();
      resolve(reportOk(`reach ${name}`, `${url.hostname}:${port}`));
    });
    socket.on("error", (error) => fail(getErrorMessage(error)));
    socket.on("timeout", () => fail("no answer"));
  });
}
