import { describe } from "vitest";
import { defineStoreContract } from "./store-contract.ts";
import { openMemoryStore, openSqliteStore } from "./test-stores.ts";

describe("the memory store", () => defineStoreContract(openMemoryStore));

describe("the embedded store", () => defineStoreContract(openSqliteStore));
