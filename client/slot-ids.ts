/** The slots that an item of the service's own bookings table claims. */
import { areSlotsOfOne, isSlotId, MAX_SLOT_ID_BYTES } from '../functions/core/slots.ts';
import { BOOKINGS_SHAPE, OWN_ATTRIBUTES, type TableShape } from '../functions/table/shape.ts';
import { InvalidMoveError } from './input.ts';
import { type Attributes, plainOf, shown } from './values.ts';

/** Whether key, status and deadline are those of the service's own bookings table. */
export const isBookingsTable = ({ key, status, deadline }: TableShape): boolean => {
  const decisive = (shape: Pick<TableShape, 'key' | 'status' | 'deadline'>) =>
    JSON.stringify([shape.key, shape.status.attribute, shape.deadline]);
  return decisive({ key, status, deadline }) === decisive(BOOKINGS_SHAPE);
};

/**
 * The slots of an item, by the rule that the service reads them by; undefined if it claims none, or has an attribute of this
 * name for something else.
 */
export const slotIdsIn = (item: Attributes): readonly string[] | undefined => {
  const texts = textsIn(item, OWN_ATTRIBUTES.slotIds);
  return texts && areSlotsOfOne(texts) ? texts : undefined;
};

/** The slots whose loss was noted in an item, because its confirmation was refused for good. */
export const lostSlotIdsIn = (item: Attributes): readonly string[] =>
  textsIn(item, OWN_ATTRIBUTES.lostSlotIds)?.filter(isSlotId) ?? [];

const textsIn = (item: Attributes, name: string): string[] | undefined => {
  const list = Object.hasOwn(item, name) ? plainOf(item[name]) : undefined;
  return Array.isArray(list) && list.every((each) => typeof each === 'string') ? list : undefined;
};

/**
 * Slots as a caller gives them.
 *
 * @param most how many there may be
 * @throws InvalidMoveError unless there is at least one, and each of them once
 */
export const slotIdsGiven = (where: string, given: unknown, most: number): readonly string[] => {
  if (!Array.isArray(given) || given.length === 0 || given.length > most) {
    const got = Array.isArray(given) ? `${given.length} of them` : shown(given);
    throw new InvalidMoveError(`${where} must be a list of 1 to ${most} slots, each of them once, got ${got}`);
  }
  for (const [index, id] of given.entries()) {
    // Half a character would be stored as another one.
    if (typeof id !== 'string' || !isSlotId(id) || !id.isWellFormed()) {
      const rule = `1 to ${MAX_SLOT_ID_BYTES} bytes of well-formed Unicode`;
      throw new InvalidMoveError(`${where}[${index}] must be ${rule}, got ${shown(id)}`);
    }
    if (given.indexOf(id) < index) {
      throw new InvalidMoveError(`${where} must name each slot once, got ${shown(id)} twice`);
    }
  }
  return [...given];
};
