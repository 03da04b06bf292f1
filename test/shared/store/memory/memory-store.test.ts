import { describe } from "vitest";
import { defineStoreContract } from "../store-contract.ts";
import { openMemoryStore } from "../test-stores.ts";

describe("the memory store", () => defineStoreContract(openMemoryStore));
