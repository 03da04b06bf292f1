import { describe } from "vitest";
import { storeContract } from "./contract.ts";
import { openMemory } from "./engine.ts";

describe("the memory store", () => storeContract(openMemory));
