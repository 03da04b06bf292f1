import { onTestFinished } from "vitest";
import {
  createGatewaySimulator,
  type GatewaySimulatorOptions,
} from "../../simulators/openclaw/create-gateway-simulator.ts";

/** Starts a simulated OpenClaw gateway that stops after the test. */
export async function startGateway(options: GatewaySimulatorOptions) {
  const gateway = createGatewaySimulator(options);
  const url = await gateway.start();
  onTestFinished(() => gateway.stop());
  return { ...gateway, url };
}
