import { describe } from "vitest";
import { defineStoreContract } from "./store-contract.ts";
import { openSqliteStore } from "./test-stores.ts";

describe("the embedded store", () => defineStoreContract(openSqliteStore));
