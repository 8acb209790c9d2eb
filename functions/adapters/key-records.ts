/**
 * What was answered to requests with an idempotency key, in a table of its own. Every step is one conditional write:
 *
 *   (none) ──claim──▶ claimed ──keep──▶ answered ──after a day──▶ (as if there were none; deleted by the time to live)
 *                      │    ▲
 *                      └────┘ taken over: released, or not answered within `LOCK_MS`
 *
 * A request without a key costs nothing here. One with a key costs two write units, the claim and the answer, and one more
 * for each kilobyte of the answer beyond the first, compressed. A repetition costs one.
 */
import { randomUUID } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Claim, ClaimOutcome, IdempotencyRecords, KeptAnswer, KeyedRequest } from '../api/ports.ts';
import { IDEMPOTENCY_ATTRIBUTES } from '../contract.ts';
import { DAY_MS, SECOND_MS } from '../core/hold-time.ts';
import type { Item } from '../table/item.ts';
import type { Table } from '../table/table.ts';

/** How long a record counts, from the first try on: afterwards its key may be used for another request. */
export const KEPT_MS = DAY_MS;

/**
 * How long a claim keeps others away, in ms. It outlasts the Lambda (29 s, lib/bookings-api.ts): whoever holds a claim that
 * is older has died.
 */
export const LOCK_MS = 30 * SECOND_MS;

const { recordId: KEY, purgeAt: PURGE_AT } = IDEMPOTENCY_ATTRIBUTES;
const REQUEST_HASH = 'requestHash';
const CLAIM_ID = 'claimId';
const FIRST_TRIED_AT_MS = 'firstTriedAtMs';
const LOCKED_UNTIL_MS = 'lockedUntilMs';
const ANSWER = 'answer';

export class KeyRecords implements IdempotencyRecords {
  readonly #table: Table;

  /** @param table the table of idempotency records */
  constructor(table: Table) {
    this.#table = table;
  }

  async claim({ recordId, requestHash }: KeyedRequest, nowMs: number): Promise<ClaimOutcome> {
    const claim = { recordId, claimId: randomUUID(), firstTriedAtMs: nowMs };
    const lockedUntilMs = nowMs + LOCK_MS;
    const fresh: Item = {
      [KEY]: { S: recordId },
      [REQUEST_HASH]: { S: requestHash },
      [CLAIM_ID]: { S: claim.claimId },
      [FIRST_TRIED_AT_MS]: { N: String(nowMs) },
      [LOCKED_UNTIL_MS]: { N: String(lockedUntilMs) },
      [PURGE_AT]: { N: purgeAtOf(nowMs) },
    };
    const created = await this.#table.create(fresh, KEY);
    if (created.kind === 'made') return { kind: 'claimed', claim };
    const found = readRecord(created.found);
    if (found === undefined || isForgotten(found, nowMs)) {
      // The time to live deletes records late, by days at the worst.
      return this.#takeOver(claim, found?.claimId, {
        [REQUEST_HASH]: requestHash,
        [FIRST_TRIED_AT_MS]: nowMs,
        [LOCKED_UNTIL_MS]: lockedUntilMs,
        [PURGE_AT]: Number(purgeAtOf(nowMs)),
      });
    }
    if (found.requestHash !== requestHash) return { kind: 'other-request' };
    if (found.answer) return { kind: 'answered', answer: found.answer };
    if (found.lockedUntilMs > nowMs) return { kind: 'in-flight' };
    const { firstTriedAtMs } = found;
    return this.#takeOver({ ...claim, firstTriedAtMs }, found.claimId, { [LOCKED_UNTIL_MS]: lockedUntilMs });
  }

  /** On condition of the very claim that was seen: of two that try, one gets it. */
  async #takeOver(
    claim: Claim,
    seenClaimId: string | undefined,
    changes: Readonly<Record<string, string | number>>,
  ): Promise<ClaimOutcome> {
    if (seenClaimId === undefined) return { kind: 'in-flight' };
    const { kind } = await this.#table.write(keyOf(claim), {
      set: { ...changes, [CLAIM_ID]: claim.claimId },
      remove: [ANSWER],
      condition: [{ attribute: CLAIM_ID, is: 'equal', value: seenClaimId }],
    });
    return kind === 'made' ? { kind: 'claimed', claim } : { kind: 'in-flight' };
  }

  async keep(claim: Claim, answer: KeptAnswer): Promise<KeptAnswer | undefined> {
    const written = await this.#table.write(keyOf(claim), {
      set: { [ANSWER]: { stored: { B: packed(answer) } } },
      remove: [],
      condition: [{ attribute: CLAIM_ID, is: 'equal', value: claim.claimId }],
    });
    if (written.kind === 'made') return answer;
    const found = readRecord(written.found);
    // Gone altogether: nobody else can have answered.
    return found === undefined ? answer : found.answer;
  }

  async release(claim: Claim): Promise<void> {
    await this.#table.write(keyOf(claim), {
      set: { [LOCKED_UNTIL_MS]: 0 },
      remove: [],
      condition: [{ attribute: CLAIM_ID, is: 'equal', value: claim.claimId }],
    });
  }
}

interface KeyRecord {
  readonly requestHash: string;
  readonly claimId: string;
  readonly firstTriedAtMs: number;
  readonly lockedUntilMs: number;
  readonly answer?: KeptAnswer;
}

const readRecord = (item: Item | undefined): KeyRecord | undefined => {
  const requestHash = item?.[REQUEST_HASH]?.S;
  const claimId = item?.[CLAIM_ID]?.S;
  if (item === undefined || requestHash === undefined || claimId === undefined) return undefined;
  const answer = item[ANSWER]?.B;
  return {
    requestHash,
    claimId,
    firstTriedAtMs: Number(item[FIRST_TRIED_AT_MS]?.N ?? 0),
    lockedUntilMs: Number(item[LOCKED_UNTIL_MS]?.N ?? 0),
    ...(answer && { answer: unpacked(answer) }),
  };
};

const isForgotten = ({ firstTriedAtMs }: KeyRecord, nowMs: number): boolean => nowMs >= firstTriedAtMs + KEPT_MS;

const purgeAtOf = (firstTriedAtMs: number): string => String(Math.ceil((firstTriedAtMs + KEPT_MS) / SECOND_MS));

const keyOf = ({ recordId }: Claim): Item => ({ [KEY]: { S: recordId } });

const packed = (answer: KeptAnswer): Uint8Array => new Uint8Array(deflateRawSync(JSON.stringify(answer)));

/** Only this file writes what it reads here. */
const unpacked = (bytes: Uint8Array): KeptAnswer => JSON.parse(inflateRawSync(bytes).toString('utf8'));
