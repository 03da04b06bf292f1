import { describe } from "vitest";
import { storeContract } from "./contract.ts";
import { openSqlite } from "./engine.ts";

describe("the embedded store", () => storeContract(openSqlite));
