/** What the answer to a write means whose earlier try may have been carried out although nobody heard of it. */
import { isDeepStrictEqual } from 'node:util';
import type { ConditionalWrite } from './conditional-write.ts';
import { attributeOf, type Item } from './item.ts';
import type { WriteAnswer } from './table.ts';
import type { FoundByWrite, TransactedWrite, TransactionAnswer } from './transaction.ts';

/**
 * The answer to a write that was refused. One whose answer was lost before may have been made by itself: then the item is
 * just as this write makes it.
 *
 * @param found the item that the condition found, undefined if there is none
 * @param mayHaveBeenMade whether a request before this one held the same write, and its answer was lost
 */
export const answerToRefused = (
  found: Item | undefined,
  { set, remove }: ConditionalWrite,
  mayHaveBeenMade: boolean,
): WriteAnswer => {
  const written = Object.fromEntries(Object.entries(set).map(([name, value]) => [name, attributeOf(value)]));
  const isOurs = found !== undefined && holds(found, written) && remove.every((name) => found[name] === undefined);
  return mayHaveBeenMade && isOurs ? { kind: 'made', item: found } : { kind: 'refused', found };
};

/** The same for the creation of an item. */
export const answerToRefusedCreation = (found: Item | undefined, item: Item, mayHaveBeenMade: boolean): WriteAnswer => {
  const isOurs = mayHaveBeenMade && found !== undefined && holds(found, item);
  return isOurs ? { kind: 'made', item: found } : { kind: 'refused', found };
};

/**
 * The same for a transaction. Where it was made before, whatever refuses it now is just as it left it.
 *
 * @param found one entry for each write
 */
export const answerToRefusedTransaction = (
  writes: readonly TransactedWrite[],
  found: readonly FoundByWrite[],
  mayHaveBeenMade: boolean,
): TransactionAnswer => {
  const isOurs = (write: TransactedWrite | undefined, each: FoundByWrite): boolean => {
    if (!each.refused) return true;
    if (write?.kind === 'put') return answerToRefusedCreation(each.found, write.item, true).kind === 'made';
    return write?.kind === 'update' && answerToRefused(each.found, write.write, true).kind === 'made';
  };
  return mayHaveBeenMade && found.every((each, index) => isOurs(writes[index], each))
    ? { kind: 'made' }
    : { kind: 'refused', writes: found };
};

/** An item as a write that was made has left it. */
export const itemAfter = (before: Item, { set, remove }: Pick<ConditionalWrite, 'set' | 'remove'>): Item => {
  const written = Object.entries(set).map(([name, value]) => [name, attributeOf(value)]);
  const kept = Object.entries(before).filter(([name]) => !remove.includes(name));
  return Object.fromEntries([...kept, ...written]);
};

const holds = (found: Item, attributes: Item): boolean =>
  Object.entries(attributes).every(([name, value]) => isDeepStrictEqual({ ...found[name] }, { ...value }));
