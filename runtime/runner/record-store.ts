import type { SessionFolders } from "./session-folder.ts";
import type { SessionRecord } from "./session-record.ts";

export type RecordStore = ReturnType<typeof createRecordStore>;

/** The records of all sessions, in memory and on the disk. A change is on the disk before anything follows from it. */
export function createRecordStore(folders: SessionFolders) {
  const records = new Map(folders.readRecords().map((record) => [record.ticket, record]));
  return {
    list: (): SessionRecord[] => [...records.values()],
    get: (ticket: string) => records.get(ticket),
    save(record: SessionRecord): SessionRecord {
      folders.writeRecord(record);
      records.set(record.ticket, record);
      return record;
    },
    /** Changes a record in memory only: for what can be observed again. */
    keep: (record: SessionRecord) => void records.set(record.ticket, record),
    remove(ticket: string) {
      folders.remove(ticket);
      records.delete(ticket);
    },
  };
}
