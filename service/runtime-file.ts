/** `.local/runtime.json` in the project's folder, or the file that the variable RUNTIME_FILE names, as `npm start` writes it. */
import { join, resolve } from 'node:path';
import { type Announcement, type RuntimeFile, readRuntimeFile, shownPath } from '../local/runtime-file.ts';
import { LOCAL_DIRECTORY } from './project.ts';

/** Where the running service's parts are, with those that only this service has. */
export interface ServiceFile extends RuntimeFile {
  readonly bookingsTable: string;
  /** The bookings table's tags, which not every engine keeps. Absent from files that version 0.1.0 wrote. */
  readonly tags?: Readonly<Record<string, string>>;
  readonly timerQueueUrl: string;
  readonly timerDeadLetterQueueUrl: string;
}

const serviceFile = (): string =>
  process.env.RUNTIME_FILE ? resolve(process.env.RUNTIME_FILE) : join(LOCAL_DIRECTORY, 'runtime.json');

/** The file's path for messages: as short as it can be from here. */
export const shownServiceFile = (): string => shownPath(serviceFile());

/** What the last `npm start` wrote, undefined if there is none. It may have been killed: only a request tells. */
export const readServiceFile = (): ServiceFile | undefined => readRuntimeFile<ServiceFile>(serviceFile());

/** How a service is announced. */
export const serviceAnnouncement = (): Announcement => ({
  file: serviceFile(),
  // The usual file is nobody else's.
  overwritesAny: !process.env.RUNTIME_FILE,
  nameOfFile: 'RUNTIME_FILE',
  startSecond: 'RUNTIME_FILE=.local/second.json PORT=0 DYNAMODB_PORT=0 SQS_PORT=0 npm start',
});
